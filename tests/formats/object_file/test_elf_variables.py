"""The variables that an ELF file's symbol tables name."""

import subprocess

import pytest

from crashtool.formats.object_file import elf_symbols
from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import walk_variables
from tests.toolchain import need_programs

SOURCE = """
int alpha = 1;
static char beta[24] = "b";
long gamma_;
int main(void) { return alpha + beta[0] + (int)gamma_; }
"""

pytestmark = pytest.mark.toolchain


@pytest.fixture(params=["-m64", "-m32"])
def program(request, tmp_path):
    need_programs("gcc", request.param)
    (tmp_path / "main.c").write_text(SOURCE, encoding="utf-8")
    path = tmp_path / "main"
    subprocess.run(["gcc", request.param, tmp_path / "main.c", "-o", path], check=True)
    return path


def read(program, is_wanted):
    data = program.read_bytes()
    table = find_symbol_tables(data)[0]
    return {row.name: row for row in walk_variables(data, table, is_wanted)}


def test_variables_have_addresses_and_sizes(program):
    variables = read(program, lambda _start, _size: True)
    listed = subprocess.run(["nm", "-S", program], capture_output=True, text=True, check=True)
    rows = {words[-1]: words for words in map(str.split, listed.stdout.splitlines())}
    for name in ("alpha", "beta", "gamma_"):
        start, size = (int(word, 16) for word in rows[name][:2])
        assert (variables[name].start, variables[name].size) == (start, size)
    assert "main" not in variables


def test_only_those_that_are_wanted_are_named(program):
    start = read(program, lambda _start, _size: True)["beta"].start
    assert set(read(program, lambda low, size: low <= start + 4 < low + size)) == {"beta"}


def test_a_table_too_large_to_be_read_names_none(program, monkeypatch):
    monkeypatch.setattr(elf_symbols, "MAX_VARIABLES", 3)
    assert read(program, lambda _start, _size: True) == {}
