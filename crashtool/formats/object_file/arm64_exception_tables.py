"""Unwind rules of ARM64 images for Windows: .pdata, packed or with .xdata, wherever a thread is.

The format: Microsoft, "ARM64 exception handling". Each unwind code stands for one instruction of a
prologue, the last one first; epilogues have codes of their own, or share those.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.arm64_unwind_codes import (
    Code,
    expand_packed,
    read_codes,
    spell,
    undo,
)
from crashtool.formats.object_file.exception_tables import Bytes, FunctionSpans, Tables
from crashtool.formats.record import U32, Record
from crashtool.formats.unwind_rules import CfiText

INSTRUCTION = 4  # bytes
IN_XDATA, PACKED, PACKED_FRAGMENT = 0, 1, 2


class FunctionEntry(Record):
    """An entry of .pdata: where a function begins, and its unwind data or their address."""

    begin: U32
    unwind: U32


class Word(Record):
    """A word of .xdata, whose bits are its fields."""

    value: U32


class Arm64Epilogue(NamedTuple):
    """Where an epilogue begins, in bytes from the function's start; its codes, first one first."""

    start: int
    codes: tuple[Code, ...]

    @property
    def end(self) -> int:
        """Behind its return instruction."""
        return self.start + INSTRUCTION * (len(self.codes) + 1)


class Arm64Function(NamedTuple):
    """A function: its size in bytes, and the codes of its prologue, last instruction first.

    A fragment has no prologue of its own, but the frame of the function that it belongs to.
    """

    begin: int
    size: int
    codes: tuple[Code, ...]
    epilogues: tuple[Arm64Epilogue, ...] = ()
    is_fragment: bool = False

    def codes_at(self, offset: int) -> tuple[Code, ...]:
        """What is to be undone at a place in it."""
        for epilogue in self.epilogues:
            if epilogue.start <= offset < epilogue.end:
                return epilogue.codes[(offset - epilogue.start) // INSTRUCTION :]
        done = offset // INSTRUCTION
        if not self.is_fragment and done < len(self.codes):
            return self.codes[len(self.codes) - done :]
        return self.codes

    def walk_places(self) -> Iterator[int]:
        """Where rules change, in order, in bytes from the function's start."""
        places = (
            set() if self.is_fragment else {n * INSTRUCTION for n in range(len(self.codes) + 1)}
        )
        for epilogue in self.epilogues:
            places |= set(range(epilogue.start, epilogue.end + 1, INSTRUCTION))
        yield from sorted(offset for offset in places | {0} if offset < self.size)


class Arm64ExceptionTables:
    """The unwind rules of one image, in its own bytes; addresses are from the module's base."""

    def __init__(self, data: Bytes, tables: Tables) -> None:
        self._data = data
        self._tables = tables
        self._spans = FunctionSpans(data, tables, len(FunctionEntry.FIELDS), self._find_span)

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules at an address; None when no function covers it, or its codes are damaged."""
        try:
            function = self._find_function(address)
        except (MalformedFile, IndexError):
            return None
        if function is None:
            return None
        codes = function.codes_at(address - function.begin)
        return CfiText(function.begin, function.size, spell(undo(codes)))

    def covers(self, address: int) -> bool:
        """Whether `find_cfi` has rules for an address: they need not be spelled for that."""
        is_covered = self._spans.covers(address)
        return self.find_cfi(address) is not None if is_covered is None else is_covered

    def _find_span(self, number: int) -> range:
        """The addresses of a function; none of one that cannot be read."""
        try:
            function = self._read_function(self._read_entry(number))
        except (MalformedFile, IndexError):
            return range(0)
        return range(function.begin, function.begin + function.size)

    def walk_records(self) -> Iterator[str]:
        """STACK CFI records of all functions that can be read."""
        for number in range(self._tables.total):
            try:
                function = self._read_function(self._read_entry(number))
            except (MalformedFile, IndexError):
                continue
            yield from _walk_changes(function)

    def _find_function(self, address: int) -> Arm64Function | None:
        number = self._tables.find_entry(lambda index: self._read_entry(index).begin, address)
        if number is None:
            return None
        function = self._read_function(self._read_entry(number))
        return function if address < function.begin + function.size else None

    def _read_entry(self, number: int) -> FunctionEntry:
        offset = self._tables.offset + number * FunctionEntry.SIZE
        return FunctionEntry.read(bytes(self._data[offset : offset + FunctionEntry.SIZE]))

    def _read_function(self, entry: FunctionEntry) -> Arm64Function:
        form = entry.unwind & 3
        if form == IN_XDATA:
            return self._read_described(entry.begin, self._tables.locate(entry.unwind))
        if form not in (PACKED, PACKED_FRAGMENT):
            raise MalformedFile("unwind data of an unknown form", offset=entry.begin)
        size = (entry.unwind >> 2 & 0x7FF) * INSTRUCTION
        codes, mirrored = expand_packed(entry.unwind)
        is_fragment = form == PACKED_FRAGMENT
        last = Arm64Epilogue(size - INSTRUCTION * (len(mirrored) + 1), mirrored)
        epilogues = () if is_fragment or last.start < 0 else (last,)
        return Arm64Function(entry.begin, size, codes, epilogues, is_fragment)

    def _read_described(self, begin: int, offset: int) -> Arm64Function:
        """A function that .xdata describes."""
        head = self._word(offset)
        size = (head & 0x3FFFF) * INSTRUCTION
        if head >> 18 & 3:
            raise MalformedFile("unwind data of an unknown version", offset=offset)
        is_single, epilogues, words = head >> 21 & 1, head >> 22 & 0x1F, head >> 27
        offset += Word.SIZE
        if not epilogues and not words:
            more = self._word(offset)
            epilogues, words = more & 0xFFFF, more >> 16 & 0xFF
            offset += Word.SIZE
        count = 0 if is_single else epilogues
        scopes = [self._word(offset + Word.SIZE * number) for number in range(count)]
        offset += Word.SIZE * count
        data = bytes(self._data[offset : offset + words * Word.SIZE])
        codes = read_codes(data, 0)
        if is_single:
            own = read_codes(data, epilogues)
            described = [Arm64Epilogue(size - INSTRUCTION * (len(own) + 1), own)]
        else:
            described = [
                Arm64Epilogue((scope & 0x3FFFF) * INSTRUCTION, read_codes(data, scope >> 22))
                for scope in scopes
            ]
        return Arm64Function(
            begin, size, codes, tuple(epilogue for epilogue in described if epilogue.start >= 0)
        )

    def _word(self, offset: int) -> int:
        return Word.read(bytes(self._data[offset : offset + Word.SIZE])).value


def _walk_changes(function: Arm64Function) -> Iterator[str]:
    """The records of one function; what has its own value again is said to."""
    last: dict[str, str] = {}
    for offset in function.walk_places():
        rules = undo(function.codes_at(offset))
        if not offset:
            yield f"STACK CFI INIT {function.begin:x} {function.size:x} {spell(rules)}\n"
        elif rules != last:
            again = {name: name for name in last if name not in rules}
            changed = {name: rule for name, rule in rules.items() if last.get(name) != rule}
            yield f"STACK CFI {function.begin + offset:x} {spell(changed | again)}\n"
        last = rules
