"""Functions found in their unit's bytes by the address that a symbol table has for them."""

import pytest

from crashtool.formats.dwarf import constants as dw
from crashtool.formats.dwarf import function_search, functions
from crashtool.formats.object_file.elf_symbols import (
    ElfSymbol32,
    ElfSymbol64,
    FunctionNames,
    SymbolTable,
)
from tests.formats.dwarf.test_lookup import names_at, open_file, unit_of
from tests.synth.dwarf import LOW, number
from tests.synth.dwarf_tree import address, data, entry, refer, text

DATA_1 = 0x0B
ENTRY_VIEW = 0x2138  # DW_AT_GNU_entry_view
FUNCTION, LABEL = 0x12, 0x10  # `info` of a global function, and of a label


def symbols_of(*rows, wide=True):
    """A symbol table of (address, size, info)."""
    kind = ElfSymbol64 if wide else ElfSymbol32
    records = [kind(value=value, size=size, info=info, section=1) for value, size, info in rows]
    content = b"".join(record.pack() for record in records)
    table = SymbolTable(0, wide, 0, len(content), len(content), 0)
    return FunctionNames(content, (table,), (range(LOW, LOW + 0x1000),))


def declared(name):
    return entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, name), label=name)


def instance(name, low, size, *before, children=None):
    """A function with code, whose name another entry has."""
    places = address(dw.DW_AT_low_pc, low), data(dw.DW_AT_high_pc, size)
    origin = [refer(dw.DW_AT_abstract_origin, name)]
    return entry(dw.DW_TAG_subprogram, *before, *places, *origin, children=children)


def call(name, low, size, view):
    return entry(
        dw.DW_TAG_inlined_subroutine,
        (ENTRY_VIEW, DATA_1, number(view, 1)),
        address(dw.DW_AT_low_pc, low),
        data(dw.DW_AT_high_pc, size),
        refer(dw.DW_AT_abstract_origin, name),
    )


@pytest.fixture(autouse=True)
def searched_units(monkeypatch):
    """Units of any size are searched."""
    monkeypatch.setattr(function_search, "LEAST_UNIT", 0)


@pytest.fixture
def unwalked(monkeypatch):
    """A walk through a unit is an error."""

    def walk(_functions):
        raise AssertionError("the unit was walked")

    monkeypatch.setattr(functions.UnitFunctions, "_list_tops", walk)


ROOT = [
    *map(declared, ("first", "second", "third")),
    instance("first", LOW, 0x10),
    instance("second", LOW + 0x10, 0x20, children=[call("third", LOW + 0x10, 0x20, 0)]),
    instance("third", LOW + 0x30, 0x10),
]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.usefixtures("unwalked")
def test_a_function_of_the_symbol_table_is_found_without_a_walk(wide):
    table = symbols_of(
        (LOW + 0x30, 0x10, FUNCTION),
        (LOW, 0x10, FUNCTION),
        (LOW + 0x14, 0, LABEL),
        (LOW + 0x10, 0x20, FUNCTION),
        wide=wide,
    )
    lookup = open_file(unit_of(*ROOT), table)
    assert names_at(lookup, LOW + 5) == ["first"]
    assert names_at(lookup, LOW + 0x18) == ["third", "second"]
    assert names_at(lookup, LOW + 0x3F) == ["third"]
    assert [row.size for row in lookup.find_locations(LOW + 5)] == [0x10]


@pytest.mark.parametrize(
    "rows",
    [
        [(LOW + 4, 8, FUNCTION)],  # inside a function
        [(LOW, 0x14, FUNCTION)],  # of another size
        [(LOW, 0x10, FUNCTION), (LOW, 0x14, FUNCTION)],
        [(LOW - 8, 4, FUNCTION)],
        [(LOW + 0x100, 4, FUNCTION)],
        [(LOW + place, 0, LABEL) for place in range(8)],
    ],
)
def test_where_the_table_says_something_else_the_unit_is_walked(rows):
    lookup = open_file(unit_of(*ROOT), symbols_of(*rows))
    assert names_at(lookup, LOW + 7) == ["first"]
    assert [row.size for row in lookup.find_locations(LOW + 7)] == [0x10]
    assert names_at(lookup, LOW + 0x18) == ["third", "second"]


@pytest.mark.parametrize("view", range(1, 8))
def test_a_merged_call_that_looks_like_a_function_is_not_taken_for_it(view):
    """One of the numbers is the code of functions: it stands where theirs would."""
    children = [call("third", LOW + 0x10, 0x20, view)]
    root = unit_of(*ROOT[:4], instance("second", LOW + 0x10, 0x20, children=children))
    lookup = open_file(root, symbols_of((LOW + 0x10, 0x20, FUNCTION)))
    assert names_at(lookup, LOW + 0x18) == ["third", "second"]


def test_of_functions_that_were_folded_the_last_counts_as_in_a_walk():
    root = unit_of(*ROOT, instance("third", LOW, 0x10))
    searched = open_file(root, symbols_of((LOW, 0x10, FUNCTION)))
    assert names_at(searched, LOW + 5) == names_at(open_file(root), LOW + 5) == ["third"]


@pytest.mark.parametrize("view", range(1, 8))
def test_a_name_in_the_bytes_before_an_address_leaves_the_unit_to_a_walk(view):
    before = text(dw.DW_AT_name, "own"), (ENTRY_VIEW, DATA_1, number(view, 1))
    places = address(dw.DW_AT_low_pc, LOW), data(dw.DW_AT_high_pc, 0x10)
    root = unit_of(*ROOT[:3], *ROOT[4:], entry(dw.DW_TAG_subprogram, *before, *places))
    lookup = open_file(root, symbols_of((LOW, 0x10, FUNCTION)))
    assert names_at(lookup, LOW + 5) == ["own"]


@pytest.mark.usefixtures("unwalked")
def test_the_table_is_sorted_once_as_many_bytes_would_have_been_walked():
    table = symbols_of(*[(LOW + 0x10, 0x20, FUNCTION)] * 40)
    lookup = open_file(unit_of(*ROOT), table)
    with pytest.raises(AssertionError, match="walked"):
        lookup.find_locations(LOW + 0x18)
    while table.size > lookup._walked:
        lookup._walked += 1
    assert names_at(lookup, LOW + 0x18) == ["third", "second"]
