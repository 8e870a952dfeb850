"""crashpad_handler's command line as StartHandler composes it, for each kind of handler."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crashtool.formats.attributes import Attachment, Attribute, join_annotations
from crashtool.formats.named_tuple import NamedTuple

MAX_COMMAND_LINE = 32766  # UTF-16 units without the NUL; CreateProcessW
MAX_ARGUMENT = 131071  # bytes without the NUL; Linux, MAX_ARG_STRLEN
QUOTED = frozenset(' \t\n\v"')  # util/win/command_line.cc


class HandlerKind(NamedTuple):
    """A family of handlers. `names_attachments`: takes --attachment=NAME=PATH, the others PATH."""

    name: str
    meaning: str
    names_attachments: bool = False
    renames_attachments: bool = False


HANDLER_KINDS = {
    option.name: option
    for option in (
        HandlerKind("upstream", "Chromium's Crashpad"),
        HandlerKind("backtrace", "Backtrace's builds since 2022"),
        HandlerKind("backtrace-2018", "Backtrace's builds of 2018 to 2021", names_attachments=True),
        HandlerKind("sentry", "Sentry's builds", renames_attachments=True),
    )
}


def start_handler_arguments(
    annotations: Iterable[Attribute] = (),
    attachments: Iterable[Attachment] = (),
    *,
    kind: str = "upstream",
    database: str = "",
    metrics_dir: str = "",
    url: str = "",
    arguments: Iterable[str] = (),
) -> list[str]:
    """What follows the handler's path in argv, in StartHandler's order.

    First `arguments` as they are, then database, metrics folder and URL unless empty, annotations
    in the byte order of their keys, attachments (client/client_argv_handling.cc). A handler of
    2018 refuses what StartHandler makes of its attachments parameter, so there they must come with
    `arguments`.
    """
    named = {"database": database, "metrics-dir": metrics_dir, "url": url}
    attached = [attachment_argument(attachment, kind) for attachment in attachments]
    early = HANDLER_KINDS[kind].names_attachments
    return [
        *arguments,
        *(attached if early else ()),
        *(f"--{name}={value}" for name, value in named.items() if value),
        *(f"--annotation={key}={value}" for key, value in join_annotations(annotations).items()),
        *(() if early else attached),
    ]


def attachment_argument(attachment: Attachment, kind: str) -> str:
    """An attachment as a handler of this kind takes it."""
    if HANDLER_KINDS[kind].names_attachments:
        return f"--attachment={sent_name(attachment, kind)}={attachment.path}"
    return f"--attachment={attachment.path}"


def sent_name(attachment: Attachment, kind: str) -> str:
    """The form field that an attachment arrives in, before the handler's own rules for names.

    With a handler of 2018 the name must bring the prefix by which the server knows attachments.
    """
    if not HANDLER_KINDS[kind].names_attachments:
        return attachment.base_name
    return "attachment_" + (attachment.base_name if attachment.name is None else attachment.name)


def windows_command_line(arguments: Sequence[str]) -> str:
    """One command line that Windows splits into these arguments again (CommandLineToArgvW)."""
    return " ".join(quote_windows(argument) for argument in arguments)


def quote_windows(argument: str) -> str:
    r"""An argument as Crashpad quotes it (util/win/command_line.cc).

    In quotes when empty or with a blank or `"` in it. Then backslashes are doubled where a `"`
    follows, the closing one included, and a `"` becomes `\"`.
    """
    if argument and not QUOTED.intersection(argument):
        return argument
    quoted = []
    backslashes = 0
    for character in argument:
        if character == "\\":
            backslashes += 1
            continue
        if character == '"':
            backslashes = 2 * backslashes + 1
        quoted.append("\\" * backslashes + character)
        backslashes = 0
    return '"' + "".join(quoted) + "\\" * (2 * backslashes) + '"'
