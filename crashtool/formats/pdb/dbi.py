"""Stream 3, the debug information: its modules, what each gave to the program, further streams."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.structs import (
    ModuleInfo,
    NewDBIHdr,
    SectionContribution,
    Short,
)

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream, MultiStreamFile

DBI_STREAM = 3
NO_STREAM = 0xFFFF
MAX_MODULES = 1 << 16
MAX_MODULES_SIZE = 64 << 20
MAX_OPTIONAL_SIZE = 64
MAX_CONTRIBUTIONS = 1 << 24
MAX_EMPTY = 8  # contributions without code that share the start of one that has some
VERSION_SIZE = 4
# Bytes of a contribution, by the version of their table (dbicommon.h)
CONTRIBUTION_SIZES = {0xEFFE0000 + 19970605: 28, 0xEFFE0000 + 20140516: 32}
# Numbers of the optional debug header (dbi.h, DBGTYPE)
FPO, OMAP_TO_SOURCE, OMAP_FROM_SOURCE, SECTION_HEADERS, NEW_FPO, ORIGINAL_SECTIONS = (
    0,
    3,
    4,
    5,
    9,
    10,
)


class Contribution(NamedTuple):
    """Code or data of module number `module`: `size` bytes at an offset of a section."""

    section: int
    offset: int
    size: int
    module: int


class DbiModule(NamedTuple):
    """A compiled module: sizes in bytes of its stream's parts, symbols first."""

    name: str
    stream: int
    symbols_size: int
    old_lines_size: int
    lines_size: int


class DebugInformation:
    """Stream 3 of a PDB."""

    def __init__(self, file: MultiStreamFile) -> None:
        """MalformedFile when there is none."""
        self._file = file
        self._stream = file.open_stream(DBI_STREAM)
        if not len(self._stream):
            raise MalformedFile("a PDB of types alone: the linker writes another one", offset=0)
        self.head = NewDBIHdr.read(self._stream.read(0, NewDBIHdr.SIZE))
        self._modules: list[DbiModule] | None = None
        self._contribution_size = 0
        self._contribution_count = 0
        self._sorted: list[Contribution] | None = None
        self._find_contributions()

    def open_optional(self, index: int) -> MsfStream | None:
        """A stream that the optional debug header numbers; None when it is not there, or empty."""
        head = self.head
        parts = (
            head.modules_size,
            head.contributions_size,
            head.section_map_size,
            head.sources_size,
            head.type_server_size,
            head.edit_size,
        )
        start = NewDBIHdr.SIZE + sum(max(0, part) for part in parts)
        size = max(0, min(head.optional_size, MAX_OPTIONAL_SIZE))
        rows = self._stream.read(start, size)
        if (index + 1) * Short.SIZE > len(rows):
            return None
        number = Short.read(rows, index * Short.SIZE).value
        if number == NO_STREAM or not self._file.get_size(number):
            return None
        return self._file.open_stream(number)

    @property
    def modules(self) -> list[DbiModule]:
        """All modules, read once: their names have no fixed size."""
        if self._modules is None:
            self._modules = list(self._walk_modules())
        return self._modules

    def _walk_modules(self) -> Iterator[DbiModule]:
        """Those before the first that is cut short."""
        size = max(0, min(self.head.modules_size, MAX_MODULES_SIZE))
        data = self._stream.read(NewDBIHdr.SIZE, size)
        offset = 0
        for _ in range(MAX_MODULES):
            if offset + ModuleInfo.SIZE > len(data):
                return
            info = ModuleInfo.read(data, offset)
            name = offset + ModuleInfo.SIZE
            end = data.find(b"\0", name)
            object_end = data.find(b"\0", end + 1)
            if end < 0 or object_end < 0:
                return
            yield DbiModule(
                data[name:end].decode("utf-8", "replace"),
                info.stream,
                info.symbols_size,
                info.old_lines_size,
                info.lines_size,
            )
            offset = object_end + 4 & ~3

    def _find_contributions(self) -> None:
        start, size = self._contributions_start, self.head.contributions_size
        if size <= VERSION_SIZE:
            return
        version = int.from_bytes(self._stream.read(start, VERSION_SIZE), "little")
        self._contribution_size = CONTRIBUTION_SIZES.get(version, 0)
        if self._contribution_size:
            count = (min(size, len(self._stream) - start) - VERSION_SIZE) // self._contribution_size
            self._contribution_count = max(0, min(count, MAX_CONTRIBUTIONS))

    @property
    def _contributions_start(self) -> int:
        return NewDBIHdr.SIZE + max(0, self.head.modules_size)

    def _read_contribution(self, index: int) -> Contribution:
        start = self._contributions_start + VERSION_SIZE + index * self._contribution_size
        contribution = SectionContribution.read(self._stream.read(start, SectionContribution.SIZE))
        return Contribution(
            contribution.section, contribution.offset, contribution.size, contribution.module
        )

    def sort_contributions(self) -> None:
        """Read all contributions, for those who ask often."""
        if self._sorted is None:
            every = map(self._read_contribution, range(self._contribution_count))
            self._sorted = sorted(every, key=lambda contribution: contribution[:2])

    def find_contribution(self, section: int, offset: int) -> Contribution | None:
        """What lies at an offset of a section; None for padding, or without a table of them."""
        if not self._contribution_count:
            return None
        if self._sorted is not None:
            return _find_in(self._sorted, section, offset)
        low, high = 0, self._contribution_count
        while high - low > 1:
            middle = (low + high) // 2
            if self._read_contribution(middle)[:2] <= (section, offset):
                low = middle
            else:
                high = middle
        nearby = range(max(0, low - MAX_EMPTY), min(low + 2, self._contribution_count))
        contributions = [self._read_contribution(index) for index in nearby]
        if contributions != sorted(
            contributions, key=lambda contribution: contribution[:2]
        ):  # no linker is known to do that
            self.sort_contributions()
            contributions = self._sorted or []
        return _find_in(contributions, section, offset)


def _find_in(contributions: list[Contribution], section: int, offset: int) -> Contribution | None:
    at = bisect_right(contributions, (section, offset), key=lambda contribution: contribution[:2])
    for candidate in reversed(contributions[max(0, at - MAX_EMPTY) : at]):
        if (
            candidate.section == section
            and candidate.offset <= offset < candidate.offset + candidate.size
        ):
            return candidate
    return None


def open_debug_information(file: MultiStreamFile) -> DebugInformation | None:
    """Stream 3; None where a PDB has none, as one of types alone."""
    try:
        return DebugInformation(file)
    except MalformedFile:
        return None
