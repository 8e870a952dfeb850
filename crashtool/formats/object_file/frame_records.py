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
    """The records of a table, up to where it is damaged; `is_debug`: it is a .debug_frame.

    A function's end where Breakpad's language has no words for its rules: in procedure linkage
    tables that is so from the second entry on. InputUnusable when the machine is not known.
    """
    frames = EhFrame(
        data, tables._replace(table=None), architecture, is_debug=is_debug, index=False
    )
    spell = choose_speller(architecture)
    kept_changes: dict[tuple[int, bytes], _Changes] = {}
    try:
        for start, size, cie, reader in frames.walk_functions():
            code = reader.data[reader.offset : reader.end]
            key = id(cie), code
            if key not in kept_changes:
                if len(kept_changes) >= MAX_KEPT:
                    kept_changes.clear()
                kept_changes[key] = _list_changes(cie, code, architecture, spell)
            changes, end = kept_changes[key]
            stop = min(size, end)
            if not changes or not start or stop <= 0:
                continue
            base = start - tables.base
            yield f"STACK CFI INIT {base:x} {stop:x} {changes[0].rules}\n"
            for offset, rules in changes[1:]:
                if offset < stop:
                    yield f"STACK CFI {base + offset:x} {rules}\n"
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


def _list_changes(
    cie: CIE, code: bytes, architecture: str, spell: Callable[[str], str]
) -> _Changes:
    """How rules change within a function."""
    changes: list[Change] = []
    last: dict[str, str] = {}
    try:
        row = UnwindRow(cie.factors)
        shared = cie.instructions
        row.run(Reader(shared.data, shared.offset, shared.end), 0, 0)
        row.initial = dict(row.rules)
        for offset in row.walk(Reader(code)):
            rules = _list_rules(row, cie.return_register, architecture)
            text = say_change(last, rules)
            if OWN_WORDS.intersection(text.split()) or len(changes) > MAX_ROWS:
                return _Changes(changes, offset)
            if text:
                changes.append(Change(offset, spell(text)))
            last = rules
    except (UnknownExpression, OverflowError):
        return _Changes(changes, changes[-1].offset if changes else 0)
    return _Changes(changes, NO_END)


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
