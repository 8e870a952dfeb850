"""Unwind rules of x86-64 images for Windows: .pdata and .xdata, wherever in a function a thread is.

The format: Microsoft, "x64 exception handling". Crashes in a prologue are not rare: that is where
__chkstk finds that the stack is used up.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.epilogue import MAX_EPILOGUE, read_epilogue
from crashtool.formats.record import U8, U16, U32, Record
from crashtool.formats.unwind_rules import CfiText

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import CodeRange

AnyRecord = TypeVar("AnyRecord", bound=Record)

REGISTERS = (
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *(f"r{number}" for number in range(8, 16)),
)
MAX_CHAINED = 32
UNW_FLAG_CHAININFO = 0x4
UWOP_PUSH_NONVOL = 0
UWOP_ALLOC_LARGE = 1
UWOP_ALLOC_SMALL = 2
UWOP_SET_FPREG = 3
UWOP_SAVE_NONVOL = 4
UWOP_SAVE_NONVOL_FAR = 5
UWOP_EPILOG = 6
UWOP_SPARE_CODE = 7
UWOP_SAVE_XMM128 = 8
UWOP_SAVE_XMM128_FAR = 9
UWOP_PUSH_MACHFRAME = 10
EXTRA_SLOTS = {
    UWOP_SAVE_NONVOL: 1,
    UWOP_SAVE_NONVOL_FAR: 2,
    UWOP_EPILOG: 1,
    UWOP_SPARE_CODE: 2,
    UWOP_SAVE_XMM128: 1,
    UWOP_SAVE_XMM128_FAR: 2,
}
VERSION_1, VERSION_2 = 1, 2
SLOT = 8  # bytes
WHOLE_PROLOGUE = 1 << 8  # bytes: more than the longest that can be described


class Bytes(Protocol):
    """Something to take bytes from: a file, or a process's memory; fewer where it has fewer."""

    def __getitem__(self, part: slice, /) -> bytes: ...


class RuntimeFunction(Record):
    """RUNTIME_FUNCTION: a function's code, from its module's base, and its UNWIND_INFO."""

    begin: U32
    end: U32
    unwind: U32


class UnwindInfo(Record):
    """UNWIND_INFO up to its codes. The upper five bits of the first byte are flags."""

    version_flags: U8
    prologue_size: U8
    code_count: U8
    frame: U8


class UnwindCode(Record):
    """UNWIND_CODE: its offset in the prologue, and what is done there; or a number."""

    code_offset: U8
    operation: U8


class Number16(Record):
    """A code's slot taken as a number."""

    value: U16


class Number32(Record):
    """Two codes' slots taken as a number."""

    value: U32


class Tables(NamedTuple):
    """Where a PE file has its function table, and which addresses its sections have.

    `offset` and `total` are of its entries, which are others on ARM64.
    """

    offset: int
    total: int
    sections: tuple[CodeRange, ...]
    architecture: str = "x86_64"

    def locate(self, address: int) -> int:
        """Where in the file an address from the image's base is; MalformedFile when nowhere."""
        for section in self.sections:
            if section.address <= address < section.address + section.size:
                return section.offset + address - section.address
        raise MalformedFile("unwind information outside the file", offset=address)

    def find_entry(self, begin_of: Callable[[int], int], address: int) -> int | None:
        """The number of the last entry that begins at or before an address; they are sorted."""
        number = bisect_right(range(self.total), address, key=begin_of) - 1
        return number if number >= 0 else None

    def list_begins(self, data: Bytes, fields: int) -> Sequence[int]:
        """Where all entries begin, each of so many 32-bit fields; fewer of a file cut short."""
        size = 4 * fields
        rows = bytes(data[self.offset : self.offset + self.total * size])
        words = array("I", rows[: len(rows) // size * size])
        if sys.byteorder == "big":
            words.byteswap()
        return words[::fields]


class FunctionSpans:
    """Which addresses have rules by a function table; a function is looked into once.

    Entries have so many 32-bit `fields`. `find_span` gives the addresses of the function of an
    entry that has rules at each of them; None where that depends on the address.
    """

    def __init__(
        self, data: Bytes, tables: Tables, fields: int, find_span: Callable[[int], range | None]
    ) -> None:
        self._data = data
        self._tables = tables
        self._fields = fields
        self._find_span = find_span
        self._begins: Sequence[int] | None = None
        self._spans: dict[int, range | None] = {}

    def covers(self, address: int) -> bool | None:
        """Whether there are rules for an address; None where they must be looked for to know."""
        if self._begins is None:
            self._begins = self._tables.list_begins(self._data, self._fields)
        if len(self._begins) < self._tables.total:
            return None
        number = bisect_right(self._begins, address) - 1
        if number < 0:
            return False
        if number not in self._spans:
            self._spans[number] = self._find_span(number)
        span = self._spans[number]
        return None if span is None else address in span


class _Frame:
    """A frame as its unwind codes describe it, from the innermost one outward.

    `base`: the stack pointer at `depth` 0, as an expression; `depth`: bytes above it.
    """

    def __init__(self) -> None:
        self.base = "rsp"
        self.depth = 0
        self.saved: dict[str, str] = {}
        self.machine_frame = ""

    def at(self, offset: int) -> str:
        return f"{self.base} {offset} + ^"


class ExceptionTables:
    """The unwind rules of one image, in its own bytes; addresses are from the module's base."""

    def __init__(self, data: Bytes, tables: Tables) -> None:
        self._data = data
        self._tables = tables
        self._spans = FunctionSpans(
            data, tables, len(RuntimeFunction.FIELDS), self._find_readable_span
        )

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules at an address; None when no function covers it, or its codes are damaged."""
        try:
            function = self._find_function(address)
            if function is None:
                return None
            frame = self._find_epilogue(function, address)
            if frame is None:
                frame = _Frame()
                self._apply(frame, function, address - function.begin)
        except (MalformedFile, IndexError):
            return None
        rules = _list_rules(frame)
        text = " ".join(f"{name}: {rule}" for name, rule in rules.items())
        return CfiText(function.begin, function.end - function.begin, text)

    def covers(self, address: int) -> bool:
        """Whether `find_cfi` has rules for an address: most need not be made for that."""
        is_covered = self._spans.covers(address)
        return self.find_cfi(address) is not None if is_covered is None else is_covered

    def _find_readable_span(self, number: int) -> range | None:
        """The addresses of a function all of whose codes can be read; None for others."""
        try:
            function = self._read_function(number)
            self._apply(_Frame(), function, WHOLE_PROLOGUE)
        except (MalformedFile, IndexError):
            return None
        return range(function.begin, function.end)

    def walk_changes(self) -> Iterator[tuple[RuntimeFunction, list[tuple[int, dict[str, str]]]]]:
        """All functions that can be read, each with its rules from several of its offsets on.

        Within the prologue, that is: what epilogues do is seen in their code alone.
        """
        for number in range(self._tables.total):
            try:
                function = self._read_function(number)
                if function.begin < function.end:
                    yield (
                        function,
                        [
                            (offset, self._list_rules_at(function, offset))
                            for offset in self._list_offsets(function)
                        ],
                    )
            except (MalformedFile, IndexError):
                continue

    def _list_offsets(self, function: RuntimeFunction) -> list[int]:
        """Where in a function rules change: behind each instruction of the prologue."""
        offset = self._tables.locate(function.unwind & ~1)
        info = self._read(UnwindInfo, offset)
        slots = range(info.code_count)
        offsets = {0}
        for slot in slots:
            place = offset + UnwindInfo.SIZE + slot * UnwindCode.SIZE
            offsets.add(self._read(UnwindCode, place).code_offset)
        limit = min(info.prologue_size, function.end - function.begin - 1)
        return sorted(start for start in offsets if start <= limit)

    def _list_rules_at(self, function: RuntimeFunction, offset: int) -> dict[str, str]:
        frame = _Frame()
        self._apply(frame, function, offset)
        return _list_rules(frame)

    def _read(self, kind: type[AnyRecord], offset: int) -> AnyRecord:
        return kind.read(bytes(self._data[offset : offset + kind.SIZE]))

    def _find_function(self, address: int) -> RuntimeFunction | None:
        number = self._tables.find_entry(lambda index: self._read_function(index).begin, address)
        if number is None:
            return None
        function = self._read_function(number)
        return function if address < function.end else None

    def _read_function(self, number: int) -> RuntimeFunction:
        return self._read(RuntimeFunction, self._tables.offset + number * RuntimeFunction.SIZE)

    def _find_epilogue(self, function: RuntimeFunction, address: int) -> _Frame | None:
        """The frame of a function that has begun to give it back."""
        offset, size = address - function.begin, function.end - function.begin
        info = self._read(UnwindInfo, self._tables.locate(function.unwind & ~1))
        if offset < info.prologue_size:
            return None
        code = self._read_code(address, min(MAX_EPILOGUE, function.end - address))
        epilogue = read_epilogue(code, offset, size)
        if epilogue is None:
            return None
        frame = _Frame()
        frame.base = f"{REGISTERS[epilogue.register]} {epilogue.offset} +"
        for number in epilogue.pops:
            frame.saved[REGISTERS[number]] = frame.at(frame.depth)
            frame.depth += SLOT
        return frame

    def _read_code(self, address: int, size: int) -> bytes:
        """At most so many bytes of code; none where there is none at hand."""
        try:
            start = self._tables.locate(address)
        except MalformedFile:
            return b""
        return bytes(self._data[start : start + size])

    def _apply(self, frame: _Frame, function: RuntimeFunction, done: int) -> None:
        """Take in what the prologue did up to `done` bytes from the function's start."""
        for _ in range(MAX_CHAINED):
            offset = self._tables.locate(function.unwind & ~1)
            info = self._read(UnwindInfo, offset)
            if info.version_flags & 7 not in (VERSION_1, VERSION_2):
                raise MalformedFile("unwind information of an unknown version", offset=offset)
            codes = offset + UnwindInfo.SIZE
            self._apply_codes(frame, info, codes, done)
            if not info.version_flags >> 3 & UNW_FLAG_CHAININFO:
                return
            slots = info.code_count + (info.code_count & 1)
            function = self._read(RuntimeFunction, codes + slots * UnwindCode.SIZE)
            done = WHOLE_PROLOGUE  # the primary function's has been left behind
        raise MalformedFile("unwind information without end", offset=offset)

    def _apply_codes(self, frame: _Frame, info: UnwindInfo, start: int, done: int) -> None:
        slot = 0
        while slot < info.code_count:
            offset = start + slot * UnwindCode.SIZE
            code = self._read(UnwindCode, offset)
            operation, detail = code.operation & 0xF, code.operation >> 4
            extra = (1 + detail) if operation == UWOP_ALLOC_LARGE else EXTRA_SLOTS.get(operation, 0)
            if code.code_offset <= done:
                number = self._number(offset + UnwindCode.SIZE, extra)
                _undo(frame, operation, detail, number, info.frame)
            slot += 1 + extra

    def _number(self, offset: int, slots: int) -> int:
        """What stands behind a code: bytes in one slot are counted by eight, in two one by one."""
        if slots == 1:
            return self._read(Number16, offset).value * SLOT
        return self._read(Number32, offset).value if slots else 0


def _undo(frame: _Frame, operation: int, detail: int, number: int, pointer: int) -> None:
    """What one instruction of the prologue means for the caller's registers."""
    if operation == UWOP_PUSH_NONVOL:
        frame.saved[REGISTERS[detail]] = frame.at(frame.depth)
        frame.depth += SLOT
    elif operation == UWOP_ALLOC_SMALL:
        frame.depth += detail * SLOT + SLOT
    elif operation == UWOP_ALLOC_LARGE:
        frame.depth += number
    elif operation == UWOP_SET_FPREG:
        frame.base = f"{REGISTERS[pointer & 0xF]} {(pointer >> 4) * 16} -"
        frame.depth = 0
    elif operation in (UWOP_SAVE_NONVOL, UWOP_SAVE_NONVOL_FAR):
        frame.saved[REGISTERS[detail]] = frame.at(number)
    elif operation == UWOP_PUSH_MACHFRAME:
        frame.machine_frame = f"{frame.base} {frame.depth + SLOT * detail} +"


def _list_rules(frame: _Frame) -> dict[str, str]:
    """The rules that get the caller's registers, by register."""
    if frame.machine_frame:
        here = frame.machine_frame
        rules = {".cfa": f"{here} 24 + ^", ".ra": f"{here} ^"}
    else:
        rules = {".cfa": f"{frame.base} {frame.depth + SLOT} +", ".ra": ".cfa -8 + ^"}
    return rules | {name: rule for name, rule in frame.saved.items() if name != "rsp"}
