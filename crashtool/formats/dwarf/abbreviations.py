"""Abbreviations: how the entries (DIEs) of a unit are laid out."""

from crashtool.formats.dwarf.forms import IMPLICIT, DamagedDwarf
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

MOST_DECLARATIONS = 1 << 16  # of one table; compilers make some hundred
MOST_ATTRIBUTES = 1 << 10
MOST_KEPT = 1 << 12


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
        self._kept: dict[tuple[int, int], Declaration] = {}

    def find(self, table: int, code: int) -> Declaration:
        """What a code means in the table at an offset. DamagedDwarf when it is not there."""
        key = (table, code)
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = self._read(table, code)
        return self._kept[key]

    def _read(self, table: int, wanted: int) -> Declaration:
        cursor = self._sections.open("debug_abbrev", table)
        for _ in range(MOST_DECLARATIONS):
            code = cursor.uleb()
            if not code:
                break
            tag = cursor.uleb()
            has_children = bool(cursor.number(1))
            attributes = []
            for _ in range(MOST_ATTRIBUTES):
                attribute, form = cursor.uleb(), cursor.uleb()
                if not attribute and not form:
                    break
                implicit = cursor.sleb() if form == IMPLICIT else 0
                attributes.append((attribute, form, implicit))
            if code == wanted:
                return Declaration(tag, tuple(attributes), has_children)
        raise DamagedDwarf(f"abbreviation {wanted} is missing", offset=table)
