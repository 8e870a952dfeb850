"""The C13 data of one module: lines by address, source files, where inlined functions stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from struct import iter_unpack, unpack_from
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.structs import Index, LinesBlock, LinesHead, SubsectionHead
from crashtool.formats.source_path import clean_path

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream

HIDDEN_LINES = (0xFEEFEE, 0xF00F00)  # code that the compiler made: the line before goes on
LINE_MASK = 0xFFFFFF
LINE_SIZE = 8
MAX_OVERLAPPING = 8
MAX_PART = 1 << 26
INLINEE_SIZE = 12
EXTENDED = 1  # the form of DEBUG_S_INLINEELINES that lists further files


class PdbLine(NamedTuple):
    """A line of a source file, counted from 1."""

    file: str
    line: int


class LinePart(NamedTuple):
    """A DEBUG_S_LINES: `size` bytes of code, with blocks of lines from `start` to `end`."""

    section: int
    offset: int
    size: int
    start: int
    end: int


class ImportedIds(NamedTuple):
    """The numbers that a module takes of another, by that one's name."""

    module: str
    numbers: tuple[int, ...]


class LineTables:
    """C13 data. `read_name` gives a text of /names by its offset."""

    def __init__(
        self, stream: MsfStream, start: int, size: int, read_name: Callable[[int], str]
    ) -> None:
        """MalformedFile when a part is cut short."""
        self._stream = stream
        self._read_name = read_name
        self._parts: dict[int, list[tuple[int, int]]] = {}
        self._lines: list[LinePart] = []
        self._inlinees: dict[int, tuple[int, int]] | None = None
        self._split(start, min(start + size, len(stream)))
        self._lines.sort()

    def _split(self, offset: int, end: int) -> None:
        while offset + SubsectionHead.SIZE <= end:
            head = SubsectionHead.read(self._stream.read(offset, SubsectionHead.SIZE))
            start = offset + SubsectionHead.SIZE
            if not head.kind or head.size > min(end - start, MAX_PART):
                raise MalformedFile("lines of a PDB are cut short", offset=offset)
            if head.kind == cv.DEBUG_S_LINES:
                lines = LinesHead.read(self._stream.read(start, LinesHead.SIZE))
                self._lines.append(
                    LinePart(
                        lines.section,
                        lines.offset,
                        lines.size,
                        start + LinesHead.SIZE,
                        start + head.size,
                    )
                )
            else:
                self._parts.setdefault(head.kind, []).append((start, head.size))
            offset = start + (head.size + 3 & ~3)

    def find_line(self, section: int, offset: int) -> PdbLine | None:
        """The line at an offset of a section; None where there is none."""
        at = bisect_right(self._lines, (section, offset), key=lambda line: line[:2])
        for part in reversed(self._lines[max(0, at - MAX_OVERLAPPING) : at]):
            if part.section == section and part.offset <= offset < part.offset + part.size:
                line = self._find_in(part, offset - part.offset)
                if line is not None:
                    return PdbLine(self.find_file(line[0]), line[1])
        return None

    def covers(self, section: int, offset: int) -> bool:
        """Whether there are lines for the code at an offset of a section."""
        at = bisect_right(self._lines, (section, offset), key=lambda part: part[:2])
        return any(
            part.section == section and part.offset <= offset < part.offset + part.size
            for part in self._lines[max(0, at - MAX_OVERLAPPING) : at]
        )

    @property
    def has_inlinees(self) -> bool:
        """Whether functions were merged into others."""
        parts = self._parts.get(cv.DEBUG_S_INLINEELINES, ())
        return any(size >= Index.SIZE + INLINEE_SIZE for _, size in parts)

    def _find_in(self, part: LinePart, offset: int) -> tuple[int, int] | None:
        """The number of the file, and the line; of the last row at or before an offset."""
        best = -1
        line = None
        for file, rows in self._walk_blocks(part):
            at = bisect_right(rows, offset, key=lambda pair: pair[0]) - 1
            while at >= 0 and rows[at][1] in HIDDEN_LINES:
                at -= 1
            if at >= 0 and rows[at][0] >= best:
                best, line = rows[at][0], (file, rows[at][1])
        return line

    def _walk_blocks(self, part: LinePart) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Of each block the number of its file, and its rows: an offset, a line."""
        offset = part.start
        while offset + LinesBlock.SIZE <= part.end:
            block = LinesBlock.read(self._stream.read(offset, LinesBlock.SIZE))
            start = offset + LinesBlock.SIZE
            if block.line_count * LINE_SIZE > part.end - start:
                raise MalformedFile(
                    f"{block.line_count} lines of a PDB are cut short", offset=offset
                )
            data = self._stream.read_exactly(start, block.line_count * LINE_SIZE)
            yield block.file, [(pair[0], pair[1] & LINE_MASK) for pair in iter_unpack("<II", data)]
            offset += max(block.size, LinesBlock.SIZE)

    def walk_parts(self) -> Iterator[tuple[int, int, list[tuple[int, int, int, int]]]]:
        """Of each part its section, its offset there, and its rows in order: offset, size, line
        and the number of the file; hidden lines are left out, as the line before them goes on.

        Of parts that begin together, as those of folded functions do, the last counts.
        """
        for part in {line[:2]: line for line in self._lines}.values():
            lines = sorted(
                (offset, order, line, file)
                for order, (file, rows) in enumerate(self._walk_blocks(part))
                for offset, line in rows
                if line not in HIDDEN_LINES
            )
            ends = [offset for offset, *_ in lines[1:]] + [part.size]
            rows = [
                (offset, end - offset, line, file)
                for (offset, _, line, file), end in zip(lines, ends, strict=True)
                if offset < end and line
            ]
            yield part.section, part.offset, rows

    def find_file(self, number: int) -> str:
        """A source file by its offset among the checksums; "" for one that is none."""
        for start, size in self._parts.get(cv.DEBUG_S_FILECHKSMS, ()):
            if number + Index.SIZE <= size:
                name = Index.read(self._stream.read(start + number, Index.SIZE)).value
                return clean_path(self._read_name(name))
        return ""

    def find_inlinee(self, number: int) -> tuple[int, int] | None:
        """The file's number and the line of an inlined function's beginning, by its id."""
        if self._inlinees is None:
            self._inlinees = dict(self._walk_inlinees())
        return self._inlinees.get(number)

    def _walk_inlinees(self) -> Iterator[tuple[int, tuple[int, int]]]:
        for start, size in self._parts.get(cv.DEBUG_S_INLINEELINES, ()):
            data = self._stream.read_exactly(start, size)
            form = Index.read(data).value
            offset = Index.SIZE
            while offset + INLINEE_SIZE <= len(data):
                number, file, line = unpack_from("<III", data, offset)
                yield number, (file, line)
                offset += INLINEE_SIZE
                if form == EXTENDED and offset + Index.SIZE <= len(data):
                    offset += Index.SIZE * (1 + Index.read(data, offset).value)

    def walk_imports(self) -> Iterator[ImportedIds]:
        """What DEBUG_S_CROSSSCOPEIMPORTS lists, in order: link-time code generation's ids."""
        for start, size in self._parts.get(cv.DEBUG_S_CROSSSCOPEIMPORTS, ()):
            data = self._stream.read_exactly(start, size)
            offset = 0
            while offset + 2 * Index.SIZE <= len(data):
                name, count = unpack_from("<II", data, offset)
                offset += 2 * Index.SIZE
                numbers = tuple(number.value for number in Index.read_array(data, offset, count))
                yield ImportedIds(self._read_name(name), numbers)
                offset += count * Index.SIZE

    def read_exports(self) -> dict[int, int]:
        """Everyone's numbers by this module's own, of DEBUG_S_CROSSSCOPEEXPORTS."""
        exports: dict[int, int] = {}
        for start, size in self._parts.get(cv.DEBUG_S_CROSSSCOPEEXPORTS, ()):
            data = self._stream.read_exactly(start, size & ~7)
            exports.update(iter_unpack("<II", data))
        return exports
