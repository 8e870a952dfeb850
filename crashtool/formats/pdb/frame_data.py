"""How 32-bit Windows code gets back to its caller: FRAMEDATA with programs, or old FPO_DATA."""

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.pdb.dbi import FPO, NEW_FPO
from crashtool.formats.pdb.structs import FpoData, FrameDataRecord
from crashtool.formats.unwind_rules import FrameData

if TYPE_CHECKING:
    from crashtool.formats.pdb.dbi import DebugInformation

MAX_NESTED = 16  # pieces of a function that begin within it
WORD = 4
FRAME_DATA_KIND, FPO_KIND = 4, 0  # as Breakpad numbers them
SAVED_MASK, USES_EBP = 7, 1 << 4  # of an FPO_DATA's last byte


class FrameTable:
    """Frame data by address from the image's base; its sorted tables are searched in place."""

    def __init__(self, dbi: "DebugInformation", read_name: Callable[[int], str]) -> None:
        """`read_name` gives a program by its offset in /names."""
        self._frames = dbi.open_optional(NEW_FPO)
        self._fpo = dbi.open_optional(FPO)
        self._read_name = read_name

    def find(self, address: int) -> FrameData | None:
        """The record of the last piece of code that begins before an address and covers it."""
        return self._find_frame_data(address) or self._find_fpo(address)

    def _find_frame_data(self, address: int) -> FrameData | None:
        if self._frames is None:
            return None
        stream = self._frames
        first = len(stream) % FrameDataRecord.SIZE  # some begin with a number

        def read(index: int) -> FrameDataRecord:
            data = stream.read(first + index * FrameDataRecord.SIZE, FrameDataRecord.SIZE)
            return FrameDataRecord.read(data)

        at = bisect_right(
            range(len(stream) // FrameDataRecord.SIZE), address, key=lambda index: read(index).start
        )
        for index in range(at - 1, max(-1, at - 1 - MAX_NESTED), -1):
            row = read(index)
            if row.start <= address < row.start + row.size:
                return FrameData(
                    FRAME_DATA_KIND, row.start, row.size, row.prologue_size, 0,
                    row.parameters_size, row.saved_size, row.locals_size, row.max_stack,
                    self._read_name(row.program), allocates_base_pointer=False,
                )  # fmt: skip
        return None

    def _find_fpo(self, address: int) -> FrameData | None:
        if self._fpo is None:
            return None
        stream = self._fpo

        def read(index: int) -> FpoData:
            return FpoData.read(stream.read(index * FpoData.SIZE, FpoData.SIZE))

        at = bisect_right(
            range(len(stream) // FpoData.SIZE), address, key=lambda index: read(index).start
        )
        if not at:
            return None
        row = read(at - 1)
        if not row.start <= address < row.start + row.size:
            return None
        return FrameData(
            FPO_KIND, row.start, row.size, row.prologue_size, 0, row.parameters_words * WORD,
            (row.bits & SAVED_MASK) * WORD, row.locals_words * WORD, 0, "",
            allocates_base_pointer=bool(row.bits & USES_EBP),
        )  # fmt: skip
