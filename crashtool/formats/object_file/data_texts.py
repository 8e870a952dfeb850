"""Texts in the data of a program: what its code was written with, without reading the code.

Debug information is left out: it is full of the paths of the build machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf, macho, pe

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAX_TEXT = 2048  # characters
MAX_HITS = 4096  # of one fragment; a browser has thousands of texts with "handler" in them
FLAG_ALLOCATED = 0x2  # SHF_ALLOC
NARROW, WIDE = 1, 2  # bytes of a character
PRINTABLE = frozenset(range(0x20, 0x7F))


class Extent(NamedTuple):
    """Some bytes of a file, from `start` to `end`."""

    start: int
    end: int


class PlacedText(NamedTuple):
    """A text, and where in the file it begins; `width`: bytes of a character."""

    text: str
    offset: int
    width: int


def find_texts(data: Content, fragments: tuple[str, ...]) -> tuple[str, ...]:
    """The ASCII texts in a program's data that hold any of the fragments, each once, in order.

    8-bit and UTF-16 characters are both read. A text is cut at MAX_TEXT characters around the
    fragment.
    """
    return tuple(dict.fromkeys(placed.text for placed in find_placed_texts(data, fragments)))


def find_placed_texts(data: Content, fragments: tuple[str, ...]) -> tuple[PlacedText, ...]:
    """As find_texts, each text at the first of its places."""
    texts: dict[str, PlacedText] = {}
    for extent in list_data(data):
        for fragment in fragments:
            for width in (NARROW, WIDE):
                for placed in _walk_texts(data, extent, fragment, width):
                    texts.setdefault(placed.text, placed)
    return tuple(texts.values())


def list_data(data: Content) -> tuple[Extent, ...]:
    """Where the parts of an object file are that a process has in memory; all of an unknown one."""
    if bytes(data[:4]) == elf.MAGIC:
        layout = elf.read_layout(data)
        rows = layout.sections if layout else ()
        extents = [
            Extent(section.offset, section.offset + section.size)
            for section in rows
            if section.present
            and section.flags & FLAG_ALLOCATED
            and not section.flags & elf.FLAG_EXECUTABLE
        ]
    elif bytes(data[:2]) == pe.MAGIC:
        sections = pe.read_image(data).sections
        extents = [
            Extent(section.offset, section.offset + section.size)
            for name, section in sections.items()
            if not name.startswith(".debug") and not section.characteristics & pe.CONTAINS_CODE
        ]
    else:
        extents = [Extent(*bounds) for bounds in macho.list_segments(data, without=macho.NO_DATA)]
    return tuple(extents) or (Extent(0, len(data)),)


def _walk_texts(data: Content, extent: Extent, fragment: str, width: int) -> Iterator[PlacedText]:
    needle = fragment.encode("ascii" if width == NARROW else "utf-16-le")
    offset = extent.start
    for _ in range(MAX_HITS):
        offset = data.find(needle, offset, extent.end)
        if offset < 0:
            return
        start, end = _widen(data, extent, offset, width)
        yield PlacedText(bytes(data[start:end:width]).decode("ascii"), start, width)
        offset = max(end, offset + len(needle))


def _widen(data: Content, extent: Extent, offset: int, width: int) -> tuple[int, int]:
    """From where to where the text goes that stands at a place."""
    low = max(extent.start, offset - MAX_TEXT * width)
    high = min(extent.end, offset + MAX_TEXT * width)
    start, end = offset, offset
    while start - width >= low and _is_character(data, start - width, width):
        start -= width
    while end + width <= high and _is_character(data, end, width):
        end += width
    return start, end


def _is_character(data: Content, offset: int, width: int) -> bool:
    return data[offset] in PRINTABLE and (width == NARROW or not data[offset + 1])
