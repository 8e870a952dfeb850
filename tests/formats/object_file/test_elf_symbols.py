import pytest

from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import (
    ElfSymbol32,
    ElfSymbol64,
    SymbolTable,
    walk_function_names,
)
from tests.synth.object_files import full_elf
from tests.toolchain import run_tool

NAMES = b"\0first\0second\0data\0"
FIRST, SECOND, DATA = 1, 7, 14
FUNC, OBJECT = 2, 1


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
