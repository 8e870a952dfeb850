"""Line tables: a program's header, its files, and the rows that the program makes."""

from __future__ import annotations

from crashtool.formats.dwarf.constants import DW_FORM_string
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf, Sizes, Value
from crashtool.formats.dwarf.line_program import Coding
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.units import DWARF_5, OLDEST, Unit
from crashtool.formats.named_tuple import NamedTuple

WITH_OPERATIONS = 4  # from this version on a header has a VLIW's operations per instruction
DW_LNCT_path, DW_LNCT_directory_index = 1, 2  # DW_LNCT_*
MAX_FILES = 1 << 18
MAX_PROGRAM = 1 << 22  # bytes: 0.65 MB were seen; each may be a row, of some 150 bytes


class SourceFile(NamedTuple):
    """A file as a table has it: form and value of its name, and the number of its folder."""

    form: int
    name: Value
    folder: int


NOWHERE = SourceFile(DW_FORM_string, b"", 0)


class LineTable:
    """The line table of one unit. DamagedDwarf where it makes no sense."""

    def __init__(self, sections: DebugSections, unit: Unit, offset: int) -> None:
        self._unit = unit
        cursor = sections.open("debug_line", offset)
        length, offset_size = cursor.length()
        if length > min(cursor.end - cursor.offset, MAX_PROGRAM):
            raise DamagedDwarf("a line program is cut short, or too large", offset=offset)
        cursor.end = cursor.offset + length
        self.size = length
        self._version = cursor.number(2)
        if not OLDEST <= self._version <= DWARF_5:
            raise DamagedDwarf(f"a line table of version {self._version}", offset=offset)
        address_size = unit.sizes.address
        if self._version >= DWARF_5:
            address_size = cursor.number(1)
            cursor.number(1)  # a segment's size
        self._sizes = Sizes(address_size, offset_size, self._version)
        size = cursor.number(offset_size)
        self._program = cursor.offset + size
        self._coding = self._read_coding(cursor)
        self._tables = cursor
        self._files: list[SourceFile] = []
        self._folders: list[SourceFile] = []
        self._has_files = False

    def _read_coding(self, cursor: Cursor) -> Coding:
        smallest = cursor.number(1)
        if self._version >= WITH_OPERATIONS:
            cursor.number(1)
        cursor.number(1)  # whether rows are statements at first
        line_base, line_range = cursor.number(1, signed=True), cursor.number(1)
        opcode_base = cursor.number(1)
        if not line_range or not opcode_base:
            raise DamagedDwarf("a line table's header", offset=cursor.offset)
        lengths = cursor.take(opcode_base - 1)
        return Coding(opcode_base, line_base, line_range, smallest, lengths)

    def open_program(self) -> tuple[bytes, Coding]:
        """The program that makes all rows, and how it is written."""
        return self._tables.data[self._program : self._tables.end], self._coding

    def path(self, number: int) -> str:
        """A source file's path; "" when there is no such file."""
        if not self._has_files:
            self._has_files = True
            if self._version < DWARF_5:
                self._read_names()
            else:
                self._read_entries()
        if number >= len(self._files) or self._files[number] is NOWHERE:
            return ""
        file = self._files[number]
        folder = ""
        if 0 < file.folder < len(self._folders):
            folder = self._text(self._folders[file.folder])
        # The first folder is where it was compiled; prefix maps may have made it relative.
        home = self._unit.folder or (self._text(self._folders[0]) if self._folders else "")
        return join_path(home, folder, self._text(file))

    def _text(self, file: SourceFile) -> str:
        return self._unit.text(file.form, file.name)

    def _read_names(self) -> None:
        """Before DWARF 5: names with a zero behind the last; numbers begin with 1."""
        cursor = self._tables
        self._folders = [NOWHERE]  # where it was compiled, as the unit says
        while name := cursor.string():
            self._folders.append(SourceFile(DW_FORM_string, name, 0))
        self._files = [NOWHERE]
        while name := cursor.string():
            folder = cursor.uleb()
            cursor.uleb(), cursor.uleb()  # time and size
            self._files.append(SourceFile(DW_FORM_string, name, folder))

    def _read_entries(self) -> None:
        self._folders = self._read_table()
        self._files = self._read_table()

    def _read_table(self) -> list[SourceFile]:
        """Folders or files of DWARF 5: what each entry is made of, then the entries."""
        cursor = self._tables
        forms = [(cursor.uleb(), cursor.uleb()) for _ in range(cursor.number(1))]
        count = cursor.uleb()
        if count > min(MAX_FILES, cursor.end - cursor.offset):
            raise DamagedDwarf(f"a table of {count} files", offset=cursor.offset)
        rows = []
        for _ in range(count):
            columns: dict[int, tuple[int, Value]] = {
                kind: (form, cursor.form(form, self._sizes)) for kind, form in forms
            }
            folder = columns.get(DW_LNCT_directory_index, (0, 0))[1]
            name = columns.get(DW_LNCT_path, (DW_FORM_string, b""))
            rows.append(SourceFile(*name, folder if isinstance(folder, int) else 0))
        return rows


def join_path(home: str, folder: str, name: str) -> str:
    """A path from where a unit was compiled, a folder and a name, each of which may be absolute.

    Written as the compiler's system writes paths; what ".." takes back is left out.
    """
    parts = [home, folder, name]
    first = max((index for index, part in enumerate(parts) if _is_absolute(part)), default=0)
    path = "/".join(part.rstrip("/") for part in parts[first:] if part)
    if "\\" in path or not ("/." in path or path.startswith("./")):
        return path
    kept: list[str] = []
    for part in path.split("/"):
        if part == ".." and kept and kept[-1] not in ("", ".."):
            kept.pop()
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\")) or path[1:3] in (":\\", ":/")
