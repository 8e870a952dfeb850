"""What blocks of a line program add up to, which tells where to begin to run it.

A sequence may have a hundred thousand rows, of which one is wanted. To add up what opcodes do to
address, file and line takes half the time of obeying them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from crashtool.formats.dwarf.forms import Cursor
from crashtool.formats.dwarf.line_program import (
    MAX_SPECIAL,
    SILENT,
    Coding,
    DW_LNS_advance_line,
    DW_LNS_advance_pc,
    DW_LNS_const_add_pc,
    DW_LNS_copy,
    DW_LNS_fixed_advance_pc,
    DW_LNS_set_file,
    DW_LNS_set_isa,
    LineRegisters,
    list_specials,
)

LEB = rb"[\x80-\xff]*[\x00-\x7f]"
# Extended opcodes of two to four bytes that neither set an address nor end a sequence: the
# numbers of basic blocks are most.
SMALL_EXTENDED = tuple(
    b"\\x00\\x%02x[^\\x01\\x02]" % size + b"." * (size - 1) for size in (2, 3, 4)
)
MAX_AT_ONCE = 1000  # steps of a pattern; each takes some memory until the run's end
MAX_EFFECTS = 1 << 13  # that are kept
UNIT = 1 << 64
LONGEST, SEVEN_BITS = 6, 0x7F  # bytes of an opcode with a number of 35 bits


def join_bytes(values: list[int]) -> bytes:
    """A pattern of one of these bytes."""
    return b"[" + b"".join(b"\\x%02x" % value for value in values) + b"]"


@lru_cache(maxsize=8)
def compile_skip(base: int, lengths: bytes) -> Callable[[bytes, int], int]:
    """How far opcodes reach from an offset on that neither begin nor end a sequence; 0: none does.

    It may end early, between opcodes.
    """
    bare = list(range(base, MAX_SPECIAL + 1))
    operands: dict[int, list[int]] = {}
    for opcode in range(1, min(base, MAX_SPECIAL + 1)):
        if opcode in {DW_LNS_copy, DW_LNS_const_add_pc, *SILENT}:
            bare.append(opcode)
        elif opcode != DW_LNS_fixed_advance_pc:
            count = 1 if opcode <= DW_LNS_set_isa else lengths[opcode - 1]
            operands.setdefault(count, []).append(opcode)
    bare += operands.pop(0, [])
    passed = join_bytes(bare) if bare else b""
    choices = [
        passed + b"*" * bool(bare) + join_bytes(group) + LEB * count
        for count, group in operands.items()
    ]
    choices += [passed + b"+"] if bare else []
    if base > DW_LNS_fixed_advance_pc:
        choices.append(join_bytes([DW_LNS_fixed_advance_pc]) + b"..")
    # Behind what is bare, no choice goes on as another does, so that there is one way to match.
    choices += SMALL_EXTENDED
    match = re.compile(b"(?s:%b){1,%d}" % (b"|".join(choices), MAX_AT_ONCE)).match

    def skip(code: bytes, offset: int) -> int:
        matched = match(code, offset)
        return matched.end() if matched else 0

    return skip


@lru_cache(maxsize=8)
def compile_sum(coding: Coding) -> Callable[[bytes, LineRegisters], LineRegisters] | None:
    """What registers are behind a block of whole opcodes that neither begin nor end a sequence.

    None where the opcodes are none of the usual ones.
    """
    advances, steps = list_specials(*coding[:-1])
    if coding.opcode_base <= DW_LNS_fixed_advance_pc or max(advances) > MAX_SPECIAL:
        return None
    moves = bytes(
        [*advances[:DW_LNS_const_add_pc], advances[-1], *advances[DW_LNS_const_add_pc + 1 :]]
    )
    rises = bytes(max(0, step - coding.line_base) for step in steps)
    split = _compile_tokens(coding).split
    effects = _Effects(coding.smallest)

    def add_up(block: bytes, registers: LineRegisters) -> LineRegisters:
        parts = split(block)
        bare = b"".join(parts[::2])  # special opcodes
        tokens = list(filter(None, parts[1::2]))
        total = sum(map(effects.__getitem__, tokens))
        step = (total + UNIT // 2) % UNIT - UNIT // 2
        address = registers.address + sum(bare.translate(moves)) + (total - step) // UNIT
        line = registers.line + step + sum(bare.translate(rises))
        line += coding.line_base * (len(bare) - bare.count(DW_LNS_const_add_pc))
        last = next((token for token in reversed(tokens) if token[0] == DW_LNS_set_file), None)
        return LineRegisters(
            address, registers.file if last is None else _operand(last).uleb(), line
        )

    return add_up


class _Effects(dict[bytes, int]):
    """What opcodes with operands add to the line, and, in units of `UNIT`, to the address."""

    def __init__(self, smallest: int) -> None:
        super().__init__()
        self._smallest = smallest

    def __missing__(self, token: bytes) -> int:
        effect = 0
        if token[0] == DW_LNS_advance_line:
            effect = _signed(token)
        elif token[0] == DW_LNS_advance_pc:
            effect = _operand(token).uleb() * self._smallest * UNIT
        elif token[0] == DW_LNS_fixed_advance_pc:
            effect = int.from_bytes(token[1:], "little") * UNIT
        if len(self) >= MAX_EFFECTS:
            self.clear()
        self[token] = effect
        return effect


def _signed(token: bytes) -> int:
    """A signed LEB128 number behind an opcode."""
    if len(token) > LONGEST:
        return _operand(token).sleb()
    value = shift = 0
    for byte in token[1:]:
        value |= (byte & SEVEN_BITS) << shift
        shift += 7
    return value - 2 * (value & 1 << shift - 1)


def _operand(token: bytes) -> Cursor:
    return Cursor(token, 1)


def _compile_tokens(coding: Coding) -> re.Pattern[bytes]:
    """What has an operand that counts, as a group, or a run of what adds nothing."""
    silent = [opcode for opcode in (DW_LNS_copy, *SILENT) if opcode < coding.opcode_base]
    counted = {
        DW_LNS_advance_pc,
        DW_LNS_advance_line,
        DW_LNS_set_file,
        DW_LNS_const_add_pc,
        DW_LNS_fixed_advance_pc,
    }
    nothing = [join_bytes(silent), *SMALL_EXTENDED]
    for opcode in range(1, coding.opcode_base):
        if opcode not in counted and opcode not in silent:
            count = 1 if opcode <= DW_LNS_set_isa else coding.lengths[opcode - 1]
            nothing.append(join_bytes([opcode]) + LEB * count)
    numbers = join_bytes([DW_LNS_advance_pc, DW_LNS_advance_line, DW_LNS_set_file]) + LEB
    fixed = join_bytes([DW_LNS_fixed_advance_pc]) + b".."
    return re.compile(b"(?s)(%b|%b)|(?:%b)+" % (numbers, fixed, b"|".join(nothing)))
