"""How a program's processes are followed, as the user asked."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class Following(NamedTuple):
    """How the processes that a program starts are followed.

    `to_the_end`: until all have ended, not only the program. `ignore`: patterns for the names and
    command lines of those whose crash is expected. `alone`: they are not followed, only the
    program. `timeout`: seconds after which all that still runs is dumped and ended.
    """

    to_the_end: bool = False
    ignore: tuple[str, ...] = ()
    alone: bool = False
    timeout: float | None = None
