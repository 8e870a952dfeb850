"""Breakpad's STACK CFI records of all functions that DWARF's unwind tables describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.cfi_expressions import Reader, UnknownExpression
from crashtool.formats.object_file.eh_frame import CIE, NAMES, EhFrame, FrameTables
from crashtool.formats.object_file.unwind_row import UNDEFINED_RULE, UnwindRow

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAX_KEPT = 1 << 14  # functions' instructions whose records are kept
MAX_ROWS = 1 << 12  # of one function
NO_END = 1 << 64
OWN_WORDS = frozenset({"and", "or", "xor", "shl", "shr", "eq", "ne", "ge", "gt", "le", "lt"})
MAX_KEPT_ROWS = 1 << 13  # of one common entry
STEP_MASK = 0x3F
# Instructions of a known size, and the step in the code that ends them (DWARF 5, 7.24).
LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
PARTS = re.compile(
    rb"""(?sx)((?:
        [\xc0-\xff\x00\x0a\x0b\x2d]
      | [\x80-\xbf\x06-\x08\x0d\x0e\x13\x2e] %(leb)b
      | [\x05\x09\x0c\x11\x12\x14\x15\x2f] %(leb)b %(leb)b
    )*)([\x40-\x7f] | \x02. | \x03.. | \x04.... | \Z)"""
    % {b"leb": LEB}
)
BREAKPAD_NAMES = {"fp": "x29", "lr": "x30"}  # on ARM64


class Change(NamedTuple):
    """What becomes of rules `offset` bytes from a function's start on, as text."""

    offset: int
    rules: str


class _Changes(NamedTuple):
    """All changes of a function, and from where on there are none that can be said."""

    rows: list[Change]
    end: int


def walk_frame_records(
    data: Content, tables: FrameTables, architecture: str, *, is_debug: bool = False
) -> Iterator[str]:
    """The records of a table, those of a function together, up to where it is damaged.

    `is_debug`: it is a .debug_frame. A function's end where Breakpad's language has no words for
    its rules: in procedure linkage tables that is so from the second entry on. InputUnusable when
    the machine is not known.
    """
    frames = EhFrame(
        data, tables._replace(table=None), architecture, is_debug=is_debug, index=False
    )
    spell = choose_speller(architecture)
    kept_changes: dict[tuple[int, bytes], _Changes] = {}
    kept_rows: dict[int, _KeptRows] = {}  # by common entry, which all live as long as the walk
    try:
        for start, size, cie, reader in frames.walk_functions():
            code = reader.data[reader.offset : reader.end]
            key = id(cie), code
            if key not in kept_changes:
                if len(kept_changes) >= MAX_KEPT:
                    kept_changes.clear()
                if id(cie) not in kept_rows:
                    kept_rows[id(cie)] = _KeptRows(cie, architecture, spell)
                kept_changes[key] = kept_rows[id(cie)].list_changes(code)
            changes, end = kept_changes[key]
            stop = min(size, end)
            if not changes or not start or stop <= 0:
                continue
            base = start - tables.base
            records = f"STACK CFI INIT {base:x} {stop:x} {changes[0].rules}\n"
            for offset, rules in changes[1:]:
                if offset < stop:
                    records += f"STACK CFI {base + offset:x} {rules}\n"
            yield records
    except (UnknownExpression, OverflowError):
        return


def choose_speller(architecture: str) -> Callable[[str], str]:
    """What turns registers in rules into Breakpad's names for them."""
    names = set(NAMES[architecture].registers.values()) if architecture in NAMES else set()
    if architecture in ("x86", "x86_64"):
        return lambda text: WORD.sub(lambda word: _dollar(word[0], names), text)
    if architecture == "arm64":
        return lambda text: WORD.sub(lambda word: BREAKPAD_NAMES.get(word[0], word[0]), text)
    return str


WORD = re.compile(r"(?<![\w.])[a-z]\w*")


def _dollar(word: str, names: set[str]) -> str:
    return f"${word}" if word in names else word


class _KeptRow(NamedTuple):
    """A row, its rules by Breakpad's names, and which rows follow it after which instructions."""

    row: UnwindRow
    rules: dict[str, str]
    following: dict[bytes, _KeptRow]
    texts: dict[int, str | None]  # see `_KeptRows.say`


class _KeptRows:
    """The rows of functions that share a common entry.

    Functions save registers in the same few ways, and give them back so: what a row becomes after
    the instructions up to the next step is worked out once, as is the text that tells it.
    """

    def __init__(self, cie: CIE, architecture: str, spell: Callable[[str], str]) -> None:
        self._cie = cie
        self._architecture = architecture
        self._spell = spell
        self._first: _KeptRow | None = None
        self._count = 0

    def list_changes(self, code: bytes) -> _Changes:
        """How rules change within a function, by its instructions."""
        changes: list[Change] = []
        last: _KeptRow | None = None
        try:
            for offset, row in self._walk(code):
                text = self._say(last, row)
                if text is None or len(changes) > MAX_ROWS:
                    return _Changes(changes, offset)
                if text:
                    changes.append(Change(offset, text))
                last = row
        except (UnknownExpression, OverflowError):
            return _Changes(changes, changes[-1].offset if changes else 0)
        return _Changes(changes, NO_END)

    def _walk(self, code: bytes) -> Iterator[tuple[int, _KeptRow]]:
        """Each offset in the function from which on other rules hold, as `UnwindRow.walk`."""
        parts = PARTS.findall(code)
        row = self._open_first()
        if sum(len(instructions) + len(step) for instructions, step in parts) != len(code):
            whole = row.row.copy()
            for offset in whole.walk(Reader(code)):
                yield offset, self._keep(whole.copy())
            return
        factor = self._cie.factors.code
        offset = 0
        for instructions, step in parts:
            if instructions:
                row = row.following.get(instructions) or self._follow(row, instructions)
            if len(step) == 1:
                size = (step[0] & STEP_MASK) * factor
            else:
                size = int.from_bytes(step[1:], "little") * factor
            if size:
                yield offset, row
                offset += size
        yield offset, row

    def _open_first(self) -> _KeptRow:
        """The row that all functions begin with."""
        if self._first is None or self._count > MAX_KEPT_ROWS:
            row = UnwindRow(self._cie.factors)
            shared = self._cie.instructions
            row.run(Reader(shared.data, shared.offset, shared.end), 0, 0)
            row.initial = dict(row.rules)
            self._first = _KeptRow(row, {}, {}, {})
            self._count = 0
        return self._first

    def _follow(self, row: _KeptRow, instructions: bytes) -> _KeptRow:
        following = row.row.copy()
        following.run(Reader(instructions), 0, 0)
        kept = row.following[instructions] = self._keep(following)
        return kept

    def _keep(self, row: UnwindRow) -> _KeptRow:
        self._count += 1
        return _KeptRow(row, {}, {}, {})

    def _say(self, last: _KeptRow | None, row: _KeptRow) -> str | None:
        """What becomes of the rules; None where Breakpad's language has no words for that."""
        if not row.rules:
            row.rules.update(_list_rules(row.row, self._cie.return_register, self._architecture))
        key = id(last) if last else 0
        if key not in row.texts:
            text = say_change(last.rules if last else {}, row.rules)
            is_said = not OWN_WORDS.intersection(text.split())
            row.texts[key] = self._spell(text) if is_said else None
        return row.texts[key]


def _list_rules(row: UnwindRow, return_register: int, architecture: str) -> dict[str, str]:
    """The rules as they stand, by Breakpad's register or `.cfa` and `.ra`."""
    if not row.cfa:
        raise UnknownExpression("no frame address")
    names = NAMES[architecture].registers
    rules = {".cfa": row.cfa}
    link = row.rules.get(return_register)
    if link is None and names.get(return_register) == "lr":
        link = "lr"  # never saved: a leaf
    if link:
        rules[".ra"] = link
    for number, rule in row.rules.items():
        if number != return_register and rule != UNDEFINED_RULE and number in names:
            rules[names[number]] = rule
    return rules


def say_change(last: Mapping[str, str], rules: Mapping[str, str]) -> str:
    """The rules that are new; what has its own value again is said to."""
    changed = {name: rule for name, rule in rules.items() if last.get(name) != rule}
    again = {name: name for name in last if name not in rules and name != ".ra"}
    return " ".join(f"{name}: {rule}" for name, rule in (changed | again).items())
