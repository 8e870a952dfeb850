"""The code of one module: its procedures, thunks and trampolines, found by hopping through it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.structs import (
    ProcSym,
    RecordHead,
    SepCodeSym,
    ThunkSym,
    TrampolineSym,
)

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream

SIGNATURE_SIZE = 4  # at the start of a module's stream
WINDOW = 1 << 16
WITH_CODE: dict[int, type[ProcSym | SepCodeSym | ThunkSym | TrampolineSym]] = {
    **dict.fromkeys(cv.PROCEDURES, ProcSym),
    cv.S_SEPCODE: SepCodeSym,
    cv.S_THUNK32: ThunkSym,
    cv.S_TRAMPOLINE: TrampolineSym,
}


class CodeSymbol(NamedTuple):
    """A record that speaks of `length` bytes of code; `record` is where it is in the stream."""

    section: int
    offset: int
    length: int
    kind: int
    record: int


class RecordWindow:
    """Records of a stream, read through a piece of it that moves along."""

    def __init__(self, stream: MsfStream) -> None:
        self._stream = stream
        self._data = b""
        self._start = 0

    def locate(self, offset: int, size: int) -> tuple[bytes, int]:
        """Bytes and the index in them from which on `size` are the stream's at `offset`.

        Fewer where the stream ends.
        """
        index = offset - self._start
        if index < 0 or index + size > len(self._data):
            self._data = self._stream.read(offset, max(WINDOW, size))
            self._start, index = offset, 0
        return self._data, index


class ModuleCode:
    """What stands at the top level of a module's symbols, in the order of addresses."""

    def __init__(self, stream: MsfStream, size: int) -> None:
        """`size` is that of the symbols in the stream, in bytes. MalformedFile as they are read."""
        self._symbols = sorted(self._walk(stream, min(size, len(stream))))
        self._longest = max((symbol.length for symbol in self._symbols), default=0)

    def __iter__(self) -> Iterator[CodeSymbol]:
        return iter(self._symbols)

    def find(self, section: int, offset: int) -> CodeSymbol | None:
        """The record that covers an offset; of several that begin at one place the first."""
        best: CodeSymbol | None = None
        for symbol in self._walk_back(section, offset):
            if best is not None and symbol.offset < best.offset:
                break
            if offset < symbol.offset + symbol.length:
                best = symbol
            elif symbol.offset + self._longest <= offset:
                break
        return best

    def find_last_start(self, section: int, offset: int) -> int | None:
        """Where the last code begins at an offset or before it, covering it or not."""
        return next((symbol.offset for symbol in self._walk_back(section, offset)), None)

    def _walk_back(self, section: int, offset: int) -> Iterator[CodeSymbol]:
        at = bisect_right(self._symbols, (section, offset), key=lambda symbol: symbol[:2])
        for index in range(at - 1, -1, -1):
            entry = self._symbols[index]
            if entry.section != section:
                return
            yield entry

    @staticmethod
    def _walk(stream: MsfStream, end: int) -> Iterator[CodeSymbol]:
        window = RecordWindow(stream)
        offset = SIGNATURE_SIZE
        while offset + RecordHead.SIZE <= end:
            data, index = window.locate(offset, ProcSym.SIZE)
            head = RecordHead.read(data, index)
            if head.size < RecordHead.SIZE - 2:
                raise MalformedFile("a symbol of a PDB without a kind", offset=offset)
            following = offset + head.size + 2
            if struct := WITH_CODE.get(head.kind):
                sym = struct.read(data, index)
                if sym.length:
                    yield CodeSymbol(sym.section, sym.offset, sym.length, head.kind, offset)
                if not isinstance(sym, TrampolineSym) and offset < sym.end < end:
                    following = sym.end  # its S_END
            offset = following
