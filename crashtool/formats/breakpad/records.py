"""The kinds of records in a .sym file: how each begins, and a pattern for the fields of one.

A pattern matches an intact record from its first letter on; what it does not match is damage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAX_LINE_LENGTH = 1 << 20  # bytes of one line that are looked at
MAX_PROBLEMS = 8

_BLANK = rb"[ \t]++"
_HEX = rb"([0-9a-fA-F]{1,16})"
_DECIMAL = rb"([0-9]{1,10})"
_END = rb"(?![^ \t\r\n])"
_REST = rb"[ \t]*+([^\n]*+)"
_MANY_NAMES = rb"(?:m[ \t]++)?"  # the address has other names, too


class RecordKind(NamedTuple):
    """Records that begin with `word`. Group 1 of `pattern` is the number that they are found by.

    `base` is the number's. `has_size`: group 2 tells, in hexadecimal, how far beyond its number a
    record reaches.
    """

    word: bytes
    pattern: bytes
    base: int = 16
    has_size: bool = False

    @property
    def name(self) -> str:
        """What messages call such records."""
        return self.word.decode().strip() or "line"


# address, size, bytes of parameters, name
FUNC = RecordKind(
    b"FUNC ",
    b"FUNC" + _BLANK + _MANY_NAMES + _BLANK.join((_HEX, _HEX, _HEX)) + _END + _REST,
    has_size=True,
)
# address, size, line, number of the file
LINE = RecordKind(b"", _BLANK.join((_HEX, _HEX, _DECIMAL, _DECIMAL)) + _END, has_size=True)
# address, bytes of parameters, name
PUBLIC = RecordKind(
    b"PUBLIC ", b"PUBLIC" + _BLANK + _MANY_NAMES + _HEX + _BLANK + _HEX + _END + _REST
)
# number, name
FILE = RecordKind(b"FILE ", b"FILE" + _BLANK + _DECIMAL + _END + _REST, base=10)
ORIGIN = RecordKind(b"INLINE_ORIGIN ", b"INLINE_ORIGIN" + _BLANK + _DECIMAL + _END + _REST, base=10)
# address, size, rules
CFI_INIT = RecordKind(
    b"STACK CFI INIT ",
    b"STACK CFI INIT" + _BLANK + _HEX + _BLANK + _HEX + _END + _REST,
    has_size=True,
)
# address, rules; symbolic puts several blanks before the address
CFI_DELTA = RecordKind(b"STACK CFI ", b"STACK CFI" + _BLANK + _HEX + _END + _REST)


def _win_kind(kind: bytes, has_program: bytes) -> RecordKind:
    fields = _BLANK.join([b"STACK WIN " + kind] + [_HEX] * 8 + [has_program])
    return RecordKind(b"STACK WIN " + kind + b" ", fields + _END + _REST, has_size=True)


# address, size, of prologue, of epilogue, of parameters, of saved registers, of locals, most stack,
# program or whether ebp is used. Where kind and the flag that a program follows contradict each
# other, which was seen with a broken writer, either may be wrong.
WIN_FRAME_DATA = _win_kind(b"4", b"1")
WIN_FPO = _win_kind(b"0", b"0")


def read_text(raw: bytes) -> str:
    """The last field of a record."""
    return raw.decode("utf-8", "replace").strip()


def find_line_end(data: Content, start: int, end: int) -> int:
    """The offset of the line feed that ends a line; `end` without one."""
    newline = data.find(b"\n", start, end)
    return end if newline < 0 else newline


def note(problems: list[str], problem: str) -> None:
    """Add a problem, unless there are enough already."""
    if len(problems) < MAX_PROBLEMS and problem not in problems:
        problems.append(problem)
