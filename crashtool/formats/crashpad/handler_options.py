"""crashpad_handler's options: what follows from each, which handlers know it, who gives it."""

from __future__ import annotations

from typing import NamedTuple

from crashtool.errors import UsageError

EXITS = "the handler exits at once, and no crash is handled"


class HandlerOption(NamedTuple):
    """An option for StartHandler's `arguments`; `consequence` is what follows from it.

    `value` is what the help calls its value, empty for none. `kinds` are the handlers that know it,
    empty for all; `system` is the only one on which they do, empty for all.
    """

    name: str
    consequence: str
    value: str = ""
    kinds: tuple[str, ...] = ()
    system: str = ""


SENTRY = ("sentry",)
# handler/handler_main.cc and handler/crashpad_handler.md; each tried with real handlers on Linux
HANDLER_OPTIONS = {
    option.name: option
    for option in (
        HandlerOption(
            "no-rate-limit",
            "every crash is uploaded at once; without it, a second one within the hour is kept and "
            "never sent. A program that crashes again and again sends each time: for tests, not "
            "for releases",
        ),
        HandlerOption(
            "no-upload-gzip",
            "reports are uploaded unpacked, several times as large: for a receiver or proxy that "
            "does not take Content-Encoding: gzip",
        ),
        HandlerOption(
            "no-identify-client-via-url",
            "product, version and guid are left out of the URL: servers that sort or refuse by it "
            "do not see them; the fields in the body stay",
        ),
        HandlerOption(
            "no-periodic-tasks",
            "what waits is not tried again every 15 minutes, and old reports are not deleted: the "
            "database grows until something else prunes it",
        ),
        HandlerOption(
            "monitor-self",
            "a second handler watches the first and reports its crashes under the same "
            "annotations, without attachments: one more process for each program",
        ),
        HandlerOption(
            "monitor-self-annotation",
            "reports of the handler's own crashes bear this annotation; without monitor-self there "
            "are none",
            value="KEY=VALUE",
        ),
        HandlerOption(
            "monitor-self-argument",
            "the second handler gets this argument, too; one that it does not know ends it, and "
            "the handler's own crashes are not reported. Without monitor-self it does nothing",
            value="ARGUMENT",
        ),
        HandlerOption(
            "reset-own-crash-exception-port-to-system-default",
            "crashes of the handler itself go to the system's crash reporter, not to the handler "
            "of the program that started it",
            system="macOS",
        ),
        HandlerOption(
            "write-minidump-to-log",
            "each minidump is also written to the system's log, packed and in base 94: what the "
            "program had in memory is there for whoever reads the log",
            system="Android",
        ),
        HandlerOption(
            "no-write-minidump-to-database",
            "no minidump is kept, so none is uploaded: with write-minidump-to-log it is in the log "
            "alone",
            system="Android",
        ),
        HandlerOption(
            "use-cros-crash-reporter",
            "reports go to the system's crash_reporter instead of the database: the handler "
            "uploads nothing",
            system="ChromeOS",
        ),
        HandlerOption(
            "minidump-dir-for-tests",
            "with use-cros-crash-reporter minidumps are written to this folder: for tests",
            value="DIR",
            system="ChromeOS",
        ),
        HandlerOption(
            "always-allow-feedback",
            "crash_reporter is told to take reports without the user's consent",
            system="ChromeOS",
        ),
        HandlerOption(
            "http-proxy",
            "uploads go through this proxy, `<empty>` for none, whatever the system says; on "
            "Windows one that does not begin with http:// is ignored. StartHandler has a parameter "
            "for it, which wins",
            value="URL",
            kinds=SENTRY,
        ),
        HandlerOption(
            "wait-for-upload",
            "the crashed program stays until its report is uploaded or given up, so a container "
            "that ends with it does not cut the upload off; its user waits as long",
            kinds=SENTRY,
        ),
        HandlerOption(
            "report-id",
            "the report has this identifier instead of a random one: for a handler that is started "
            "for one crash",
            value="UUID",
            kinds=SENTRY,
        ),
        HandlerOption(
            "log-file",
            "the handler's messages go to this file: on Windows the only way to see them without "
            "a debugger",
            value="FILE",
            kinds=SENTRY,
        ),
        HandlerOption(
            "log-level",
            "messages below this severity are left out: -1 shows all, 0 and up info, 1 warnings, "
            "2 errors, 4 fatal ones",
            value="N",
            kinds=SENTRY,
        ),
        HandlerOption(
            "crash-reporter",
            "Sentry's SDK has this program started at a crash, with the file of crash-envelope",
            value="PROGRAM",
            kinds=SENTRY,
        ),
        HandlerOption(
            "crash-envelope",
            "Sentry's SDK has the crash described in this file, in a form that Backtrace does not "
            "read",
            value="FILE",
            kinds=SENTRY,
        ),
        HandlerOption(
            "screenshot",
            "a picture of the program's windows goes with each report: it may show what its user "
            "would not send",
            value="FILE",
            kinds=SENTRY,
            system="Windows",
        ),
    )
}
"""Those that a program may give; the rest is StartHandler's (OWNED)."""

_CONNECTION = "StartHandler connects the handler to its program with it"
OWNED = {
    "annotation": "it is StartHandler's parameter `annotations`: crashtool annotate KEY=VALUE",
    "attachment": "it is StartHandler's parameter `attachments`: crashtool annotate --attach PATH",
    "database": "it is StartHandler's parameter `database`",
    "metrics-dir": "it is StartHandler's parameter `metrics_dir`",
    "url": "it is StartHandler's parameter `url`: crashtool make-url",
    "handshake-fd": _CONNECTION,
    "mach-service": _CONNECTION,
    "initial-client-data": _CONNECTION,
    "initial-client-fd": _CONNECTION,
    "pipe-name": _CONNECTION,
    "shared-client-connection": _CONNECTION,
    "trace-parent-with-exception": _CONNECTION,
    "sanitization-information": _CONNECTION,
    "help": "with it the handler says how it is used and ends: no crash is handled",
    "version": "with it the handler says its version and ends: no crash is handled",
}
"""Options that are not for `arguments`, and why (client/client_argv_handling.cc)."""


def parse_handler_option(text: str, kind: str) -> str:
    """`NAME` or `NAME=VALUE`, dashes before it or not, as an argument of a handler of this kind.

    UsageError for what this handler would exit at, and for what StartHandler gives it itself.
    """
    name, sign, value = text.removeprefix("--").partition("=")
    option = HANDLER_OPTIONS.get(name)
    if name in OWNED:
        raise UsageError(f"--{name} is not for --handler-option: {OWNED[name]}")
    if option is None:
        raise UsageError(f"unknown handler option --{name}: {EXITS}", hint=_suggest(name, kind))
    if option.kinds and kind not in option.kinds:
        raise UsageError(
            f"a handler of the kind '{kind}' does not know --{name}: {EXITS}",
            hint=f"--handler {option.kinds[0]}, if yours is one",
        )
    if sign and not option.value:
        raise UsageError(f"--{name} takes no value: {EXITS}", hint=f"--handler-option {name}")
    if option.value and not value:
        raise UsageError(f"--{name} needs a value", hint=f"--handler-option {name}={option.value}")
    if option.value == "KEY=VALUE" and not value.partition("=")[1]:
        raise UsageError(
            f"--{name} needs KEY=VALUE: {EXITS}", hint=f"--handler-option {name}=KEY=VALUE"
        )
    return f"--{name}{sign}{value}"


def find_handler_option(argument: str) -> HandlerOption:
    """The option that an argument made by `parse_handler_option` gives."""
    return HANDLER_OPTIONS[argument.removeprefix("--").partition("=")[0]]


def _suggest(name: str, kind: str) -> str:
    from difflib import get_close_matches  # seldom needed

    names = [
        option.name
        for option in HANDLER_OPTIONS.values()
        if not option.kinds or kind in option.kinds
    ]
    near = get_close_matches(name, [*names, *OWNED], n=1)
    return f"did you mean --{near[0]}?" if near else "it has " + ", ".join(names)
