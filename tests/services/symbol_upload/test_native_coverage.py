"""What native debug files have, found out in the files alone."""

import pytest

from crashtool.formats.object_file.identify import read_object_files
from crashtool.services.symbol_upload.native_coverage import measure_native
from tests.synth.object_files import full_elf
from tests.toolchain import need, need_programs, run_tool

SOURCE = """
static inline __attribute__((always_inline)) int inner(volatile int *p) { p[0] = 3; return p[0]; }
__attribute__((noinline)) int outer(volatile int *p) { return inner(p) + 1; }
int main(int argc, char **argv) { return outer(&argc); }
"""


@pytest.fixture
def build(tmp_path):
    def make(compiler, *options, name="app"):
        need_programs(compiler)
        (tmp_path / "app.c").write_text(SOURCE, encoding="utf-8")
        run_tool(compiler, *options, "-o", name, "app.c", cwd=tmp_path)
        return tmp_path / name

    return make


def measure(path):
    data = path.read_bytes()
    return measure_native(data, read_object_files(data)[0])


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("version", ["2", "3", "4", "5"])
def test_a_whole_file_has_everything(build, compiler, version):
    found = measure(build(compiler, "-O1", f"-gdwarf-{version}"))
    assert not found.problem
    assert found.functions >= 2
    assert found.lined > 0.9
    assert found.has_inlines
    assert len(found.addresses) > 20


def test_a_file_without_debug_information_has_names_alone(build):
    found = measure(build("gcc", "-O1"))
    assert (found.functions > 2, found.lined, found.has_inlines) == (True, 0.0, False)


def test_units_name_functions_where_symbols_are_gone(build, tmp_path):
    need("objcopy")
    program = build("gcc", "-O1", "-g")
    run_tool("objcopy", "--wildcard", "--strip-symbol=*", program)
    found = measure(program)
    assert found.functions == 2
    assert found.lined > 0.9


def test_few_lines_are_a_small_share_and_not_none(build):
    program = build("gcc", "-O1", "-g", "-static")
    found = measure(program)
    assert 0 < found.lined < 0.02


def test_inlined_calls_of_split_dwarf_are_not_in_the_program(build):
    found = measure(build("gcc", "-O1", "-g", "-gsplit-dwarf"))
    assert not found.has_inlines
    assert found.lined > 0.9


def test_damage_is_told_that_gives_no_answer(build):
    program = build("gcc", "-O1", "-g")
    rows = run_tool("readelf", "-SW", program).splitlines()
    content = program.read_bytes()
    for section, words in ((".debug_info", "a unit of DWARF"), (".debug_line", "line table")):
        row = next(row.split("]")[1].split() for row in rows if f" {section} " in row)
        place = int(row[3], 16) + 4  # the version
        program.write_bytes(content[:place] + b"\xee\xee" + content[place + 2 :])
        assert words in measure(program).problem
    program.write_bytes(content)
    assert not measure(program).problem


def test_a_unit_with_nothing_in_it_is_sound(tmp_path):
    (tmp_path / "app").write_bytes(full_elf())
    assert not measure(tmp_path / "app").problem


def test_old_dsyms_whose_sections_have_no_sizes_are_read(corpus):
    folder = corpus / "google__breakpad/src/client/mac/handler/testcases/testdata"
    found = measure(folder / "dump_syms_dwarf_data")
    assert found.lined > 0.9
    assert found.has_inlines


def test_names_that_dwz_has_moved_are_counted(truth):
    folder = truth / "objects" / "elf"
    if not (folder / "dwz_a").exists():
        pytest.skip("needs dwz_a")
    assert 0 < measure(folder / "dwz_a").nameless < 20
    assert measure(folder / "full").nameless == 0
