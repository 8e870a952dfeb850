"""handler.protocol, .arguments, .attachments: whether client and handler understand each other."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from crashtool.errors import reason_of
from crashtool.formats.attributes import parse_attachment
from crashtool.formats.crashpad.markers import BACKTRACE_2018, SENTRY
from crashtool.formats.object_kinds import ELF
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.files.temporary_folder import temporary_folder
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import (
    find_obstacle,
    markers_of,
    read_objects,
)
from crashtool.services.integration.doctor.findings import failure, note, skip, warning
from crashtool.services.integration.doctor.library_search import find_missing
from crashtool.services.integration.doctor.pairing import find_programs
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.workers.child_environment import child_environment

# What the handlers of Sentry since 2025 alone have; their messages are 4112 bytes
SENTRY_2025 = (b"wait-for-upload", b"crash-envelope", b"report-id")
SENTRY_CLIENT = (b"sentry.native", b"sentry-native", b"SENTRY_DSN", b"sentry_key=")
USUAL_SIZE, SENTRY_SIZE = 40, 4112  # bytes: Upstream's since 2019-08; Sentry's since 2025
ANSWER_SECONDS = 5.0
HELP_SECONDS = 20.0
MAX_REPLY = 1 << 16  # bytes


def find_reason(handler: str, examination: Examination) -> str:
    """Why a handler is not started for a question, or could not be; "" when it can."""
    reason = find_obstacle(handler, examination)
    if not reason and examination.recall(read_objects, handler)[0].kind == ELF:
        missing = find_missing(handler, examination)
        return f"{missing[0].library} is missing: see handler.libraries" if missing else ""
    return reason


def check_protocol(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The messages of the handler have the size of the client's, asked over its socket."""
    (first, *_) = examination.recall(read_objects, handler.path)
    if first.kind != ELF:
        yield skip(handler.path, "only handlers for Linux can be asked")
        return
    is_sentry, doubt = _find_size(handler, examination)
    if is_sentry is None:
        yield doubt
        return
    for program in find_programs(handler, examination):
        yield from _compare(handler, program, is_sentry=is_sentry)


def _find_size(handler: Subject, examination: Examination) -> tuple[bool | None, CheckResult]:
    """Whether the handler's messages are those of Sentry's since 2025; None, and why, if unknown.

    A handler that is not started is told by its texts: what it has not may be younger than it.
    """
    told = skip(handler.path, "")
    if reason := find_reason(handler.path, examination):
        data = map_file(handler.path)
        if any(data.find(text) >= 0 for text in SENTRY_2025):
            return True, told
        if markers_of(handler, examination).family == SENTRY:
            return None, skip(handler.path, f"not asked: {reason}")
        return False, told
    size = ask_size(handler.path)
    if size is None:
        return None, failure(
            handler.path,
            "it does not answer over its socket",
            "Every crash is lost, after the program has hung for 5 s.",
            f"start it and read what it says: {handler.path} --help",
        )
    return size == SENTRY_SIZE, told


def ask_size(path: str) -> int | None:
    """The size of a handler's messages in bytes, asked with a database that is thrown away."""
    from crashtool.services.handler.crashpad_handler.socket_probe import (
        find_message_size,  # Linux alone has it
    )

    with temporary_folder() as folder:
        command = [os.path.abspath(path), f"--database={folder}"]  # noqa: PTH100
        return find_message_size(command, ANSWER_SECONDS)


def _compare(handler: Subject, program: Subject, *, is_sentry: bool) -> Iterator[CheckResult]:
    data = map_file(program.path)
    has_sentry_client = any(data.find(text) >= 0 for text in SENTRY_CLIENT)
    if is_sentry and not has_sentry_client:
        yield failure(
            handler.path,
            f"this handler is Sentry's (messages of {SENTRY_SIZE} bytes), the client in "
            f"{program.path} is not ({USUAL_SIZE} bytes)",
            "They do not understand each other: every crash is lost after 5 s.",
            "ship the crashpad_handler that was built with the client",
        )
    elif has_sentry_client and not is_sentry:
        yield warning(
            handler.path,
            f"the client in {program.path} is Sentry's, this handler is not, or is from before "
            "2025",
            "A client of sentry-native since 2025 does not understand it: every crash is lost "
            "after 5 s.",
            "ship the crashpad_handler that was built with the client",
        )


def check_arguments(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The handler understands each argument that it will be given; by its own --help."""
    options = examination.options
    arguments = [f"--annotation={pair}" for pair in options.settings.get("annotations") or ()]
    arguments += options.handler_arguments
    if not arguments:
        yield skip("", "no annotations and no --handler-argument to try")
        return
    if reason := find_reason(handler.path, examination):
        unknown = _find_unknown(handler.path, options.handler_arguments)
        if not unknown:
            yield skip(handler.path, f"not tried: {reason}")
            return
        said = ""
    else:
        refused = [text for text in arguments if try_arguments(handler.path, [text])[0]]
        unknown = refused
        said = try_arguments(handler.path, refused[:1])[1] if refused else ""
    for text in unknown:
        more = f" ({said})" if said and text == unknown[0] else ""
        yield failure(
            handler.path,
            f"this handler does not understand {text}{more}",
            "It would exit at once and report nothing: every crash is lost, and on Linux the "
            "program hangs for 5 s.",
            "leave the argument out, or use a handler that knows it",
        )


def _find_unknown(path: str, arguments: Sequence[str]) -> list[str]:
    """Long options whose name is nowhere in a handler: it is not started for it."""
    data = map_file(path)
    unknown = []
    for text in arguments:
        name = text.partition("=")[0]
        if name.startswith("--") and data.find(name[2:].encode("utf-8") + b"\0") < 0:
            unknown.append(text)
    return unknown


def try_arguments(path: str, arguments: Sequence[str]) -> tuple[int, str]:
    """The exit status of a handler asked for its --help with some arguments, and its last words."""
    with tempfile.TemporaryFile() as reply:
        try:
            done = subprocess.run(
                [os.path.abspath(path), *arguments, "--help"],  # noqa: PTH100
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=reply,
                timeout=HELP_SECONDS,
                check=False,
                env=child_environment(),
            )
        except subprocess.TimeoutExpired:
            return -1, "it does not answer --help"
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            return -1, reason_of(error)
        reply.seek(0)
        text = reply.read(MAX_REPLY).decode("utf-8", "replace")
    said = text.strip().splitlines()[:1] or [""]
    return done.returncode, said[0].removeprefix(f"{os.path.abspath(path)}: ")  # noqa: PTH100


def check_attachments(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Attachments are spelled as the handler's fork takes them."""
    options = examination.options
    given = [
        text.partition("=")[2]
        for text in options.handler_arguments
        if text.startswith("--attachment=")
    ]
    family = markers_of(handler, examination).family
    for text in given:
        if family == BACKTRACE_2018 and "=" not in text:
            yield failure(
                handler.path,
                f"it takes --attachment=NAME=PATH, and is given --attachment={text}",
                "It exits at once: every crash is lost.",
                f"--attachment=attachment_{Path(text).name}={text}",
            )
        elif family != BACKTRACE_2018 and text.startswith("attachment_") and "=" in text:
            path = text.partition("=")[2]
            yield warning(
                handler.path,
                f"it takes --attachment=PATH, and is given --attachment={text}",
                "It looks for a file of that whole name: reports arrive without the attachment.",
                f"--attachment={path}",
            )
    if family == BACKTRACE_2018:
        return
    for text in options.settings.get("attachments") or ():
        attachment = parse_attachment(str(text))
        if attachment.name and attachment.name != Path(attachment.path).name:
            yield note(
                handler.path,
                f"the attachment {attachment.path} cannot be given the name {attachment.name}",
                f"It arrives as {Path(attachment.path).name}: this fork names attachments by "
                "their files.",
            )
