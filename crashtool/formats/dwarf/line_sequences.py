"""The sequences of a line program, found without running it, and run where an address asks.

Between the opcodes that begin and end sequences the byte code is a regular language, which `re`
passes many times faster than it can be obeyed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.line_blocks import compile_skip, compile_sum
from crashtool.formats.dwarf.line_program import (
    EXTENDED,
    FIRST,
    MASK,
    Coding,
    DW_LNE_end_sequence,
    DW_LNE_set_address,
    Rows,
    SequenceRun,
    read_extended,
)
from crashtool.formats.named_tuple import NamedTuple

MAX_DROPPED = MASK >> 1  # an address of dropped code, from which others cannot begin anew
MAX_OVERLAPPING = 8  # sequences: what linkers leave of dropped code


class Mark(NamedTuple):
    """Where a block of a sequence ends, and what follows it begins; `address` is what the opcode
    between sets, if there is one.
    """

    end: int
    next: int
    address: int | None


class SequencePlace(NamedTuple):
    """A sequence that was not run: where it begins in its program, and where its blocks end.

    `addresses`: those that are set in it, the first before its first row.
    """

    offset: int
    marks: list[Mark]
    addresses: list[int]

    @property
    def is_plain(self) -> bool:
        """Whether addresses are set, and grow."""
        return bool(self.addresses) and self.addresses == sorted(self.addresses)


class FoundRow(NamedTuple):
    """The row that is good at an address: file number and line, and where its piece begins."""

    file: int
    line: int
    start: int


def run_kept(code: bytes, coding: Coding, spans: tuple[range, ...]) -> list[Rows]:
    """The rows of a program, as `run_program` makes them, that begin in one of the `spans`.

    Of a large C++ library four in five sequences are of code that the linker has dropped, because
    other units have it, too: they are passed. DamagedDwarf where the program runs out.
    """
    kept: list[Rows] = []
    offset, end = 0, len(code)
    while offset < end:
        run = SequenceRun(code, coding, offset)
        _run(run, 0)
        if not run.is_over:
            offset = 0
            first = run.pieces[0].addresses[0]
            if first <= MAX_DROPPED and not _is_in(first, spans):
                offset = _pass_sequence(code, coding, run.offset)
            if offset:
                continue
            _run(run)
        kept += (rows for rows in run.pieces if _is_in(rows.addresses[0], spans))
        offset = run.offset
    return kept


def _is_in(address: int, spans: tuple[range, ...]) -> bool:
    return any(address in span for span in spans)


def _pass_sequence(code: bytes, coding: Coding, offset: int) -> int:
    """Where a sequence ends in which addresses grow; 0 where that is not known without running it.

    DamagedDwarf where an opcode is cut.
    """
    skip = compile_skip(coding.opcode_base, coding.lengths)
    end = len(code)
    while offset < end:
        passed = skip(code, offset)
        if passed:
            offset = passed
            continue
        if code[offset] != EXTENDED:
            return 0
        kind, _, offset = _read_extended(code, offset)
        if kind == DW_LNE_end_sequence:
            return offset
        if kind == DW_LNE_set_address:
            return 0
    return end


class LineSequences:
    """The rows of one program, but for those of code that the linker has dropped."""

    def __init__(self, code: bytes, coding: Coding, spans: tuple[range, ...]) -> None:
        """`spans`: where code is. DamagedDwarf where the program runs out."""
        self._spans = spans
        self._pieces: list[tuple[int, Rows | _LazySequence]] = []
        for place in list_sequences(code, coding):
            if place.is_plain:
                self._add(place.addresses[0], _LazySequence(code, coding, place))
                continue
            for rows in _run_whole(code, coding, place.offset):
                self._add(rows.addresses[0], rows)
        self._pieces.sort(key=lambda piece: piece[0])
        self._starts = [start for start, _ in self._pieces]

    def find(self, address: int) -> FoundRow | None:
        """The row that is good at an address; of several that of the piece that begins last.

        DamagedDwarf where the program makes no sense.
        """
        last = bisect_right(self._starts, address)
        for _, piece in reversed(self._pieces[max(0, last - MAX_OVERLAPPING) : last]):
            row = piece.find(address) if isinstance(piece, _LazySequence) else _find(piece, address)
            if row is not None and self._is_code(row.start):
                return row
        return None

    def _add(self, start: int, piece: Rows | _LazySequence) -> None:
        if self._is_code(start):
            self._pieces.append((start, piece))

    def _is_code(self, start: int) -> bool:
        return _is_in(start, self._spans)


class _LazySequence:
    """A sequence in which growing addresses are set, run from the block on that is asked for."""

    def __init__(self, code: bytes, coding: Coding, place: SequencePlace) -> None:
        self._code = code
        self._coding = coding
        self._place = place
        self._sets = [mark for mark in place.marks if mark.address is not None]
        self._begins = [place.offset]  # of the blocks, of which so much was added up
        self._reached = [FIRST]  # what the registers are there
        self._addresses = [0]
        self._runs: dict[int, SequenceRun] = {}
        self._pieces: list[Rows] | None = None  # once it was run whole
        self._start: int | None = None

    def find(self, address: int) -> FoundRow | None:
        """The row that is good at an address. DamagedDwarf where the program makes no sense."""
        while self._pieces is None and self._addresses[-1] <= address and self._add_block():
            pass
        block = bisect_right(self._addresses, address) - 1
        while self._pieces is None:
            run = self._reach(block, address)
            if len(run.pieces) != 1 or self._is_set_later(run, address):
                self._run_whole()
            elif block and run.pieces[0].addresses[0] > address:
                block -= 1  # the last row before is further up
            else:
                row = _find(run.pieces[0], address)
                return row and row._replace(start=self._find_start())
        return next(filter(None, (_find(rows, address) for rows in self._pieces)), None)

    def _reach(self, block: int, address: int) -> SequenceRun:
        """What was run from a block on, up to a row beyond an address or the sequence's end."""
        run = self._open(block)
        rows = run.pieces[-1].addresses if run.pieces else ()
        if not run.is_over and not (rows and rows[-1] > address):
            _run(run, address)
        return run

    def _is_set_later(self, run: SequenceRun, address: int) -> bool:
        """Whether rows behind those that were run may be as good."""
        if run.is_over:
            return False
        later = next((mark for mark in self._sets if mark.end >= run.offset), None)
        return later is not None and later.address is not None and later.address <= address

    def _open(self, block: int) -> SequenceRun:
        run = self._runs.get(block)
        if run is None:
            offset, registers = self._begins[block], self._reached[block]
            run = SequenceRun(self._code, self._coding, offset, _make_arrays, registers)
            self._runs[block] = run
        return run

    def _add_block(self) -> bool:
        """Add up the block behind those that were; whether there is one, and it can be."""
        marks = self._place.marks
        number = len(self._begins) - 1
        add_up = compile_sum(self._coding)
        if number >= len(marks) or add_up is None:
            return False
        mark = marks[number]
        registers = add_up(self._code[self._begins[-1] : mark.end], self._reached[-1])
        if mark.address is not None:
            if mark.address < registers.address:
                self._run_whole()
                return False
            registers = registers._replace(address=mark.address)
        if registers.address > MASK:
            return False
        self._begins.append(mark.next)
        self._reached.append(registers)
        self._addresses.append(registers.address)
        return True

    def _find_start(self) -> int:
        """The address of its first row."""
        if self._start is None:
            run = self._open(0)
            if not run.pieces[0].addresses:
                _run(run, 0)
            self._start = run.pieces[0].addresses[0]
        return self._start

    def _run_whole(self) -> None:
        pieces = _run_whole(self._code, self._coding, self._place.offset)
        self._pieces = sorted(pieces, key=lambda rows: rows.addresses[0], reverse=True)


def _run_whole(code: bytes, coding: Coding, offset: int) -> list[Rows]:
    run = SequenceRun(code, coding, offset, _make_arrays)
    _run(run)
    return run.pieces


def _run(run: SequenceRun, *stop: int) -> None:
    try:
        run.run(*stop)
    except IndexError:
        raise DamagedDwarf("a line program is cut short", offset=0) from None


def _make_arrays() -> Rows:
    return Rows(array("Q"), array("Q"), array("I"))


def _find(rows: Rows, address: int) -> FoundRow | None:
    """The last row at an address or before it; None where the rows have ended before."""
    addresses, files, lines = rows
    index = bisect_right(addresses, address, 0, len(lines)) - 1
    if index < 0 or (len(addresses) > len(lines) and address >= addresses[-1]):
        return None
    return FoundRow(files[index], lines[index], addresses[0])


def list_sequences(code: bytes, coding: Coding) -> list[SequencePlace]:
    """The sequences of a program in its order. DamagedDwarf where it runs out."""
    sequences: list[SequencePlace] = []
    skip = compile_skip(coding.opcode_base, coding.lengths)
    offset, end = 0, len(code)
    place, is_odd = SequencePlace(0, [], []), False
    while offset < end:
        passed = skip(code, offset)
        offset = passed or offset
        if offset == end:
            break
        if passed and code[offset] != EXTENDED:
            place.marks.append(Mark(offset, offset, None))
            continue
        first = offset
        kind, start, offset = _read_extended(code, offset)
        if kind == DW_LNE_set_address:
            address = int.from_bytes(code[start : min(offset, start + 8)], "little")
            place.addresses.append(address)
            place.marks.append(Mark(first, offset, address))
        elif kind == DW_LNE_end_sequence:
            if is_odd:
                place.addresses.clear()
            sequences.append(place)
            place, is_odd = SequencePlace(offset, [], []), False
        elif passed:  # the pattern has ended early
            offset = first
            place.marks.append(Mark(offset, offset, None))
        else:  # it cannot be added up
            is_odd = True
    return sequences


def _read_extended(code: bytes, offset: int) -> tuple[int, int, int]:
    """As `read_extended`, from the opcode on. DamagedDwarf where it is another, cut short."""
    try:
        if code[offset] == EXTENDED:
            return read_extended(code, offset + 1)
    except IndexError:
        pass
    raise DamagedDwarf("a line program is cut short", offset=0)
