"""From an address in the image to a section and an offset in it, which is what a PDB speaks of."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from crashtool.formats.pdb.dbi import (
    OMAP_FROM_SOURCE,
    OMAP_TO_SOURCE,
    ORIGINAL_SECTIONS,
    SECTION_HEADERS,
    DebugInformation,
)
from crashtool.formats.pdb.structs import OmapRow, PdbSectionHeader

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream

MAX_SECTIONS = 1 << 16
MAX_INSERTED = 1 << 10  # pieces of inserted code in a row
CONTAINS_CODE = 0x20  # IMAGE_SCN_CNT_CODE (winnt.h)
TOP = 0x80000000  # a target from here on is none


class AddressMap:
    """Addresses of a program's image, of the program as it was linked, and of its sections.

    The first two differ where a tool has moved the code since (OMAP). Addresses are from the
    image's base, sections are counted from 1.
    """

    def __init__(self, dbi: DebugInformation) -> None:
        """MalformedFile when a stream of it cannot be read."""
        to_source = dbi.open_optional(OMAP_TO_SOURCE)
        from_source = dbi.open_optional(OMAP_FROM_SOURCE)
        self.is_rewritten = to_source is not None
        self._to_source = _Omap(to_source) if to_source else None
        self._from_source = _Omap(from_source) if from_source else None
        headers = dbi.open_optional(ORIGINAL_SECTIONS) if self.is_rewritten else None
        headers = headers or dbi.open_optional(SECTION_HEADERS)
        data = headers.read(0, MAX_SECTIONS * PdbSectionHeader.SIZE) if headers else b""
        section_headers = PdbSectionHeader.read_array(data, 0, len(data) // PdbSectionHeader.SIZE)
        self.sections = [
            (section_header.virtual_address, section_header.virtual_size)
            for section_header in section_headers
        ]
        self._code = [
            bool(section_header.characteristics & CONTAINS_CODE)
            for section_header in section_headers
        ]

    def has_code(self, section: int) -> bool:
        """Whether a section holds code."""
        return 0 < section <= len(self._code) and self._code[section - 1]

    def find_section(self, address: int) -> tuple[int, int] | None:
        """The section and the offset in it of an address in the image."""
        source = self._to_source.find(address) if self._to_source else address
        if source is None:
            return None
        for number, (start, size) in enumerate(self.sections, 1):
            if start <= source < start + size:
                return number, source - start
        return None

    def is_inserted(self, address: int) -> bool:
        """Whether a tool has put in the code at an address: no line is its own."""
        return self._to_source is not None and not self._to_source.has_target(address)

    def find_address(self, section: int, offset: int) -> int | None:
        """The address in the image of an offset in a section; None where it is nowhere."""
        if not 0 < section <= len(self.sections):
            return None
        address = self.sections[section - 1][0] + offset
        if self._from_source:
            return (
                self._from_source.find(address) if self._from_source.has_target(address) else None
            )
        return address


class _Omap:
    """Rows sorted by the address from which on code was moved."""

    def __init__(self, stream: MsfStream) -> None:
        self._stream = stream
        self._count = len(stream) // OmapRow.SIZE

    def _read_row(self, index: int) -> OmapRow:
        return OmapRow.read(self._stream.read(index * OmapRow.SIZE, OmapRow.SIZE))

    def _find_row(self, address: int) -> int:
        """The last row that begins at an address or before; -1 without."""
        return (
            bisect_right(
                range(self._count), address, key=lambda index: self._read_row(index).source
            )
            - 1
        )

    def has_target(self, address: int) -> bool:
        index = self._find_row(address)
        return index >= 0 and 0 < self._read_row(index).target < TOP

    def find(self, address: int) -> int | None:
        """Where an address was before, or that of the last byte before it that was anywhere."""
        last = self._find_row(address)
        for index in range(last, max(-1, last - MAX_INSERTED), -1):
            entry = self._read_row(index)
            if 0 < entry.target < TOP:
                return entry.target + address - entry.source
            address = entry.source - 1
        return None
