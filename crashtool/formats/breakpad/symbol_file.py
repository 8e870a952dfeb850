"""A Breakpad .sym file: functions, lines, inlined calls by address, without parsing the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.breakpad import records
from crashtool.formats.breakpad.function_block import FunctionBlock
from crashtool.formats.breakpad.records import RecordKind, find_line_end, read_text
from crashtool.formats.breakpad.sorted_records import SortedRecords
from crashtool.formats.breakpad.stack_records import StackRecords
from crashtool.formats.breakpad.symbol_file_layout import read_layout
from crashtool.formats.breakpad.symbol_header import read_module_line
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.unwind_rules import CfiText, FrameData

if TYPE_CHECKING:
    from re import Match

    from crashtool.formats.object_kinds import Content

NOTICED = 1 << 20  # bytes of records of functions that are looked at to tell what a file has
MAX_ADDRESS = (1 << 64) - 1
# A PUBLIC record has no end. Farther from it than most functions are long it names only what unwind
# records call code: data lies behind the last one, too (seen: `_fini` for a pointer in .data).
PUBLIC_REACH = 0x1000  # bytes
COVERAGE_SAMPLES = 64
ENOUGH_COVERED = 0.7  # of the code; the rest is padding, and what has no debug information
MAX_ANSWERS = 4096  # remembered ones
MAX_BLOCKS = 16
LARGE_BLOCK = 1 << 20  # bytes: only one of these is remembered
MAX_DIGITS = 10
BLOCK_ENDS = (b"\nPUBLIC ", b"\nSTACK ")


class InlinedCall(NamedTuple):
    """A function that was merged into its caller, and where execution is inside it."""

    name: str
    file: str | None
    line: int | None


class FunctionHit(NamedTuple):
    """The function at an address; its `start` is from the module's base.

    `size` in bytes, 0 when unknown. `parameter_size`: bytes of parameters on the stack (x86).
    `file` and `line` are the function's own: where it calls the outermost of `inlines`, which are
    innermost first. `is_public`: only the nearest name before the address is known.
    """

    name: str
    start: int
    size: int
    parameter_size: int = 0
    file: str | None = None
    line: int | None = None
    inlines: tuple[InlinedCall, ...] = ()
    is_public: bool = False


class BreakpadFile:
    """The records of a .sym file, read where a question leads. Damage is noted in `problems`.

    A misplaced record of a large file may be overlooked: the order of such a file is judged by
    samples and by the neighbours of what is found.
    """

    def __init__(self, data: Content) -> None:
        """MalformedFile when the MODULE line is none."""
        self.module = read_module_line(data)
        self.problems: list[str] = []
        self._data = data
        self._layout = layout = read_layout(data)
        end = layout.stack
        self._functions = self._make_column(records.FUNC, layout.body, end)
        self._publics = self._make_column(records.PUBLIC, layout.publics, end)
        self._all_publics = self._make_column(records.PUBLIC, layout.body, end)
        self._names = {
            records.FILE: self._make_column(records.FILE, 0, layout.origins or end),
            records.ORIGIN: self._make_column(records.ORIGIN, layout.origins, layout.body or end),
        }
        self._late_names: dict[RecordKind, SortedRecords] = {}
        self._stack = StackRecords(
            data, end if layout.is_known else 0, len(data), problems=self.problems
        )
        self._texts: dict[tuple[RecordKind, int], str | None] = {}
        self._blocks: dict[int, FunctionBlock] = {}
        self._answers: dict[int, FunctionHit | None] = {}

    @property
    def has_functions(self) -> bool:
        """Whether it has FUNC records."""
        return self._functions.exists()

    def measure_code(self) -> range | None:
        """From the first function to the end of the last, if functions cover nearly all between.

        None for a file that describes some functions only, as one made by hand, or of a library of
        which a part was compiled with debug information: there code may be anywhere.
        """
        first = self._functions.read_first()
        last = self._functions.find_before(MAX_ADDRESS)
        if first is None or last is None:
            return None
        start, end = int(first[1], 16), int(last[1], 16) + int(last[2], 16)
        step = max(1, (end - start) // COVERAGE_SAMPLES)
        places = range(start, end, step)
        covered = sum(self._functions.find_covering(offset) is not None for offset in places)
        return range(start, end) if covered >= ENOUGH_COVERED * len(places) > 0 else None

    @property
    def has_publics(self) -> bool:
        """Whether it has PUBLIC records."""
        return self._all_publics.exists()

    @property
    def has_lines(self) -> bool:
        """Whether its first functions have lines."""
        if not self._names[records.FILE].exists():
            return False
        start = self._functions.find_next(self._functions.start - 1)
        end = min(self._functions.end, start + NOTICED)
        return SortedRecords(self._data, records.LINE, start, end, []).read_first() is not None

    @property
    def has_inlines(self) -> bool:
        """Whether it tells inlined calls."""
        if self._names[records.ORIGIN].exists():
            return True
        start = self._functions.start
        return self._data.find(b"\nINLINE ", start, start + NOTICED) >= 0

    @property
    def has_unwind(self) -> bool:
        """Whether it has STACK records."""
        return (
            self._layout.is_known and self._layout.stack < len(self._data)
        ) or self._stack.exists()

    def find_cfi(self, address: int) -> CfiText | None:
        """The STACK CFI rules at an address."""
        return self._stack.find_cfi(address)

    def find_frame_data(self, address: int) -> FrameData | None:
        """The STACK WIN record at an address."""
        return self._stack.find_frame_data(address)

    def find_function(self, address: int) -> FunctionHit | None:
        """The FUNC that covers an address, else the PUBLIC before it with no FUNC in between."""
        if not 0 <= address <= MAX_ADDRESS:
            return None
        if address not in self._answers:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            record = self._functions.find_covering(address)
            self._answers[address] = (
                self._find_public(address)
                if record is None
                else self._read_function(record, address)
            )
        return self._answers[address]

    def _make_column(self, kind: RecordKind, start: int, end: int) -> SortedRecords:
        return SortedRecords(self._data, kind, start, end, self.problems)

    def _read_function(self, record: Match[bytes], address: int) -> FunctionHit:
        block = self._get_block(record.start(), record.end())
        line_record = block.find_line(address)
        file, line = (line_record.file, line_record.line) if line_record else (None, 0)
        inlines = block.find_inlines(address)
        calls: list[InlinedCall] = []
        for number, inline in reversed(list(enumerate(inlines))):  # the innermost has the line
            is_old = inline.file is None
            name, _ = self._find_origin(inline.origin, is_old=is_old)
            calls.append(InlinedCall(name, self._find_name(records.FILE, file), line or None))
            file, line = inline.file, inline.line
            if is_old and number:
                file = self._find_origin(inlines[number - 1].origin, is_old=True)[1]
            elif is_old:
                file = block.find_first_file()
        start, size, parameters = (int(word, 16) for word in record.group(1, 2, 3))
        return FunctionHit(
            read_text(record[4]),
            start,
            size,
            parameters,
            self._find_name(records.FILE, file),
            line or None,
            tuple(calls),
        )

    def _get_block(self, start: int, line_end: int) -> FunctionBlock:
        """What follows a FUNC record up to the next FUNC, PUBLIC or STACK record."""
        if start not in self._blocks:
            end = self._functions.find_next(start)
            first = min(end, find_line_end(self._data, line_end, end) + 1)
            for tag in BLOCK_ENDS:
                position = self._data.find(tag, first - 1, end)
                end = end if position < 0 else position + 1
            if len(self._blocks) >= MAX_BLOCKS or end - first > LARGE_BLOCK:
                self._blocks.clear()
            self._blocks[start] = FunctionBlock(self._data, first, end, self.problems)
        return self._blocks[start]

    def _find_origin(self, number: int, *, is_old: bool) -> tuple[str, int | None]:
        """Name and file of a function that was merged into others; only old records have a file."""
        text = self._find_name(records.ORIGIN, number) or ""
        file, _, name = text.partition(" ")
        if is_old and file.isascii() and file.isdigit() and len(file) <= MAX_DIGITS:
            return name.strip(), int(file)
        return text, None

    def _find_name(self, kind: RecordKind, number: int | None) -> str | None:
        """The text of the FILE or INLINE_ORIGIN record with a number."""
        if number is None:
            return None
        key = kind, number
        if key not in self._texts:
            if len(self._texts) >= MAX_ANSWERS:
                self._texts.clear()
            self._texts[key] = self._read_name(kind, number)
        return self._texts[key]

    def _read_name(self, kind: RecordKind, number: int) -> str | None:
        column = self._names[kind]
        record = column.read(column.find(number))
        if record is None or int(record[1]) != number:
            record = self._find_late_name(kind, number)
        return None if record is None else read_text(record[2]) or None

    def _find_late_name(self, kind: RecordKind, number: int) -> Match[bytes] | None:
        """A record that is not where writers put them, or not in order."""
        if kind not in self._late_names:
            column = self._make_column(kind, 0, len(self._data))
            column.make_index()
            self._late_names[kind] = column
        column = self._late_names[kind]
        record = column.read(column.find(number))
        return record if record is not None and int(record[1]) == number else None

    def _find_public(self, address: int) -> FunctionHit | None:
        before = self._functions.find_before(address)
        matches = [
            column.read(column.find_surely(address))
            for column in self._list_publics(before, address)
        ]
        starts = [(int(record[1], 16), record) for record in matches if record is not None]
        if not starts:
            return None
        start, record = max(starts, key=lambda pair: pair[0])
        if before is not None and int(before[1], 16) >= start:
            return None
        is_far = self._stack.exists() and address - start > PUBLIC_REACH
        if is_far and not self._is_unwound(address):
            return None
        return FunctionHit(read_text(record[3]), start, 0, int(record[2], 16), is_public=True)

    def _is_unwound(self, address: int) -> bool:
        """Whether unwind records know of code at an address."""
        return self.find_cfi(address) is not None or self.find_frame_data(address) is not None

    def _list_publics(self, before: Match[bytes] | None, address: int) -> list[SortedRecords]:
        """Where the PUBLIC record of an address may be, given the FUNC record before it."""
        functions = self._functions
        if not functions.is_in_order():
            return [self._all_publics]
        last = functions.find(address)  # unlike the one before it may cover nothing
        start = functions.start if before is None else before.start()
        end = functions.find_next(max(last, functions.start - 1))
        return [self._publics, self._make_column(records.PUBLIC, start, end)]
