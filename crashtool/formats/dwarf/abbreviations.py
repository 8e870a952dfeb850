"""Abbreviations: how the entries (DIEs) of a unit are laid out."""

from __future__ import annotations

import re

from crashtool.formats.dwarf.constants import DW_FORM_implicit_const
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

MAX_DECLARATIONS = 1 << 16  # of one table; compilers make some hundred
MAX_ATTRIBUTES = 1 << 10
MAX_KEPT = 1 << 14  # declarations, of all tables
WINDOW = 1 << 14  # bytes of a table that are looked at together
_LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
# A code, then a tag, whether there are children, attributes with forms, and two zeros.
# DW_FORM_implicit_const (0x21) has its value with it. Each attribute can be read in one way only,
# else a table that is cut short would be tried in all of them.
DECLARATION = re.compile(
    rb"(?s)([\x80-\xff]{0,9}[\x01-\x7f])(%(leb)b.(?:[\x01-\x7f][\x01-\x20\x22-\x7f]|"
    rb"(?!\x00\x00|[\x01-\x7f][\x01-\x20\x22-\x7f])%(leb)b(?:\x21%(leb)b|(?!\x21)%(leb)b)"
    rb"){0,1024}\x00\x00)" % {b"leb": _LEB}
)


class Declaration(NamedTuple):
    """A kind of entry: its tag, of each attribute the name, the form and an implicit value, and
    whether entries inside it follow.
    """

    tag: int
    attributes: tuple[tuple[int, int, int], ...]
    has_children: bool = False


class Abbreviations:
    """The tables of .debug_abbrev, of each as much as is asked for.

    The declaration of a unit's own entry is the first of its table with LLVM, anywhere with gcc.
    """

    def __init__(self, sections: DebugSections) -> None:
        self._sections = sections
        self._tables: dict[int, _Table] = {}

    def find(self, table: int, code: int) -> Declaration:
        """What a code means in the table at an offset. DamagedDwarf when it is not there."""
        declaration = self._open(table).find(code)
        if declaration is None:
            raise DamagedDwarf(f"abbreviation {code} is missing", offset=table)
        return declaration

    def list_codes(self, table: int) -> list[int]:
        """The codes that the table at an offset declares."""
        opened = self._open(table)
        opened.find(0)  # there is none: the table is read up to its end
        return opened.list_codes()

    def _open(self, table: int) -> _Table:
        opened = self._tables.get(table)
        if opened is None:
            if sum(map(len, self._tables.values())) >= MAX_KEPT:
                self._tables.clear()
            opened = self._tables[table] = _Table(self._sections, table)
        return opened


class _Table:
    """One table: what was passed of it is kept, and reading goes on from there."""

    def __init__(self, sections: DebugSections, offset: int) -> None:
        self._sections = sections
        self._place = offset
        self._window = self._open_window()
        self._passed: dict[int, bytes] = {}  # from behind the codes on
        self._known: dict[int, Declaration] = {}
        self._is_whole = False

    def _open_window(self) -> Cursor:
        """Some bytes from the offset on; of a packed section they are slow to get one by one."""
        cursor = self._sections.open("debug_abbrev", self._place, WINDOW)
        return Cursor(cursor.take(cursor.end - cursor.offset))

    def __len__(self) -> int:
        return len(self._passed)

    def find(self, code: int) -> Declaration | None:
        """What a code means; None when it is not there. DamagedDwarf when the table runs out."""
        while code not in self._passed and not self._is_whole:
            self._pass_next()
        if code in self._passed and code not in self._known:
            self._known[code] = read_declaration(Cursor(self._passed[code]))
        return self._known.get(code)

    def list_codes(self) -> list[int]:
        """The codes that were passed so far."""
        return list(self._passed)

    def _pass_next(self) -> None:
        """The next declaration; one that reaches beyond the window is looked for in another."""
        start = self._window.offset
        try:
            self._pass_declaration(self._window)
        except DamagedDwarf:
            self._place += start
            self._window = self._open_window()
            self._pass_declaration(self._window)

    def _pass_declaration(self, cursor: Cursor) -> None:
        match = DECLARATION.match(cursor.data, cursor.offset)
        code = cursor.uleb()
        if not code or len(self._passed) >= MAX_DECLARATIONS:
            self._is_whole = True
            return
        start = cursor.offset
        if match:
            cursor.offset = match.end()
        else:
            read_declaration(cursor)
        self._passed.setdefault(code, cursor.data[start : cursor.offset])


def read_declaration(cursor: Cursor) -> Declaration:
    """A declaration, from behind its code on."""
    tag = cursor.uleb()
    has_children = bool(cursor.number(1))
    attributes = []
    for _ in range(MAX_ATTRIBUTES):
        attribute, form = cursor.uleb(), cursor.uleb()
        if not attribute and not form:
            break
        implicit = cursor.sleb() if form == DW_FORM_implicit_const else 0
        attributes.append((attribute, form, implicit))
    return Declaration(tag, tuple(attributes), has_children)
