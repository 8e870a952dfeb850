"""Functions, merged calls and names by address, in trees of entries that are built here."""

import random
import time

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats.code_location import CodeLocation
from crashtool.formats.dwarf import constants as dw
from crashtool.formats.dwarf import functions
from crashtool.formats.dwarf.elf_sections import open_sections
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.object_file.elf_symbols import ElfFunction
from tests.synth.dwarf import LOW, SIZE, build_file, build_lines, common, number, uleb
from tests.synth.dwarf_tree import (
    BLOCK_1,
    EXPRLOC,
    IMPLICIT,
    INDIRECT,
    SDATA,
    SEC_OFFSET,
    Tree,
    address,
    build_tree,
    data,
    entry,
    refer,
    refer_anywhere,
    sibling,
    text,
    udata,
)

UNIT, VARIABLE, BLOCK, BASE_TYPE = 0x11, 0x34, 0x0B, 0x24
PRODUCER = 0x25
LOCATION, TYPE = 0x02, 0x49
FAR = LOW + 0x80  # code of the program that no line describes
CPP = 0x04  # DW_LANG_C_plus_plus
MAX_SECONDS = 3.0


class Symbols:
    """A symbol table of (name, start, size)."""

    def __init__(self, *rows):
        self.rows = rows

    def list_names(self, start):
        return [name for name, place, _ in self.rows if place == start]

    def find(self, place):
        rows = (row for row in self.rows if row[1] <= place < row[1] + row[2])
        return next((ElfFunction(start, size, name) for name, start, size in rows), None)


def unit_of(*children, version=4, wide=False, language=CPP, spans=(LOW, 0x100)):
    attributes = [
        *common(wide),
        udata(dw.DW_AT_language, language),
        address(dw.DW_AT_low_pc, spans[0]),
    ]
    attributes.append(size_of(spans[0], spans[1], version))
    return entry(UNIT, *attributes, children=list(children))


def size_of(low, size, version=4):
    """DW_AT_high_pc: an address before DWARF 4, else a size."""
    return address(dw.DW_AT_high_pc, low + size) if version < 4 else data(dw.DW_AT_high_pc, size)


def function(name, low, size, *more, children=None, version=4, label=""):
    """A function with code; `name` "" for none."""
    names = [text(dw.DW_AT_name, name)] if name else []
    places = [address(dw.DW_AT_low_pc, low), size_of(low, size, version)]
    return entry(dw.DW_TAG_subprogram, *more, *names, *places, children=children, label=label)


def inlined(origin, low, size, line, *more, children=None, version=4):
    return entry(
        dw.DW_TAG_inlined_subroutine,
        refer(dw.DW_AT_abstract_origin, origin),
        address(dw.DW_AT_low_pc, low),
        size_of(low, size, version),
        data(dw.DW_AT_call_file, 1),
        data(dw.DW_AT_call_line, line),
        *more,
        children=children,
    )


def open_file(root, symbols=None, *, version=4, wide=False, more=None, **options):
    info, abbreviations, _ = build_tree(root, version, wide=wide, **options)
    sections = {
        "debug_info": info,
        "debug_abbrev": abbreviations,
        "debug_line": build_lines(version, wide=wide),
    }
    content = build_file(sections | (more or {}))
    return DwarfLookup(open_sections(content), symbols)


def names_at(lookup, place):
    return [row.function for row in lookup.find_locations(place)]


MAIN = "/src/app/main.c"


@pytest.mark.parametrize("version", [2, 3, 4, 5])
@pytest.mark.parametrize("wide", [False, True])
def test_a_function_has_name_start_and_line(version, wide):
    row = function("main", LOW, SIZE, version=version)
    lookup = open_file(unit_of(row, version=version, wide=wide), version=version, wide=wide)

    assert lookup.find_locations(LOW + 5) == [CodeLocation("main", LOW, MAIN, 11, SIZE)]
    assert lookup.find_locations(LOW + SIZE) == []
    assert lookup.find_locations(LOW - 1) == []


@pytest.mark.parametrize("told", [(), (sibling(),)])
@pytest.mark.parametrize("version", [2, 5])
def test_merged_calls_come_first_the_innermost_first_with_the_lines_of_their_calls(told, version):
    inner = inlined("inner", LOW + 4, 8, 20, version=version)
    outer = inlined("outer", LOW + 4, 0x10, 30, *told, children=[inner], version=version)
    other = inlined("inner", LOW + 0x20, 4, 40, version=version)
    root = unit_of(
        entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "inner"), label="inner"),
        entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "outer"), label="outer"),
        function("main", LOW, SIZE, *told, children=[outer, other], version=version),
        function("last", FAR, 8, version=version),
        version=version,
    )
    lookup = open_file(root, version=version)

    assert lookup.find_locations(LOW + 5) == [
        CodeLocation("inner", None, MAIN, 11),
        CodeLocation("outer", None, MAIN, 20),
        CodeLocation("main", LOW, MAIN, 30, SIZE),
    ]
    assert names_at(lookup, LOW + 0x11) == ["outer", "main"]
    assert names_at(lookup, LOW + 0x20) == ["inner", "main"]
    assert names_at(lookup, LOW + 0x30) == ["main"]
    assert names_at(lookup, FAR) == ["last"]


def test_a_name_is_followed_through_origin_and_specification_to_its_scopes():
    declared = entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "area"), label="declared")
    mesh = entry(dw.DW_TAG_class_type, text(dw.DW_AT_name, "Mesh"), children=[declared])
    unnamed = entry(dw.DW_TAG_namespace, children=[mesh])
    atlas = entry(dw.DW_TAG_namespace, text(dw.DW_AT_name, "atlas"), children=[unnamed])
    origin = entry(dw.DW_TAG_subprogram, refer(dw.DW_AT_specification, "declared"), label="origin")
    root = unit_of(
        atlas, origin, function("", LOW, SIZE, refer(dw.DW_AT_abstract_origin, "origin"))
    )

    assert names_at(open_file(root), LOW) == ["atlas::(anonymous namespace)::Mesh::area"]


@pytest.mark.parametrize("name", ["_ZN5atlas4Mesh4areaEv._omp_fn.0", "_ZplRK4MeshS1_._omp_fn.1"])
def test_a_name_that_is_one_for_linkers_has_its_scopes_in_it(name):
    mesh = entry(
        dw.DW_TAG_class_type, text(dw.DW_AT_name, "Mesh"), children=[function(name, LOW, SIZE)]
    )
    root = unit_of(entry(dw.DW_TAG_namespace, text(dw.DW_AT_name, "atlas"), children=[mesh]))
    table = Symbols((name, LOW, SIZE))

    assert names_at(open_file(root), LOW) == names_at(open_file(root, table), LOW) == [name]


def test_a_function_of_c_has_no_scopes():
    row = function("area", LOW, SIZE)
    root = unit_of(
        entry(dw.DW_TAG_structure_type, text(dw.DW_AT_name, "s"), children=[row]), language=0x0C
    )

    assert names_at(open_file(root), LOW) == ["area"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scopes_are_found_in_whatever_order_they_are_asked_for(seed):
    chance = random.Random(seed)  # noqa: S311 (a tree, not a secret)
    expected, spaces = {}, []
    for space in range(5):
        rows = []
        for place in range(LOW + space * 50, LOW + space * 50 + 50):
            inside = [] if chance.random() < 0.5 else None
            rows.append(function(f"f{place}", place, 1, children=inside))
            expected[place] = [f"outer::s{space}::f{place}"]
        spaces.append(entry(dw.DW_TAG_namespace, text(dw.DW_AT_name, f"s{space}"), children=rows))
    outer = entry(dw.DW_TAG_namespace, text(dw.DW_AT_name, "outer"), children=spaces)
    lookup = open_file(unit_of(outer))

    asked = chance.sample(sorted(expected), len(expected))

    assert {place: names_at(lookup, place) for place in asked} == expected


def test_a_unit_whose_own_entry_is_longer_than_most_is_read():
    root = unit_of(function("f", LOW, 4))
    root.attributes = (text(PRODUCER, "x" * 4000), *root.attributes)

    assert names_at(open_file(root), LOW) == ["f"]


def test_what_is_in_a_nameless_class_keeps_its_bare_name():
    root = unit_of(entry(dw.DW_TAG_class_type, children=[function("go", LOW, SIZE)]))

    assert names_at(open_file(root), LOW) == ["go"]


def test_the_linkage_name_wins_wherever_it_stands():
    origin = entry(
        dw.DW_TAG_subprogram,
        text(dw.DW_AT_name, "go"),
        text(dw.DW_AT_MIPS_linkage_name, "_Z2gov"),
        label="origin",
    )
    root = unit_of(origin, function("", LOW, SIZE, refer(dw.DW_AT_abstract_origin, "origin")))

    assert names_at(open_file(root, Symbols(("other", LOW, SIZE))), LOW) == ["_Z2gov"]


@pytest.mark.parametrize(
    ("name", "symbols", "expected"),
    [
        ("go", ["_ZN3app2goEv"], "_ZN3app2goEv"),  # of internal linkage
        ("__dt_comp ", ["_ZN3app6EngineD1Ev"], "_ZN3app6EngineD1Ev"),  # so gcc calls it
        ("map", ["_D3std3mapFZv"], "_D3std3mapFZv"),
        ("allocator", ["_ZNSaIlEC2Ev"], "_ZNSaIlEC2Ev"),  # a constructor; the class has a letter
        ("grow<long>", ["_ZL4growIlET_S0_"], "_ZL4growIlET_S0_"),
        ("operator()", ["_ZZ4mainENKUliE_clEi"], "_ZZ4mainENKUliE_clEi"),
        ("go", ["_ZN3app4stopEv"], "go"),  # folded into another function
        ("go", ["go", "_ZN3app2goEv"], "go"),
        ("go", [], "go"),
        ("", ["begin_alias_1", "__begin", "begin_impl"], "begin_impl"),
        ("", ["begin@@VERSION_1.2", "_begin"], "begin"),
        ("__second_sect_of_main", ["main.cold"], "main"),  # gcc's of DWARF 2
    ],
)
def test_a_function_without_a_linkage_name_has_that_of_its_symbol(name, symbols, expected):
    table = Symbols(*((symbol, LOW, SIZE) for symbol in symbols))

    assert names_at(open_file(unit_of(function(name, LOW, SIZE)), table), LOW) == [expected]


def test_a_symbol_without_an_entry_names_its_code():
    lookup = open_file(unit_of(function("main", LOW, 8)), Symbols(("begin", FAR, 8)))

    assert lookup.find_locations(FAR + 1) == [CodeLocation("begin", FAR, "", 0)]


def test_a_line_without_an_entry_is_all_that_is_known():
    lookup = open_file(unit_of(function("main", LOW, 4)))

    assert lookup.find_locations(LOW + 6) == [CodeLocation("", LOW, MAIN, 11)]


def test_code_that_the_linker_dropped_is_nobodys():
    lookup = open_file(unit_of(function("dropped", 0, 0x2000), function("kept", LOW, SIZE)))

    assert names_at(lookup, LOW) == ["kept"]
    assert names_at(lookup, FAR) == []


def test_a_function_inside_another_is_found():
    """gcc's nested functions, lambdas and OpenMP bodies, which siblings lead past."""
    inner = function("inner", LOW, 8)
    root = unit_of(function("outer", FAR, 8, sibling(), children=[inner], label="outer"))

    assert names_at(open_file(root), LOW) == ["outer::inner"]


@pytest.mark.parametrize(("language", "expected"), [(0x13, ["merged", "outer"]), (CPP, ["outer"])])
def test_merged_calls_behind_a_function_inside_another_are_found(language, expected):
    """D's nested functions, as LLVM has them, which tells no siblings. C++ has none there."""
    span = address(dw.DW_AT_low_pc, LOW), data(dw.DW_AT_high_pc, 4)
    origin = entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "merged"), label="merged")
    call = entry(dw.DW_TAG_inlined_subroutine, refer(dw.DW_AT_abstract_origin, "merged"), *span)
    nested = [function(f"nested{place}", FAR + place * 8, 8, children=[]) for place in range(3)]
    outer = function("outer", LOW, 8, children=[*nested, call])
    root = unit_of(outer, function("next", LOW + 8, 8), origin, language=language)

    assert names_at(open_file(root), LOW) == expected


def test_the_functions_of_ada_have_their_scopes_in_their_names():
    inner = function("shapes__area", LOW, 8)
    root = unit_of(
        entry(dw.DW_TAG_module, text(dw.DW_AT_name, "shapes"), children=[inner]), language=0x0D
    )

    assert names_at(open_file(root), LOW) == ["shapes__area"]


def test_the_piece_of_a_function_that_has_the_address_is_its_start():
    ranges = b"".join(number(value, 8) for value in (LOW, LOW + 8, FAR, FAR + 8, 0, 0))
    row = entry(
        dw.DW_TAG_subprogram, text(dw.DW_AT_name, "main"), (dw.DW_AT_ranges, SEC_OFFSET, bytes(4))
    )
    root = entry(
        UNIT,
        *common(),
        address(dw.DW_AT_low_pc, 0),
        (dw.DW_AT_ranges, SEC_OFFSET, bytes(4)),
        children=[row],
    )
    lookup = open_file(root, more={"debug_ranges": ranges})

    assert [lookup.find_locations(place)[0].start for place in (LOW + 1, FAR + 1)] == [LOW, FAR]


@pytest.mark.parametrize("count", [1, 15, 16, 40])
def test_a_function_may_be_in_many_pieces(count):
    """Counted from the unit's first address, then from one that the list itself gives."""
    first = [value for piece in range(count) for value in (2 * piece, 2 * piece + 1)]
    rest = 2**64 - 1, FAR, 0, 1
    ranges = b"".join(number(value, 8) for value in (*first, *rest, 0, 0))
    row = entry(
        dw.DW_TAG_subprogram, text(dw.DW_AT_name, "main"), (dw.DW_AT_ranges, SEC_OFFSET, bytes(4))
    )
    lookup = open_file(unit_of(row, spans=(LOW, 0x100)), more={"debug_ranges": ranges})

    starts = [LOW + 2 * piece for piece in range(count)]
    for start in (*starts, FAR):
        assert [(row.start, row.size) for row in lookup.find_locations(start)] == [(start, 1)]
        assert "main" not in names_at(lookup, start + 1)


@pytest.mark.parametrize("spoiled", [bytes(4), b"\x01" * 8])
def test_a_list_of_pieces_that_has_no_end_costs_its_function(spoiled):
    row = entry(
        dw.DW_TAG_subprogram, text(dw.DW_AT_name, "main"), (dw.DW_AT_ranges, SEC_OFFSET, bytes(4))
    )
    root = unit_of(row, function("other", FAR, 8), spans=(LOW, 0x100))
    lookup = open_file(root, more={"debug_ranges": spoiled})

    assert names_at(lookup, FAR) == ["other"]
    assert names_at(lookup, LOW) in ([], [""])


def test_the_innermost_of_functions_that_overlap_counts():
    root = unit_of(function("large", LOW, 0x20), function("small", LOW + 8, 4))

    assert [names_at(open_file(root), LOW + place) for place in (7, 8, 12)] == [
        ["large"],
        ["small"],
        ["large"],
    ]


def test_an_origin_may_be_in_another_unit():
    shared = entry(
        UNIT, children=[entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "go"), label="go")]
    )
    first, abbreviations, labels = build_tree(shared)
    row = function("", LOW, SIZE, refer_anywhere(dw.DW_AT_abstract_origin, labels["go"]))
    second, more, _ = build_tree(unit_of(row), table=len(abbreviations))
    content = build_file(
        {
            "debug_info": first + second,
            "debug_abbrev": abbreviations + more,
            "debug_line": build_lines(),
        }
    )

    assert names_at(DwarfLookup(open_sections(content)), LOW) == ["go"]


def test_a_damaged_unit_costs_itself_alone():
    row = function("gone", FAR, 8, label="gone")
    damaged, abbreviations, labels = build_tree(unit_of(row, spans=(FAR, 8)))
    sound, more, _ = build_tree(unit_of(function("main", LOW, 8)), table=len(abbreviations))
    place = labels["gone"]
    damaged = damaged[:place] + b"\x7f" + damaged[place + 1 :]  # no such abbreviation
    content = build_file(
        {
            "debug_info": damaged + sound,
            "debug_abbrev": abbreviations + more,
            "debug_line": build_lines(),
        }
    )
    lookup = DwarfLookup(open_sections(content), Symbols(("gone", FAR, 8)))

    assert names_at(lookup, FAR) == ["gone"]
    assert lookup.problems
    assert names_at(lookup, LOW) == ["main"]


@pytest.mark.parametrize("attribute", [dw.DW_AT_abstract_origin, dw.DW_AT_specification])
def test_references_in_a_circle_end(attribute):
    one = entry(dw.DW_TAG_subprogram, refer(attribute, "two"), label="one")
    two = entry(dw.DW_TAG_subprogram, refer(attribute, "one"), label="two")
    root = unit_of(one, two, function("", LOW, SIZE, refer(attribute, "one")))

    assert names_at(open_file(root), LOW) == [""]


@pytest.mark.parametrize("value", [0, 3, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_reference_that_leads_nowhere_leaves_what_else_is_known(value):
    where = dw.DW_AT_abstract_origin, 0x13, number(value, 4)
    lookup = open_file(unit_of(function("", LOW, SIZE, where)), Symbols(("main", LOW, SIZE)))

    assert names_at(lookup, LOW) == ["main"]
    assert lookup.problems


def test_a_sibling_that_leads_back_is_not_followed():
    where = dw.DW_AT_sibling, 0x13, number(0, 4)
    root = unit_of(
        function("first", FAR, 8, where, children=[entry(VARIABLE, text(dw.DW_AT_name, "v"))]),
        function("main", LOW, SIZE),
    )

    assert names_at(open_file(root), LOW) == ["main"]


def random_entries(chance, count):
    """Entries of all the forms that are passed, and what is in them looks like codes."""
    kinds = [
        lambda: text(dw.DW_AT_name, "n" * chance.randrange(9)),
        lambda: data(0x3B, chance.randrange(1 << 32)),
        lambda: udata(0x0B, chance.choice([0, 127, 128, 1 << 20])),
        lambda: (LOCATION, EXPRLOC, (n := uleb(chance.randrange(40))) + bytes([1]) * n[0]),
        lambda: (LOCATION, BLOCK_1, (n := bytes([chance.randrange(60)])) + bytes([2]) * n[0]),
        lambda: (0x3E, INDIRECT, b"\x0b" + bytes([chance.randrange(256)])),
        lambda: (0x3A, IMPLICIT, b"\5"),
        lambda: (0x1C, SDATA, bytes([chance.randrange(128)])),
    ]
    tags = [VARIABLE, BLOCK, BASE_TYPE, dw.DW_TAG_structure_type]
    return [
        entry(
            chance.choice(tags),
            *(chance.choice(kinds)() for _ in range(chance.randrange(4))),
            children=random_entries(chance, 3) if chance.random() < 0.2 else None,
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("first_code", [1, 60, 120, 20_000])
def test_the_pattern_finds_what_the_loop_finds(seed, first_code, monkeypatch):
    chance = random.Random(seed)  # noqa: S311 (the same in each run)
    rows = []
    for number_of in range(8):
        rows += random_entries(chance, 6)
        call = inlined("inner", LOW + 8 * number_of, 4, 9)
        inside = [*random_entries(chance, 3), call]
        rows.append(function(f"f{number_of}", LOW + 8 * number_of, 8, children=inside))
    origin = entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "inner"), label="inner")
    root = unit_of(
        *rows, origin, entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "x"), children=[])
    )
    expected = [[*(["inner"] if place % 8 < 4 else []), f"f{place // 8}"] for place in range(64)]
    found = []
    for enough in (1 << 30, -1):
        monkeypatch.setattr(functions, "ENOUGH_PASSED", enough)
        lookup = open_file(root, first_code=first_code)
        found.append([names_at(lookup, LOW + place) for place in range(64)])

    assert found == [expected, expected]


def count_entries(tree):
    return 1 + sum(map(count_entries, tree.children or ()))


def test_the_pattern_passes_long_runs():
    rows = [entry(VARIABLE, data(0x3B, 1)) for _ in range(30_000)]
    inner = function("inner", LOW, 8)
    outer = function("outer", FAR, 8, sibling(), children=[*rows, inner])
    root = unit_of(outer)

    assert isinstance(root, Tree)
    assert count_entries(root) > functions.ENOUGH_PASSED
    assert names_at(open_file(root), LOW) == ["outer::inner"]


def build_rich(version):
    inner = inlined("go", LOW + 4, 8, 20, version=version)
    declared = entry(dw.DW_TAG_subprogram, text(dw.DW_AT_name, "go"), label="go")
    scope = entry(dw.DW_TAG_namespace, text(dw.DW_AT_name, "app"), sibling(), children=[declared])
    row = function("main", LOW, SIZE, sibling(), children=[inner], version=version)
    block = entry(VARIABLE, (LOCATION, EXPRLOC if version >= 4 else BLOCK_1, b"\2\x91\0"))
    root = unit_of(scope, block, row, function("far", FAR, 8, version=version), version=version)
    info, abbreviations, _ = build_tree(root, version)
    return {
        "debug_info": info,
        "debug_abbrev": abbreviations,
        "debug_line": build_lines(version),
    }


def look_up(content):
    start = time.process_time()
    try:
        lookup = DwarfLookup(open_sections(content), Symbols(("main", LOW, SIZE)))
        found = [lookup.find_locations(place) for place in (LOW, LOW + 6, FAR)]
    except CrashtoolError:
        found = []
    assert time.process_time() - start < MAX_SECONDS
    return found


@pytest.mark.parametrize("version", [3, 4, 5])
def test_every_byte_of_a_unit_set_to_its_extremes_leaves_an_answer(version):
    sections = build_rich(version)
    assert [len(rows) for rows in look_up(build_file(sections))] == [1, 2, 1]
    for name in ("debug_info", "debug_abbrev"):
        content = sections[name]
        for place in range(len(content)):
            for byte in (0x00, 0x01, 0x7F, 0x80, 0xFF):
                changed = content[:place] + bytes([byte]) + content[place + 1 :]
                assert look_up(build_file(sections | {name: changed}))
        for size in range(len(content)):
            assert look_up(build_file(sections | {name: content[:size]}))
