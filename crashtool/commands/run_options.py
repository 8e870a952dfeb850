"""What run was asked, as click and the settings give it."""

from __future__ import annotations

from crashtool.commands.options import SymbolOptions
from crashtool.formats.named_tuple import NamedTuple


class RunOptions(NamedTuple):
    """The options of one call, times in seconds; `lookup` are those of symbols."""

    annotations: tuple[str, ...] | None
    attachments: tuple[str, ...] | None
    url: str | None
    database: str | None
    handler: str | None
    writer: str
    mode: str
    children: bool
    to_the_end: bool
    time_limit: float | None
    pid: int | None
    kill: bool
    ignore: tuple[str, ...]
    attach_stderr: bool
    json_lines: bool
    junit: str | None
    ci_system: str | None
    report: str | None
    lookup: SymbolOptions
