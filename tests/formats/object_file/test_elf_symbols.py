import pytest

from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import (
    ElfFunction,
    ElfSymbol32,
    ElfSymbol64,
    FunctionNames,
    SymbolTable,
    walk_function_names,
)
from tests.synth.object_files import full_elf
from tests.toolchain import run_tool

NAMES = b"\0first\0second\0data\0"
FIRST, SECOND, DATA = 1, 7, 14
UNTYPED, OBJECT, FUNC = 0, 1, 2
GLOBAL, WEAK = 0x10, 0x20
ABSOLUTE = 0xFFF1


@pytest.fixture(params=[ElfSymbol64, ElfSymbol32])
def kind(request):
    return request.param


def names_at(address, rows, base=0):
    kind = type(rows[0])
    content = b"".join(row.pack() for row in rows)
    table = SymbolTable(base, kind is ElfSymbol64, 0, len(content), len(content), len(NAMES))
    return list(walk_function_names(content + NAMES, table, address))


def test_functions_are_found_by_their_start(kind):
    rows = [
        kind(name=FIRST, info=FUNC, section=1, value=0x1000, size=16),
        kind(name=SECOND, info=FUNC | 16, section=1, value=0x2000, size=16),
    ]

    assert names_at(0x1000, rows) == ["first"]
    assert names_at(0x2000, rows) == ["second"]
    assert names_at(0x1008, rows) == []
    assert names_at(0x1000, rows, base=0x1000) == ["second"]


def test_what_is_no_function_with_code_does_not_count(kind):
    rows = [
        kind(name=DATA, info=OBJECT, section=1, value=0x1000, size=16),
        kind(name=FIRST, info=FUNC, section=1, value=0x1000),
        kind(name=FIRST, info=FUNC, value=0x1000, size=16),
        kind(name=0x1000, info=FUNC, section=1, value=0x3000, size=0x1000),
    ]

    assert names_at(0x1000, rows) == []


@pytest.mark.parametrize(
    ("address", "first", "expected"),
    [
        (0x1000, 0x1000, (0x1000, 1, "first")),
        (0x1007, 0x1000, (0x1000, 8, "first")),
        (0x1007, 0x1004, None),  # of another sequence of lines
        (0x100B, 0x1000, (0x1008, 4, "second")),  # not the local label, nor what is no code
        (0x1014, 0x1000, None),  # behind a function
        (0xFFF, 0, None),
    ],
)
def test_labels_of_assembly_name_what_follows_them(kind, address, first, expected):
    rows = [
        kind(name=FIRST, info=GLOBAL | UNTYPED, section=1, value=0x1000),
        kind(name=SECOND, info=WEAK | UNTYPED, section=1, value=0x1008),
        kind(name=DATA, info=UNTYPED, section=1, value=0x100A),
        kind(name=DATA, info=GLOBAL | UNTYPED, section=ABSOLUTE, value=0x100A),
        kind(name=DATA, info=GLOBAL | UNTYPED, value=0x100A),
        kind(name=DATA, info=GLOBAL | UNTYPED, section=2, value=0x100A),  # LTO's in .debug_info
        kind(name=DATA, info=GLOBAL | FUNC, section=1, value=0x1010, size=4),
    ]
    content = b"".join(row.pack() for row in rows)
    sizes = len(content), len(content), len(NAMES)
    table = SymbolTable(0, kind is ElfSymbol64, 0, *sizes, frozenset([1]))
    names = FunctionNames(content + NAMES, (table,), (range(0x1000, 0x2000),))

    assert names.find_label(address, first) == (expected and ElfFunction(*expected))


def test_names_beyond_the_table_are_empty(kind):
    assert names_at(8, [kind(name=0xFFFF, info=FUNC, section=1, value=8, size=1)]) == [""]


def test_a_file_without_names_has_no_table():
    assert find_symbol_tables(full_elf()) == ()


def test_a_real_program_agrees_with_nm(tmp_path):
    (tmp_path / "a.c").write_text("int twice(int n) { return 2 * n; } int main() { return 0; }")
    run_tool("gcc", "-o", tmp_path / "a", tmp_path / "a.c")
    shown = run_tool("nm", tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    table, _ = find_symbol_tables(data)

    for line in shown.splitlines():
        words = line.split()
        if words[-1] in ("twice", "main"):
            assert list(walk_function_names(data, table, int(words[0], 16))) == words[-1:]
