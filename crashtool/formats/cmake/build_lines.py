"""How a build compiles its sources and links its targets, whichever generator wrote it down."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

EXECUTABLE, SHARED = "executable", "shared library"


class CompileLine(NamedTuple):
    """How one source, or all those of a target, are compiled.

    `folder` is what relative paths are relative to. `output` is the object, "" when not known.
    """

    source: str
    folder: str
    words: tuple[str, ...]
    output: str = ""
    file: str = ""


class LinkLine(NamedTuple):
    """How a target is linked: `words` are flags, objects and libraries, in their order.

    `file` is where that is written, with the line from 1 where it is known.
    """

    target: str
    kind: str
    folder: str
    words: tuple[str, ...]
    file: str = ""
    line: int | None = None
