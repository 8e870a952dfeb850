"""DWARF call frame instructions: the registers' rules at one address of a function."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.cfi_expressions import (
    Reader,
    RegisterNames,
    UnknownExpression,
    to_postfix,
)

MAX_STATES = 256
# DWARF 5, 7.24. The first three are the two highest bits, with an operand below them.
DW_CFA_advance_loc = 0x40
DW_CFA_offset = 0x80
DW_CFA_restore = 0xC0
DW_CFA_nop = 0x00
DW_CFA_set_loc = 0x01
DW_CFA_advance_loc1 = 0x02
DW_CFA_advance_loc2 = 0x03
DW_CFA_advance_loc4 = 0x04
DW_CFA_offset_extended = 0x05
DW_CFA_restore_extended = 0x06
DW_CFA_undefined = 0x07
DW_CFA_same_value = 0x08
DW_CFA_register = 0x09
DW_CFA_remember_state = 0x0A
DW_CFA_restore_state = 0x0B
DW_CFA_def_cfa = 0x0C
DW_CFA_def_cfa_register = 0x0D
DW_CFA_def_cfa_offset = 0x0E
DW_CFA_def_cfa_expression = 0x0F
DW_CFA_expression = 0x10
DW_CFA_offset_extended_sf = 0x11
DW_CFA_def_cfa_sf = 0x12
DW_CFA_def_cfa_offset_sf = 0x13
DW_CFA_val_offset = 0x14
DW_CFA_val_offset_sf = 0x15
DW_CFA_val_expression = 0x16
DW_CFA_AARCH64_negate_ra_state = 0x2D
DW_CFA_GNU_args_size = 0x2E
DW_CFA_GNU_negative_offset_extended = 0x2F
ADVANCE_SIZES = {DW_CFA_advance_loc1: 1, DW_CFA_advance_loc2: 2, DW_CFA_advance_loc4: 4}
UNDEFINED_RULE = ""
_LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_PLAIN = rb"""(?sx)(?:
    [\x40-\x7f\xc0-\xff\x00\x0a\x0b\x2d]        # without an operand
  | [\x80-\xbf\x06-\x08\x0e\x13\x2e] %(leb)b  # with one
  | [\x05\x09\x11\x14\x15\x2f] %(leb)b %(leb)b
  | \x02. | \x03.. | \x04....
  | \x0d %(registers)b | [\x0c\x12] %(registers)b %(leb)b
)*"""


class AlignmentFactors(NamedTuple):
    """What a function's instructions are scaled by, and how its CPU's registers are called."""

    code: int
    data: int
    names: RegisterNames


def compile_plain(names: RegisterNames) -> re.Pattern[bytes]:
    """What matches instructions that can all be said in text, wherever one stops among them.

    It need not match all such: expressions, states within states and absurd numbers are left to
    `UnwindRow`, which knows.
    """
    registers = b"[%b]" % b"".join(b"\\x%02x" % number for number in names.registers)
    return re.compile(_PLAIN % {b"leb": _LEB, b"registers": registers})


class UnwindRow:
    """Rules as they stand after some instructions: text by register number, the CFA's apart."""

    def __init__(self, factors: AlignmentFactors) -> None:
        self.factors = factors
        self.rules: dict[int, str] = {}
        self.initial: dict[int, str] = {}
        self.cfa = ""
        self._cfa_register = 0
        self._cfa_offset = 0
        self._saved: list[tuple[dict[int, str], str, int, int]] = []

    def copy(self) -> UnwindRow:
        """The same rules, which change without these."""
        copy = UnwindRow(self.factors)
        copy.rules, copy.initial, copy.cfa = dict(self.rules), self.initial, self.cfa
        copy._cfa_register, copy._cfa_offset = self._cfa_register, self._cfa_offset
        copy._saved = [(dict(saved[0]), *saved[1:]) for saved in self._saved]
        return copy

    def run(self, reader: Reader, start: int, address: int) -> None:
        """Apply the instructions for code up to `address`, the function being at `start`.

        UnknownExpression for what is damaged, or cannot be said in text.
        """
        offset = start
        while reader.offset < reader.end:
            code = reader.number(1)
            step = self._advance(code, reader)
            if step is None:
                self._apply(code, reader)
                continue
            offset += step
            if offset > address:
                return

    def walk(self, reader: Reader) -> Iterator[int]:
        """Apply all instructions; each offset in the function from which on the rules then hold.

        UnknownExpression as in `run`.
        """
        offset = 0
        while reader.offset < reader.end:
            code = reader.number(1)
            step = self._advance(code, reader)
            if step is None:
                self._apply(code, reader)
            elif step:
                yield offset
                offset += step
        yield offset

    def _advance(self, code: int, reader: Reader) -> int | None:
        if code & 0xC0 == DW_CFA_advance_loc:
            return (code & 0x3F) * self.factors.code
        if code in ADVANCE_SIZES:
            return reader.number(ADVANCE_SIZES[code]) * self.factors.code
        if code == DW_CFA_set_loc:
            raise UnknownExpression("an absolute location")
        return None

    def _apply(self, code: int, reader: Reader) -> None:
        high, low = code & 0xC0, code & 0x3F
        if high == DW_CFA_offset:
            self._at_offset(low, reader.uleb())
        elif high == DW_CFA_restore:
            self._restore(low)
        elif code in CFA_CODES:
            self._define_cfa(code, reader)
        elif code in REGISTER_CODES:
            self._define_register(code, reader)
        elif code in (DW_CFA_remember_state, DW_CFA_restore_state):
            self._keep(code)
        elif code == DW_CFA_GNU_args_size:
            reader.uleb()
        elif code not in (
            DW_CFA_nop,
            DW_CFA_AARCH64_negate_ra_state,
        ):  # a signed return address is stripped anyway
            raise UnknownExpression(f"instruction {code:#x}")

    def _define_cfa(self, code: int, reader: Reader) -> None:
        names = self.factors.names
        if code == DW_CFA_def_cfa_expression:
            self.cfa = to_postfix(reader.take(reader.uleb()), names, with_cfa=False)
            return
        if code in (DW_CFA_def_cfa, DW_CFA_def_cfa_sf, DW_CFA_def_cfa_register):
            self._cfa_register = reader.uleb()
        if code in (DW_CFA_def_cfa, DW_CFA_def_cfa_offset):
            self._cfa_offset = reader.uleb()
        if code in (DW_CFA_def_cfa_sf, DW_CFA_def_cfa_offset_sf):
            self._cfa_offset = reader.sleb() * self.factors.data
        if self._cfa_register not in names.registers:
            raise UnknownExpression(f"register {self._cfa_register}")
        self.cfa = f"{names.registers[self._cfa_register]} {self._cfa_offset} +"

    def _define_register(self, code: int, reader: Reader) -> None:
        number = reader.uleb()
        names = self.factors.names
        if code == DW_CFA_offset_extended:
            self._at_offset(number, reader.uleb())
        elif code == DW_CFA_offset_extended_sf:
            self._at_offset(number, reader.sleb())
        elif code == DW_CFA_GNU_negative_offset_extended:
            self._at_offset(number, -reader.uleb())
        elif code in (DW_CFA_val_offset, DW_CFA_val_offset_sf):
            offset = reader.uleb() if code == DW_CFA_val_offset else reader.sleb()
            self.rules[number] = f".cfa {offset * self.factors.data} +"
        elif code in (DW_CFA_expression, DW_CFA_val_expression):
            text = to_postfix(reader.take(reader.uleb()), names, with_cfa=True)
            self.rules[number] = f"{text} ^" if code == DW_CFA_expression else text
        elif code == DW_CFA_register:
            other = reader.uleb()
            self.rules[number] = names.registers.get(other, UNDEFINED_RULE)
        elif code == DW_CFA_undefined:
            self.rules[number] = UNDEFINED_RULE
        elif code == DW_CFA_same_value:
            self.rules[number] = names.registers.get(number, UNDEFINED_RULE)
        else:
            self._restore(number)

    def _at_offset(self, number: int, factored: int) -> None:
        self.rules[number] = f".cfa {factored * self.factors.data} + ^"

    def _restore(self, number: int) -> None:
        if number in self.initial:
            self.rules[number] = self.initial[number]
        else:
            self.rules.pop(number, None)

    def _keep(self, code: int) -> None:
        if code == DW_CFA_remember_state:
            if len(self._saved) >= MAX_STATES:
                raise UnknownExpression("too many states")
            self._saved.append((dict(self.rules), self.cfa, self._cfa_register, self._cfa_offset))
        elif self._saved:
            self.rules, self.cfa, self._cfa_register, self._cfa_offset = self._saved.pop()


CFA_CODES = frozenset(
    {
        DW_CFA_def_cfa,
        DW_CFA_def_cfa_register,
        DW_CFA_def_cfa_offset,
        DW_CFA_def_cfa_expression,
        DW_CFA_def_cfa_sf,
        DW_CFA_def_cfa_offset_sf,
    }
)
REGISTER_CODES = frozenset(
    {
        DW_CFA_offset_extended,
        DW_CFA_restore_extended,
        DW_CFA_undefined,
        DW_CFA_same_value,
        DW_CFA_register,
        DW_CFA_expression,
        DW_CFA_offset_extended_sf,
        DW_CFA_val_offset,
        DW_CFA_val_offset_sf,
        DW_CFA_val_expression,
        DW_CFA_GNU_negative_offset_extended,
    }
)
