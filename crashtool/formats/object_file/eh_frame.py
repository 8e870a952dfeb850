"""Unwind rules of ELF files: .eh_frame, found through the sorted table in .eh_frame_hdr.

Where linkers write no table, as for static programs, one of the same form is made here.

The formats: Linux Standard Base, "Exception Frames"; DWARF 5, 6.4.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.cfi_expressions import Reader, RegisterNames, UnknownExpression
from crashtool.formats.object_file.unwind_row import (
    MAX_STATES,
    UNDEFINED_RULE,
    AlignmentFactors,
    DW_CFA_remember_state,
    UnwindRow,
    compile_plain,
)
from crashtool.formats.unwind_rules import CfiText

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAX_PLAIN = 1 << 12  # bytes of instructions that are looked over in one go
REMEMBER_STATE = bytes((DW_CFA_remember_state,))
MAX_ENTRY = 1 << 20  # bytes of one CIE or FDE
MAX_ENTRIES = 1 << 18  # that a table is made of; as many as 10 MB of .eh_frame hold
TABLE_HEAD = 4  # version and three encodings
TABLE_ENCODING = 0x3B  # signed 32-bit, from the table's start
# Pointer encodings (Linux Standard Base, "DWARF Exception Header Encoding").
DW_EH_PE_pcrel, DW_EH_PE_datarel, DW_EH_PE_omit = 0x10, 0x30, 0xFF
DW_EH_PE_uleb128, DW_EH_PE_sleb128 = 0x01, 0x09
FORMATS = {  # by DW_EH_PE_udata2 to DW_EH_PE_sdata8: size in bytes, and whether it has a sign
    0x02: (2, False),
    0x03: (4, False),
    0x04: (8, False),
    0x0A: (2, True),
    0x0B: (4, True),
    0x0C: (8, True),
}
EXTENDED_LENGTH = 0xFFFFFFF0
DEBUG_CIE = 0xFFFFFFFF  # in the place of a CIE's offset, in .debug_frame
WITH_SIZES = 4  # from this version of a CIE on, which .debug_frame alone has
_GENERAL = ("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp")
NAMES = {
    "x86_64": RegisterNames(
        dict(enumerate((*_GENERAL, *(f"r{number}" for number in range(8, 16)), "rip"))), 8
    ),
    "x86": RegisterNames(
        dict(enumerate(("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"))), 4
    ),
    "arm64": RegisterNames(
        dict(enumerate((*(f"x{number}" for number in range(29)), "fp", "lr", "sp"))), 8
    ),
    "arm": RegisterNames(
        dict(enumerate((*(f"r{number}" for number in range(13)), "sp", "lr", "pc"))), 4
    ),
}

# Vector registers whose lower 64 bits a call gives back (AAPCS64, 6.1.2), by their numbers
# (AADWARF64, 4.1): a function that changes one saves those bits, and its rules say where.
KEPT_VECTORS = {"arm64": {64 + number: f"v{number}" for number in range(8, 16)}}


class SectionRange(NamedTuple):
    """A section: its bytes are at `offset` in the file, and at `address` in memory."""

    offset: int
    address: int
    size: int


class FrameTables(NamedTuple):
    """Where an ELF file's unwind tables are. `base`: the module's first address;
    `table`: the sorted index, None where there is none.
    """

    base: int
    frames: SectionRange
    table: SectionRange | None


class CIE(NamedTuple):
    """A common information entry: what the FDEs of functions that share it have in common."""

    factors: AlignmentFactors
    return_register: int
    encoding: int
    has_augmentation: bool
    instructions: Reader


class EhFrame:
    """The unwind rules of one ELF file, in its own bytes; addresses are from the module's base."""

    def __init__(
        self,
        data: Content,
        tables: FrameTables,
        architecture: str,
        *,
        is_debug: bool = False,
        index: bool = True,
    ) -> None:
        """InputUnusable when the index is not of the usual kind, or the machine not known.

        `is_debug`: it is a .debug_frame. Without an `index` it can only be walked.
        """
        if architecture not in NAMES:
            raise InputUnusable(f"unwind tables of {architecture} are not known here")
        self._data = data
        self._tables = tables
        self._is_debug = is_debug
        self._names = NAMES[architecture]
        self._kept_vectors = KEPT_VECTORS.get(architecture, {})
        self._plain = compile_plain(self._names)
        self._starts: Sequence[int] | None = None
        self._spans: dict[int, range | None] = {}
        self._cies: dict[int, CIE | None] = {}
        self._table_address = tables.table.address if tables.table else tables.base
        self._index: Content = data
        self._table = self._count = 0
        if index:
            self._table, self._count = (
                self._open_table(tables.table) if tables.table else self._make_table()
            )

    def _open_table(self, table: SectionRange) -> tuple[int, int]:
        """Where the entries of the file's own index begin, and how many there are."""
        head = Reader(bytes(self._data[table.offset : table.offset + 32]))
        try:
            count = self._read_head(head)
        except UnknownExpression as error:
            raise InputUnusable(f".eh_frame_hdr: {error}") from None
        return table.offset + head.offset, min(count, (table.size - head.offset) // 8)

    def _make_table(self) -> tuple[int, int]:
        """The same of an index of all entries, which is made; of those before damage."""
        rows: dict[int, int] = {}
        try:
            for entry, reader, cie in self._walk_entries():
                start, _ = self._read_range(reader, entry, cie)
                if start:  # else the linker has dropped the function
                    rows[start] = self._address_of(entry)
        except (UnknownExpression, OverflowError):
            pass
        try:
            pairs = (
                offset - self._table_address for pair in sorted(rows.items()) for offset in pair
            )
            words = array("i", pairs)
        except OverflowError:
            raise InputUnusable(".eh_frame leads too far away") from None
        if sys.byteorder == "big":
            words.byteswap()
        self._index = words.tobytes()
        return 0, len(rows)

    def walk_functions(self) -> Iterator[tuple[int, int, CIE, Reader]]:
        """Each function: its first address, its size, what it shares, a reader at its instructions.

        UnknownExpression where an entry is damaged.
        """
        for entry, reader, cie in self._walk_entries():
            start, size = self._read_range(reader, entry, cie)
            if cie.has_augmentation:
                reader.take(reader.uleb())
            yield start, size, cie, reader

    def _walk_entries(self) -> Iterator[tuple[int, Reader, CIE]]:
        """Each function's entry: its file offset, a reader at its first address, what it shares."""
        offset = self._tables.frames.offset
        end = offset + self._tables.frames.size
        cies: dict[int, CIE] = {}
        for _ in range(MAX_ENTRIES):
            if offset + 8 > end or not any(self._data[offset : offset + 4]):  # zeros end the list
                return
            reader = self._open(offset)
            identifier = reader.offset
            back = reader.number(4)
            if back != (DEBUG_CIE if self._is_debug else 0):
                shared = self._place_shared(offset, identifier, back)
                if shared not in cies:
                    cies[shared] = self._read_cie(shared)
                yield offset, reader, cies[shared]
            offset += reader.end

    def _read_head(self, head: Reader) -> int:
        """The number of entries in the index, which follow."""
        version, pointer, counter, encoding = (head.number(1) for _ in range(TABLE_HEAD))
        if version != 1 or encoding != TABLE_ENCODING:
            raise UnknownExpression("an index of an unusual kind")
        self._read_pointer(head, pointer, self._table_address + TABLE_HEAD)
        return self._read_pointer(head, counter, 0)

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules at an address; None when no entry covers it, or it cannot be said in text."""
        wanted = self._tables.base + address
        entry = self._find_entry(wanted)
        if entry is None:
            return None
        try:
            return self._read_rules(entry, wanted)
        except (UnknownExpression, OverflowError):
            return None

    def covers(self, address: int) -> bool:
        """Whether `find_cfi` has rules for an address; of most functions told without them."""
        wanted = self._tables.base + address
        starts = self._list_starts()
        if len(starts) < self._count:  # the file is cut short
            return self.find_cfi(address) is not None
        number = bisect_right(starts, wanted - self._table_address) - 1
        if number < 0:
            return False
        if number not in self._spans:
            self._spans[number] = self._find_plain_span(number)
        span = self._spans[number]
        return wanted in span if span else self.find_cfi(address) is not None

    def _list_starts(self) -> Sequence[int]:
        """Where the functions of the index begin, from the index's own address."""
        if self._starts is None:
            rows = bytes(self._index[self._table : self._table + self._count * 8])
            words = array("i", rows[: len(rows) // 8 * 8])
            if sys.byteorder == "big":
                words.byteswap()
            self._starts = words[::2]
        return self._starts

    def _find_plain_span(self, number: int) -> range | None:
        """The addresses of a function whose instructions are all plain; None for others."""
        entry = self._find_entry_of(number)
        if entry is None:
            return range(0)
        try:
            reader = self._open(entry)
            identifier = reader.offset
            offset = self._place_shared(entry, identifier, reader.number(4))
            if offset not in self._cies:
                self._cies[offset] = self._read_plain_cie(offset)
            cie = self._cies[offset]
            if cie is None:
                return None
            start, size = self._read_range(reader, entry, cie)
            if cie.has_augmentation:
                reader.take(reader.uleb())
        except (UnknownExpression, OverflowError):
            return None
        return range(start, start + size) if self._is_plain(reader) else None

    def _read_plain_cie(self, offset: int) -> CIE | None:
        """A common entry, if it gives a frame address by plain instructions."""
        cie = self._read_cie(offset)
        start = cie.instructions.offset
        is_plain = self._is_plain(cie.instructions)
        row = UnwindRow(cie.factors)
        row.run(cie.instructions, 0, 0)
        cie.instructions.offset = start
        is_kept = REMEMBER_STATE in cie.instructions.data[start:]
        return cie if is_plain and row.cfa and not is_kept else None

    def _is_plain(self, reader: Reader) -> bool:
        """Whether the instructions from here on are said in text, wherever one stops."""
        rest = reader.data[reader.offset :]
        is_short = len(rest) <= MAX_PLAIN and rest.count(REMEMBER_STATE) < MAX_STATES
        return is_short and self._plain.fullmatch(rest) is not None

    def _find_entry(self, wanted: int) -> int | None:
        """The file offset of the entry of the last function that begins at or before."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._number(middle * 8) <= wanted:
                low = middle + 1
            else:
                high = middle
        return self._find_entry_of(low - 1) if low else None

    def _find_entry_of(self, number: int) -> int | None:
        """The file offset of an entry by its number in the index."""
        offset = self._number(number * 8 + 4) - self._tables.frames.address
        return (
            self._tables.frames.offset + offset if 0 <= offset < self._tables.frames.size else None
        )

    def _number(self, offset: int) -> int:
        start = self._table + offset
        raw = self._index[start : start + 4]
        return self._table_address + int.from_bytes(raw, "little", signed=True)

    def _read_rules(self, entry: int, wanted: int) -> CfiText | None:
        reader = self._open(entry)
        identifier = reader.offset
        cie = self._read_cie(self._place_shared(entry, identifier, reader.number(4)))
        start, size = self._read_range(reader, entry, cie)
        if not start <= wanted < start + size:
            return None
        if cie.has_augmentation:
            reader.take(reader.uleb())
        row = UnwindRow(cie.factors)
        row.run(cie.instructions, 0, 0)
        row.initial = dict(row.rules)
        row.run(reader, start, wanted)
        return CfiText(start - self._tables.base, size, self._to_text(row, cie.return_register))

    def _place_shared(self, entry: int, identifier: int, number: int) -> int:
        """Where a common entry is: told from the section's start, or back from the number."""
        if self._is_debug:
            return self._tables.frames.offset + number
        return identifier + entry - number

    def _read_range(self, reader: Reader, entry: int, cie: CIE) -> tuple[int, int]:
        """Where a function begins, and its size."""
        field = self._address_of(entry + reader.offset)
        start = self._read_pointer(reader, cie.encoding, field)
        return start, self._read_pointer(reader, cie.encoding & 0x0F, 0)

    def _to_text(self, row: UnwindRow, return_register: int) -> str:
        names = self._names.registers
        if not row.cfa:
            raise UnknownExpression("no frame address")
        parts = [f".cfa: {row.cfa}"]
        rules = dict(row.rules)
        link = rules.pop(return_register, None)
        if link is None and names.get(return_register) == "lr":
            link = "lr"  # never saved: a leaf
        if link:
            parts.append(f".ra: {link}")
        parts += [
            f"{names[number]}: {rule}"
            for number, rule in rules.items()
            if rule != UNDEFINED_RULE and number in names
        ]
        # Kept ones are named, too: rules of other tables leave them out where they are saved.
        parts += [
            f"{name}: {rules.get(number, name)}"
            for number, name in self._kept_vectors.items()
            if rules.get(number) != UNDEFINED_RULE
        ]
        return " ".join(parts)

    def _open(self, entry: int) -> Reader:
        """The entry at a file offset, behind its length."""
        length = int.from_bytes(self._data[entry : entry + 4], "little")
        if not 0 < length < min(EXTENDED_LENGTH, MAX_ENTRY) or entry < 0:
            raise UnknownExpression("an entry of impossible length")
        return Reader(bytes(self._data[entry : entry + 4 + length]), 4)

    def _address_of(self, offset: int) -> int:
        return self._tables.frames.address + offset - self._tables.frames.offset

    def _read_cie(self, entry: int) -> CIE:
        reader = self._open(entry)
        reader.take(4)
        version = reader.number(1)
        augmentation = self._read_string(reader)
        if version >= WITH_SIZES:
            reader.take(2)  # of an address, and of a segment's selector
        code, data = reader.uleb(), reader.sleb()
        return_register = reader.number(1) if version == 1 else reader.uleb()
        encoding = 0
        if augmentation.startswith(b"z"):
            end = reader.uleb() + reader.offset
            encoding = self._read_augmentation(reader, augmentation[1:], entry)
            reader.offset = end
        factors = AlignmentFactors(code, data, self._names)
        return CIE(factors, return_register, encoding, bool(augmentation), reader)

    def _read_string(self, reader: Reader) -> bytes:
        text = b""
        while (byte := reader.take(1)) != b"\0":
            text += byte
        return text

    def _read_augmentation(self, reader: Reader, letters: bytes, entry: int) -> int:
        """The encoding of addresses in the functions' entries."""
        encoding = 0
        for letter in letters.decode("latin-1"):
            if letter == "R":
                encoding = reader.number(1)
            elif letter == "L":
                reader.number(1)
            elif letter == "P":
                kind = reader.number(1)
                self._read_pointer(reader, kind, self._address_of(entry + reader.offset))
            elif letter not in "SB":
                break
        return encoding

    def _read_pointer(self, reader: Reader, encoding: int, field: int) -> int:
        """An encoded pointer; `field` is the address that it itself has in memory."""
        if encoding == DW_EH_PE_omit:
            raise UnknownExpression("a pointer that is left out")
        size, signed = FORMATS.get(encoding & 0x0F, (self._names.width, False))
        if encoding & 0x0F in (DW_EH_PE_uleb128, DW_EH_PE_sleb128):
            value = reader.uleb() if encoding & 0x0F == DW_EH_PE_uleb128 else reader.sleb()
        else:
            value = reader.number(size, signed=signed)
        relation = encoding & 0x70
        if relation == DW_EH_PE_pcrel:
            value += field
        elif relation == DW_EH_PE_datarel:
            value += self._table_address
        return value & (1 << 8 * self._names.width) - 1
