"""DWARF call frame instructions: the registers' rules at one address of a function."""

import re

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.frame_expressions import (
    Names,
    Reader,
    UnknownExpression,
    to_postfix,
)

MOST_STATES = 256
# DW_CFA_…: the two highest bits, or the whole byte (DWARF 5, 7.24).
ADVANCE, OFFSET, RESTORE = 0x40, 0x80, 0xC0
SET_LOCATION, ADVANCE_SIZES = 0x01, {0x02: 1, 0x03: 2, 0x04: 4}
OFFSET_EXTENDED, RESTORE_EXTENDED, UNDEFINED, SAME_VALUE, REGISTER = 0x05, 0x06, 0x07, 0x08, 0x09
REMEMBER, RESTORE_STATE = 0x0A, 0x0B
DEF_CFA, DEF_CFA_REGISTER, DEF_CFA_OFFSET, DEF_CFA_EXPRESSION = 0x0C, 0x0D, 0x0E, 0x0F
EXPRESSION, OFFSET_EXTENDED_SF, DEF_CFA_SF, DEF_CFA_OFFSET_SF = 0x10, 0x11, 0x12, 0x13
VAL_OFFSET, VAL_OFFSET_SF, VAL_EXPRESSION = 0x14, 0x15, 0x16
NEGATE_RA_STATE, ARGS_SIZE, NEGATIVE_OFFSET = 0x2D, 0x2E, 0x2F
UNDEFINED_RULE = ""
_LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_PLAIN = rb"""(?sx)(?:
    [\x40-\x7f\xc0-\xff\x00\x0a\x0b\x2d]        # without an operand
  | [\x80-\xbf\x06-\x08\x0e\x13\x2e] %(leb)b  # with one
  | [\x05\x09\x11\x14\x15\x2f] %(leb)b %(leb)b
  | \x02. | \x03.. | \x04....
  | \x0d %(registers)b | [\x0c\x12] %(registers)b %(leb)b
)*"""


class Factors(NamedTuple):
    """What a function's instructions are scaled by, and how its CPU's registers are called."""

    code: int
    data: int
    names: Names


def compile_plain(names: Names) -> re.Pattern[bytes]:
    """What matches instructions that can all be said in text, wherever one stops among them.

    It need not match all such: expressions, states within states and absurd numbers are left to
    `Row`, which knows.
    """
    registers = b"[%b]" % b"".join(b"\\x%02x" % number for number in names.registers)
    return re.compile(_PLAIN % {b"leb": _LEB, b"registers": registers})


class Row:
    """Rules as they stand after some instructions: text by register number, the CFA's apart."""

    def __init__(self, factors: Factors) -> None:
        self.factors = factors
        self.rules: dict[int, str] = {}
        self.initial: dict[int, str] = {}
        self.cfa = ""
        self._cfa_register = 0
        self._cfa_offset = 0
        self._saved: list[tuple[dict[int, str], str, int, int]] = []

    def run(self, reader: Reader, start: int, address: int) -> None:
        """Apply the instructions for code up to `address`, the function being at `start`.

        UnknownExpression for what is damaged, or cannot be said in text.
        """
        place = start
        while reader.place < reader.end:
            code = reader.number(1)
            step = self._advance(code, reader)
            if step is None:
                self._apply(code, reader)
                continue
            place += step
            if place > address:
                return

    def _advance(self, code: int, reader: Reader) -> int | None:
        if code & 0xC0 == ADVANCE:
            return (code & 0x3F) * self.factors.code
        if code in ADVANCE_SIZES:
            return reader.number(ADVANCE_SIZES[code]) * self.factors.code
        if code == SET_LOCATION:
            raise UnknownExpression("an absolute location")
        return None

    def _apply(self, code: int, reader: Reader) -> None:
        high, low = code & 0xC0, code & 0x3F
        if high == OFFSET:
            self._at_offset(low, reader.uleb())
        elif high == RESTORE:
            self._restore(low)
        elif code in CFA_CODES:
            self._define_cfa(code, reader)
        elif code in REGISTER_CODES:
            self._define_register(code, reader)
        elif code in (REMEMBER, RESTORE_STATE):
            self._keep(code)
        elif code == ARGS_SIZE:
            reader.uleb()
        elif code not in (0, NEGATE_RA_STATE):  # a signed return address is stripped anyway
            raise UnknownExpression(f"instruction {code:#x}")

    def _define_cfa(self, code: int, reader: Reader) -> None:
        names = self.factors.names
        if code == DEF_CFA_EXPRESSION:
            self.cfa = to_postfix(reader.take(reader.uleb()), names, with_cfa=False)
            return
        if code in (DEF_CFA, DEF_CFA_SF, DEF_CFA_REGISTER):
            self._cfa_register = reader.uleb()
        if code in (DEF_CFA, DEF_CFA_OFFSET):
            self._cfa_offset = reader.uleb()
        if code in (DEF_CFA_SF, DEF_CFA_OFFSET_SF):
            self._cfa_offset = reader.sleb() * self.factors.data
        if self._cfa_register not in names.registers:
            raise UnknownExpression(f"register {self._cfa_register}")
        self.cfa = f"{names.registers[self._cfa_register]} {self._cfa_offset} +"

    def _define_register(self, code: int, reader: Reader) -> None:
        number = reader.uleb()
        names = self.factors.names
        if code == OFFSET_EXTENDED:
            self._at_offset(number, reader.uleb())
        elif code == OFFSET_EXTENDED_SF:
            self._at_offset(number, reader.sleb())
        elif code == NEGATIVE_OFFSET:
            self._at_offset(number, -reader.uleb())
        elif code in (VAL_OFFSET, VAL_OFFSET_SF):
            offset = reader.uleb() if code == VAL_OFFSET else reader.sleb()
            self.rules[number] = f".cfa {offset * self.factors.data} +"
        elif code in (EXPRESSION, VAL_EXPRESSION):
            text = to_postfix(reader.take(reader.uleb()), names, with_cfa=True)
            self.rules[number] = f"{text} ^" if code == EXPRESSION else text
        elif code == REGISTER:
            other = reader.uleb()
            self.rules[number] = names.registers.get(other, UNDEFINED_RULE)
        elif code == UNDEFINED:
            self.rules[number] = UNDEFINED_RULE
        elif code == SAME_VALUE:
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
        if code == REMEMBER:
            if len(self._saved) >= MOST_STATES:
                raise UnknownExpression("too many states")
            self._saved.append((dict(self.rules), self.cfa, self._cfa_register, self._cfa_offset))
        elif self._saved:
            self.rules, self.cfa, self._cfa_register, self._cfa_offset = self._saved.pop()


CFA_CODES = frozenset(
    (DEF_CFA, DEF_CFA_REGISTER, DEF_CFA_OFFSET, DEF_CFA_EXPRESSION, DEF_CFA_SF, DEF_CFA_OFFSET_SF)
)
REGISTER_CODES = frozenset(
    (
        OFFSET_EXTENDED, RESTORE_EXTENDED, UNDEFINED, SAME_VALUE, REGISTER, EXPRESSION,
        OFFSET_EXTENDED_SF, VAL_OFFSET, VAL_OFFSET_SF, VAL_EXPRESSION, NEGATIVE_OFFSET,
    )
)  # fmt: skip
