"""The handler's command line for one run, from what the user gave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from crashtool.errors import UsageError
from crashtool.formats.attributes import Attachment, Attribute, parse_attachment, parse_pair
from crashtool.formats.crashpad.arguments import HANDLER_KINDS, start_handler_arguments
from crashtool.formats.shell_words import quote_word
from crashtool.services.handler.crashpad_handler.find import Handler

_NOISE = ("tag not found", "cpufreq", "opendir", "payload size", "truncated msg")


def compose_command(
    handler: Handler,
    database: Path,
    *,
    annotations: Iterable[Attribute] = (),
    attachments: Iterable[Attachment] = (),
    url: str = "",
    arguments: Sequence[str] = (),
) -> list[str]:
    """The handler's path and arguments, without the way it is connected.

    Periodic tasks are off: at its start a one-shot handler's first scan can swallow the very report
    it has just written. The rate limit is off: whoever runs a program by hand wants its report.
    """
    steady = ["--no-periodic-tasks", *(["--no-rate-limit"] if url else [])]
    return [
        handler.path,
        *start_handler_arguments(
            annotations,
            attachments,
            kind=handler.kind,
            database=str(database),
            url=url,
            arguments=[*steady, *arguments],
        ),
    ]


def read_annotations(texts: Iterable[str]) -> tuple[Attribute, ...]:
    """`KEY=VALUE` texts; UsageError for one that would make the handler exit at its start."""
    return tuple(map(parse_pair, texts))


def read_attachments(texts: Iterable[str], kind: str | None) -> tuple[Attachment, ...]:
    """`[NAME=]PATH` texts with absolute paths; UsageError for a NAME the handler cannot take.

    `kind` is None where there is no handler, and any name will do.
    """
    attachments = []
    for text in texts:
        attachment = parse_attachment(text)
        if attachment.name is not None and kind and not HANDLER_KINDS[kind].names_attachments:
            raise UsageError(
                f"this handler names an attachment after its file, not '{attachment.name}'",
                hint=f"give the file that name: --attachment {quote_word(attachment.path)}",
            )
        path = str(Path(attachment.path).expanduser().absolute())
        attachments.append(Attachment(attachment.name, path, Path(path).is_dir()))
    return tuple(attachments)


def telling_lines(log: str) -> list[str]:
    """What a handler logged, without what it says at every crash."""
    return [line for line in log.splitlines() if line and not any(n in line for n in _NOISE)]
