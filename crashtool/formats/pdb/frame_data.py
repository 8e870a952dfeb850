"""How 32-bit Windows code gets back to its caller: FRAMEDATA with programs, or old FPO_DATA."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

from crashtool.formats.pdb.dbi import FPO, NEW_FPO, DebugInformation
from crashtool.formats.pdb.structs import FpoData, FrameDataRecord
from crashtool.formats.unwind_rules import FrameData

MAX_NESTED = 16  # pieces of a function that begin within it
WORD = 4
FRAME_DATA_KIND, FPO_KIND = 4, 0  # as Breakpad numbers them
SAVED_MASK, USES_EBP = 7, 1 << 4  # of an FPO_DATA's last byte


class FrameTable:
    """Frame data by address from the image's base; its sorted tables are searched in place."""

    def __init__(self, dbi: DebugInformation, read_name: Callable[[int], str]) -> None:
        """`read_name` gives a program by its offset in /names."""
        self._frames = dbi.open_optional(NEW_FPO)
        self._fpo = dbi.open_optional(FPO)
        self._read_name = read_name

    def find(self, address: int) -> FrameData | None:
        """The record of the last piece of code that begins before an address and covers it."""
        return self._find_frame_data(address) or self._find_fpo(address)

    def _find_frame_data(self, address: int) -> FrameData | None:
        rows = self._list_frames()
        at = bisect_right(rows, address, key=lambda index: self._read_frame(index).start)
        for index in range(at - 1, max(-1, at - 1 - MAX_NESTED), -1):
            frame_data = self._read_frame(index)
            if frame_data.start <= address < frame_data.start + frame_data.size:
                return self._of_frame(frame_data)
        return None

    def walk(self) -> Iterator[FrameData]:
        """All records: those with programs, then the old ones."""
        for index in self._list_frames():
            yield self._of_frame(self._read_frame(index))
        for index in self._list_fpo():
            yield _of_fpo(self._read_fpo(index))

    def _list_frames(self) -> range:
        return range(len(self._frames) // FrameDataRecord.SIZE if self._frames else 0)

    def _read_frame(self, index: int) -> FrameDataRecord:
        assert self._frames is not None  # noqa: S101 (there are no numbers without)
        first = len(self._frames) % FrameDataRecord.SIZE  # some begin with a number
        place = first + index * FrameDataRecord.SIZE
        return FrameDataRecord.read(self._frames.read(place, FrameDataRecord.SIZE))

    def _of_frame(self, frame_data: FrameDataRecord) -> FrameData:
        return FrameData(
            FRAME_DATA_KIND,
            frame_data.start,
            frame_data.size,
            frame_data.prologue_size,
            0,
            frame_data.parameters_size,
            frame_data.saved_size,
            frame_data.locals_size,
            frame_data.max_stack,
            self._read_name(frame_data.program),
            allocates_base_pointer=False,
        )

    def _list_fpo(self) -> range:
        return range(len(self._fpo) // FpoData.SIZE if self._fpo else 0)

    def _read_fpo(self, index: int) -> FpoData:
        assert self._fpo is not None  # noqa: S101 (as above)
        return FpoData.read(self._fpo.read(index * FpoData.SIZE, FpoData.SIZE))

    def _find_fpo(self, address: int) -> FrameData | None:
        at = bisect_right(self._list_fpo(), address, key=lambda index: self._read_fpo(index).start)
        if not at:
            return None
        frame_data = self._read_fpo(at - 1)
        return (
            _of_fpo(frame_data)
            if frame_data.start <= address < frame_data.start + frame_data.size
            else None
        )


def _of_fpo(frame_data: FpoData) -> FrameData:
    return FrameData(
        FPO_KIND,
        frame_data.start,
        frame_data.size,
        frame_data.prologue_size,
        0,
        frame_data.parameters_words * WORD,
        (frame_data.bits & SAVED_MASK) * WORD,
        frame_data.locals_words * WORD,
        0,
        "",
        allocates_base_pointer=bool(frame_data.bits & USES_EBP),
    )
