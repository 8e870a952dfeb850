"""The names that an ELF file's symbol table gives to functions, and to variables."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U8, U16, U32, U64, Record

if TYPE_CHECKING:
    from crashtool.formats.object_file.symbol_starts import SymbolStarts
    from crashtool.formats.object_kinds import Content

FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC, in the lower four bits of `info`
UNTYPED, OBJECT = 0, 1  # STT_NOTYPE, STT_OBJECT
SEEN_BY_LINKERS = (1, 2)  # STB_GLOBAL, STB_WEAK, in the upper four bits of `info`
MAX_VARIABLES = 1 << 18
SYMBOLS_AT_ONCE = 1 << 12
MAX_STARTS = 4  # that are no function's, as labels inside one are, before it is given up
MAX_NAME_LENGTH = 1 << 14
MAX_ALIASES = 16
MAX_ADDRESS = 1 << 64
NUMBERED_ALIAS = re.compile(r"_alias_\d+$")  # glibc's, of a function that has a better name
VERSION = re.compile(r"(?<=.)@@?(?!\d+$).*", re.DOTALL)  # not the @8 of a calling convention
MANGLED = ("_Z", "_R")


class ElfSymbol64(Record):
    """Elf64_Sym."""

    name: U32
    info: U8
    other: U8
    section: U16
    value: U64
    size: U64


class ElfSymbol32(Record):
    """Elf32_Sym."""

    name: U32
    value: U32
    size: U32
    info: U8
    other: U8
    section: U16


class SymbolTable(NamedTuple):
    """Where a symbol table and its names are: offsets and sizes in bytes.

    `base`: the module's first address, which the table's values count from zero.
    `code_sections`: the numbers of the sections of code.
    """

    base: int
    wide: bool
    offset: int
    size: int
    names_offset: int
    names_size: int
    code_sections: frozenset[int] = frozenset()


def walk_function_names(data: Content, table: SymbolTable, address: int) -> Iterator[str]:
    """The names of the functions, of any size but none, that begin at an address from the base."""
    return (_name(data, table, symbol.name) for symbol in walk_functions_at(data, table, address))


def walk_functions_at(
    data: Content, table: SymbolTable, address: int
) -> Iterator[ElfSymbol64 | ElfSymbol32]:
    """The symbols of the same."""
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if table.wide else ElfSymbol32
    field = 8 if table.wide else 4  # of `value`, and its size
    wanted = (table.base + address).to_bytes(8, "little")[: 8 if table.wide else 4]
    end = min(table.offset + table.size, len(data))
    offset = data.find(wanted, table.offset, end)
    while offset >= 0:
        start = offset - field
        if (start - table.offset) % kind.SIZE == 0 and start + kind.SIZE <= end:
            symbol = kind.read(data, start)
            if symbol.info & 0xF in FUNCTIONS and symbol.size and symbol.section:
                yield symbol
        offset = data.find(wanted, offset + 1, end)


class ElfVariable(NamedTuple):
    """A variable, table or constant of a symbol table: its address from the base, its bytes."""

    start: int
    size: int
    name: str


def walk_variables(
    data: Content, table: SymbolTable, is_wanted: Callable[[int, int], bool]
) -> Iterator[ElfVariable]:
    """The variables, of any size but none, whose address from the base and size are wanted.

    None of a table that is damaged or has more than MAX_VARIABLES symbols.
    """
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if table.wide else ElfSymbol32
    count = table.size // kind.SIZE
    if count > MAX_VARIABLES or table.offset + table.size > len(data):
        return
    for symbol in kind.read_array(data, table.offset, count):
        is_variable = symbol.info & 0xF == OBJECT and symbol.section and symbol.size
        start = symbol.value - table.base
        if is_variable and is_wanted(start, symbol.size):
            yield ElfVariable(start, symbol.size, _name(data, table, symbol.name))


class ElfFunction(NamedTuple):
    """A function of a symbol table: its first address from the base, its bytes, its name."""

    start: int
    size: int
    name: str


def walk_labels(data: Content, table: SymbolTable) -> Iterator[ElfFunction]:
    """What other objects see of code and has no type, as assembly without `.type` has it."""
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if table.wide else ElfSymbol32
    end = min(table.offset + table.size, len(data))
    for offset in range(table.offset, end - kind.SIZE + 1, kind.SIZE):
        symbol = kind.read(data, offset)
        binding, of_type = symbol.info >> 4, symbol.info & 0xF
        is_code = symbol.section in table.code_sections
        if of_type == UNTYPED and binding in SEEN_BY_LINKERS and is_code:
            name = _name(data, table, symbol.name)
            yield ElfFunction(symbol.value - table.base, symbol.size, name)


class FunctionTable:
    """The functions of a symbol table, looked up by address.

    Those without a size, which assembly has, reach to the next one within their range of `code`.
    """

    def __init__(self, data: Content, table: SymbolTable, code: tuple[range, ...] = ()) -> None:
        self._data = data
        self._table = table
        self._code = code
        rows = _walk_functions(data, table)
        self._rows = sorted(symbol for symbol in rows if symbol[1] or code)
        self._starts = [start for start, _, _ in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, address: int) -> ElfFunction | None:
        """The function that an address from the base lies in."""
        offset = bisect_right(self._starts, address) - 1
        if offset < 0:
            return None
        start, size, _ = self._rows[offset]
        names = [
            symbol[2] for symbol in self._rows[: offset + 1][-MAX_ALIASES:] if symbol[0] == start
        ]
        size = size or self._measure(offset)
        if address >= start + size:
            return None
        texts = (_name(self._data, self._table, name) for name in names)
        return ElfFunction(start, size, choose_name(texts))

    def _measure(self, offset: int) -> int:
        """How far a function without a size may reach."""
        start = self._starts[offset]
        end = next((span.stop for span in self._code if start in span), start)
        following = self._starts[offset + 1 : offset + 2]
        return min(end, *following) - start if following else end - start

    def begins_between(self, first: int, last: int) -> bool:
        """Whether a function begins at one of these addresses."""
        return bisect_right(self._starts, last) > bisect_left(self._starts, first)

    def walk_functions(self) -> Iterator[ElfFunction]:
        """Each in the order of the addresses, also under each of its names."""
        for offset, (start, size, name) in enumerate(self._rows):
            size = size or self._measure(offset)  # noqa: PLW2901 (one that has none)
            yield ElfFunction(start, size, _name(self._data, self._table, name))

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """The same as `find` takes them: each ends where the next one begins, at the latest."""
        for number, (start, size, _) in enumerate(self._rows):
            following = self._starts[number + 1 : number + 2]
            if following != [start]:  # of several that begin there, the last counts
                yield start, min(start + (size or self._measure(number)), *following, MAX_ADDRESS)

    def read_names(self) -> dict[int, list[str]]:
        """The names of the functions, of any size but none, by their first addresses."""
        names: dict[int, list[str]] = {}
        for start, size, name in self._rows:
            if size:
                names.setdefault(start, []).append(_name(self._data, self._table, name))
        return names


def choose_name(names: Iterable[str]) -> str:
    """The name of a function that has several, as sources are likeliest to call it; "" of none.

    glibc: free, cfree and __libc_free; clone3, __clone3; begin, begin_alias_1; glob@@GLIBC_2.27,
    without the version.
    """
    return min(
        (VERSION.sub("", name) for name in names),
        key=lambda name: (
            bool(NUMBERED_ALIAS.search(name)),
            len(name) - len(name.lstrip("_")) if not name.startswith(MANGLED) else 0,
            len(name),
            name,
        ),
        default="",
    )


class FunctionNames:
    """The names that a file's symbol tables have for functions, the fullest table first.

    A table is decoded when it has to be. `code` is where the file's code is, from the module's
    base, as all addresses.
    """

    def __init__(
        self, data: Content, tables: tuple[SymbolTable, ...], code: tuple[range, ...]
    ) -> None:
        self._data = data
        self._tables = tables
        self._code = code
        self._functions: list[FunctionTable] | None = None
        self._labels: list[ElfFunction] | None = None
        self._starts: SymbolStarts | None = None

    @property
    def size(self) -> int:
        """The bytes of the fullest table."""
        return self._tables[0].size if self._tables else 0

    def find_span(self, address: int) -> tuple[int, int] | None:
        """First address and end of the function that the fullest table has at an address.

        None where it has none of a known size, and where names disagree on where it ends.
        """
        if not self._tables:
            return None
        table = self._tables[0]
        if self._starts is None:
            from crashtool.formats.object_file.symbol_starts import SymbolStarts  # of large tables

            content = self._data[table.offset : min(table.offset + table.size, len(self._data))]
            self._starts = SymbolStarts(content, wide=table.wide)
        for value in islice(self._starts.walk_back(table.base + address), MAX_STARTS):
            start = value - table.base
            ends = {start + symbol.size for symbol in walk_functions_at(self._data, table, start)}
            if ends:
                end = ends.pop()
                return (start, end) if not ends and address < end else None
        return None

    def list_names(self, start: int) -> list[str]:
        """The names of the functions that begin at an address."""
        for table in self._tables:
            if names := list(walk_function_names(self._data, table, start)):
                return names
        return []

    def find(self, address: int) -> ElfFunction | None:
        """The function that an address lies in."""
        names = (functions.find(address) for functions in self.open_tables())
        return next(filter(None, names), None)

    def find_label(self, address: int, first: int) -> ElfFunction | None:
        """The label before an address that is in no function, as far as an address further up;
        None where a function begins between them.
        """
        if self._labels is None:
            self._labels = sorted(
                label for table in self._tables[:1] for label in walk_labels(self._data, table)
            )
        after = bisect_right(self._labels, address, key=lambda label: label.start)
        start = self._labels[after - 1].start if after else -1
        functions = self.open_tables()
        if start < first or any(table.begins_between(start, address) for table in functions):
            return None
        names = [
            label.name for label in self._labels[:after][-MAX_ALIASES:] if label.start == start
        ]
        return ElfFunction(start, address + 1 - start, choose_name(names))

    def name_variable(self, address: int) -> str:
        """The name of the variable that an address is in; "" for none, or for several names."""
        for table in self._tables:
            holders = walk_variables(
                self._data, table, lambda start, size: start <= address < start + size
            )
            names = {holder.name for holder in holders}
            if names:
                return names.pop() if len(names) == 1 else ""
        return ""

    def walk_functions(self) -> Iterator[ElfFunction]:
        """The functions of one table after the other, also under each of their names."""
        for functions in self.open_tables():
            yield from functions.walk_functions()

    def open_tables(self) -> list[FunctionTable]:
        """The tables, decoded."""
        if self._functions is None:
            self._functions = [
                FunctionTable(self._data, table, self._code) for table in self._tables
            ]
        return self._functions


def _walk_functions(data: Content, table: SymbolTable) -> Iterator[tuple[int, int, int]]:
    """Start, size and the name's offset of each. A large program has hundreds of thousands of
    symbols: so no record is made of each.
    """
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if table.wide else ElfSymbol32
    end = min(table.offset + table.size, len(data))
    for start in range(table.offset, end, SYMBOLS_AT_ONCE * kind.SIZE):
        content = data[start : min(end, start + SYMBOLS_AT_ONCE * kind.SIZE)]
        symbols = kind.LAYOUT.iter_unpack(content[: len(content) // kind.SIZE * kind.SIZE])
        if table.wide:
            for name, info, _, section, value, size in symbols:
                if info & 0xF in FUNCTIONS and section:
                    yield value - table.base, size, name
        else:
            for name, value, size, info, _, section in symbols:
                if info & 0xF in FUNCTIONS and section:
                    yield value - table.base, size, name


def _name(data: Content, table: SymbolTable, offset: int) -> str:
    start = table.names_offset + offset
    end = min(start + MAX_NAME_LENGTH, table.names_offset + table.names_size)
    return bytes(data[start:end]).partition(b"\0")[0].decode("utf-8", "replace")
