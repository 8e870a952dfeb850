"""Inline sites: which calls merged into a procedure are under way at an offset in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.structs import InlineSiteSym, ProcSym, RecordHead

if TYPE_CHECKING:
    from crashtool.formats.pdb.module_code import CodeSymbol
    from crashtool.formats.pdb.msf import MsfStream

MAX_PROCEDURE = 1 << 22  # bytes of one procedure's symbols
MAX_DEPTH = 256
COUNT_SIZE = 4  # of invocations, in an S_INLINESITE2
SHORT, MIDDLE = 0x80, 0xC0  # from where on a number takes two bytes, four bytes
LONGEST = 0xE0


class InlineSite(NamedTuple):
    """A call that was merged: whom, by an id, and where it stands there.

    `file`: a number among the checksums, None for the inlinee's own. `line`: counted from the
    inlinee's beginning. Both are None where the compiler gave no code of its own. `record`: where
    its own is, in bytes from that of the procedure.
    """

    inlinee: int
    file: int | None
    line: int | None
    record: int


def find_inline_sites(stream: MsfStream, symbol: CodeSymbol, offset: int) -> list[InlineSite]:
    """The chain of merged calls at an offset of the symbol's section, the outermost first.

    The deepest that covers it decides; those around it need not cover what it does.
    """
    data = read_procedure(stream, symbol)
    best: list[InlineSite] = []
    chain: list[InlineSite] = []
    for record, head in walk_records(data):
        if head.kind in (cv.S_INLINESITE, cv.S_INLINESITE2):
            start = InlineSiteSym.SIZE + COUNT_SIZE * (head.kind == cv.S_INLINESITE2)
            annotations = data[record + start : record + 2 + head.size]
            annotation = find_annotation(annotations, offset - symbol.offset)
            site = InlineSiteSym.read(data, record)
            file, line = annotation or (None, None)
            chain.append(InlineSite(site.inlinee, file, line, record))
            if annotation is not None and len(chain) > len(best):
                best = list(chain)
            if len(chain) > MAX_DEPTH:
                raise MalformedFile("inlined calls without end", offset=symbol.record)
        elif head.kind == cv.S_INLINESITE_END and chain:
            chain.pop()
    return best


def read_procedure(stream: MsfStream, symbol: CodeSymbol) -> bytes:
    """The records of a procedure, its own first; b"" where they have no end that can be one."""
    size = ProcSym.read(stream.read(symbol.record, ProcSym.SIZE)).end - symbol.record
    return stream.read_exactly(symbol.record, size) if 0 < size <= MAX_PROCEDURE else b""


def walk_records(data: bytes) -> Iterator[tuple[int, RecordHead]]:
    """The records behind a procedure's own: where they are, and their heads."""
    offset = RecordHead.read(data).size + 2 if data else 0
    while offset + RecordHead.SIZE <= len(data):
        head = RecordHead.read(data, offset)
        yield offset, head
        offset += max(head.size + 2, RecordHead.SIZE)


def find_annotation(data: bytes, wanted: int) -> tuple[int | None, int] | None:
    """The file and the line that binary annotations give an offset in the procedure.

    The file is None unless they change it. None when they do not cover the offset.
    """
    for code in walk_annotations(data):
        if code.end is not None and code.start <= wanted < code.end:
            return code.file, code.line
    return None


class AnnotatedCode(NamedTuple):
    """Code of an inlined call, from the procedure's start; `end` is None as long as it is open."""

    start: int
    end: int | None
    file: int | None
    line: int


class _Annotations:
    """What binary annotations have said so far."""

    def __init__(self) -> None:
        self._offset = self._base = self._line = 0
        self._file: int | None = None
        self.open: AnnotatedCode | None = None

    def obey(self, code: int, value: int, step: int) -> AnnotatedCode | None:
        """Take one annotation; the code that it ends, if any.

        `step` is the second number of the one annotation that has two.
        """
        if code == cv.BA_OP_CodeOffset:
            self._offset = value
        elif code == cv.BA_OP_ChangeCodeOffsetBase:
            self._base = value
        elif code == cv.BA_OP_ChangeFile:
            self._file = value
        elif code == cv.BA_OP_ChangeLineOffset:
            self._line += _read_signed(value)
        elif code == cv.BA_OP_ChangeCodeLength:
            return self._end(value)
        elif code == cv.BA_OP_ChangeCodeOffset:
            return self._begin(value)
        elif code == cv.BA_OP_ChangeCodeOffsetAndLineOffset:
            self._line += _read_signed(value >> 4)
            return self._begin(value & 0xF)
        elif code == cv.BA_OP_ChangeCodeLengthAndCodeOffset:
            return self._begin(step, value)
        return None

    def _begin(self, step: int, length: int | None = None) -> AnnotatedCode | None:
        """Code begins `step` bytes on; what was open and has no end reaches to there."""
        self._offset += step
        start = self._base + self._offset
        before = self.open
        end = None if length is None else start + length
        self.open = AnnotatedCode(start, end, self._file, self._line)
        return before and (before if before.end is not None else before._replace(end=start))

    def _end(self, length: int) -> AnnotatedCode | None:
        """The open code has that length; what follows counts from its end."""
        self._offset += length
        if self.open is None or self.open.end is not None:
            return None
        done = self.open._replace(end=self.open.start + length)
        self.open = None
        return done


def walk_annotations(data: bytes) -> Iterator[AnnotatedCode]:
    """The pieces of code of an inline site, in order. What is cut short ends them."""
    numbers = _walk_numbers(data)
    state = _Annotations()
    for code in numbers:
        value = next(numbers, None)
        if not code or value is None:
            break
        step = next(numbers, 0) if code == cv.BA_OP_ChangeCodeLengthAndCodeOffset else 0
        if done := state.obey(code, value, step):
            yield done
    if state.open is not None and state.open.end is not None:
        yield state.open


def _read_signed(value: int) -> int:
    return -(value >> 1) if value & 1 else value >> 1


def _walk_numbers(data: bytes) -> Iterator[int]:
    """Compressed numbers: of one, two or four bytes, by the first one's highest bits."""
    offset = 0
    while offset < len(data):
        first = data[offset]
        size = 1 if first < SHORT else 2 if first < MIDDLE else 4
        if first >= LONGEST or offset + size > len(data):
            return
        mask = {1: 0x7F, 2: 0x3F, 4: 0x1F}[size]
        yield int.from_bytes(bytes([first & mask]) + data[offset + 1 : offset + size], "big")
        offset += size
