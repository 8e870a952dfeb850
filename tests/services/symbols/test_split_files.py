"""Split units and dwz's supplements of real programs are found beside them, and told when not."""

import os
import re
from functools import partial

import pytest

from crashtool.formats import object_kinds
from crashtool.formats.dwarf.split import SplitName
from crashtool.services.symbols.debug_file import open_debug_file
from crashtool.services.symbols.split_files import SplitFiles
from tests.toolchain import need, need_programs, run_tool

SOURCE = """
namespace app {
static inline __attribute__((always_inline)) int inner(volatile int *p) { p[0] = 3; return p[0]; }
__attribute__((noinline)) int outer(volatile int *p)
{
    return inner(p) + 1;
}
}
int main(int argc, char **argv) { return app::outer(&argc); }
"""
LINE, CALL_LINE = 3, 6


@pytest.fixture
def build(compile_app):
    return partial(compile_app, "app.cc", SOURCE)


def inlined_hit(program):
    """The function `outer` at a place where `inner` is merged into it; and its debug file."""
    row = next(row for row in run_tool("nm", program).splitlines() if "outer" in row)
    start = int(row.split()[0], 16)
    file = open_debug_file(str(program), object_kinds.ELF, "x86_64")
    hits = [file.find_function(start + place) for place in range(8)]
    return next((hit for hit in hits if hit.inlines), hits[0]), file


def assert_whole(program):
    hit, file = inlined_hit(program)
    assert (hit.name, hit.line) == ("app::outer", CALL_LINE)
    assert [(call.name, call.line) for call in hit.inlines] == [("app::inner", LINE)]
    assert hit.file.endswith("app.cc")
    assert file.problems == file.absent == []


def hide_units(program):
    """Take the .dwo file from where it was made."""
    (found,) = program.parent.glob("*.dwo")
    return found.rename(found.with_suffix(".away"))


@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("compiler", ["g++", "clang"])
class TestSplit:
    def test_units_are_found_where_they_were_made(self, build, compiler, version):
        assert_whole(build(compiler, "-gsplit-dwarf", version))

    def test_units_are_found_beside_a_program_that_was_moved(
        self, build, compiler, version, tmp_path
    ):
        program = build(compiler, "-gsplit-dwarf", version)
        away = hide_units(program)
        moved = tmp_path / "moved"
        moved.mkdir()
        away.rename(moved / away.with_suffix(".dwo").name)

        assert_whole(program.rename(moved / "app"))

    def test_units_are_found_in_a_package(self, build, compiler, version):
        need("llvm-dwp")
        program = build(compiler, "-gsplit-dwarf", version)
        (unit,) = program.parent.glob("*.dwo")
        run_tool("llvm-dwp", str(unit), "-o", f"{program}.dwp")
        hide_units(program)

        assert_whole(program)

    def test_without_its_units_a_program_keeps_names_and_lines(self, build, compiler, version):
        program = build(compiler, "-gsplit-dwarf", version)
        hide_units(program)
        hit, file = inlined_hit(program)

        assert (hit.name, hit.inlines) == ("app::outer", ())
        assert hit.line in (LINE, CALL_LINE, CALL_LINE - 1, CALL_LINE - 2)
        (said,) = file.absent
        assert re.match(r"debug information is in [\w.-]+\.dwo, which was not found", said)

    def test_units_of_another_build_are_not_taken(self, build, compiler, version):
        program = build(compiler, "-gsplit-dwarf", version)
        away = hide_units(program)
        kept = program.rename(program.with_name("kept"))
        build(compiler, "-gsplit-dwarf", version, "-DOTHER", "-O0", "-fno-inline")
        hit, file = inlined_hit(kept)

        assert hit.inlines == ()
        assert away.exists()
        assert "another build" in file.absent[0]


@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("compiler", ["g++", "clang"])
def test_a_package_of_several_units_gives_what_the_units_give(tmp_path, compiler, version):
    need_programs(compiler)
    need("llvm-dwp")
    for name, more in (("one", SOURCE), ("two", SOURCE.replace("app", "lib").replace("main", "f"))):
        (tmp_path / f"{name}.cc").write_text(more, encoding="utf-8")
        options = ("-O1", "-gsplit-dwarf", version, "-c", f"{name}.cc", "-o", f"{name}.o")
        run_tool(compiler, *options, cwd=tmp_path)
    program = tmp_path / "program"
    run_tool(compiler, "one.o", "two.o", "-o", program, cwd=tmp_path)

    def look_up():
        file = open_debug_file(str(program), object_kinds.ELF, "x86_64")
        code = [place for row in file.spans for place in row]
        found = [file.find_function(place) for place in code]
        assert file.problems == file.absent == []
        return found

    by_units = look_up()
    run_tool("llvm-dwp", "-e", program, "-o", f"{program}.dwp")
    for unit in tmp_path.glob("*.dwo"):
        unit.unlink()

    assert look_up() == by_units
    assert {hit.inlines[0].name for hit in by_units if hit and hit.inlines} == {
        "app::inner",
        "lib::inner",
    }


class TestSupplements:
    @pytest.fixture
    def shared(self, build, tmp_path):
        need("dwz")

        def make(*options):
            program = build("g++", "-g", "-Wl,--build-id=sha1", "-include", "string")
            (tmp_path / "copy").write_bytes(program.read_bytes())
            run_tool("dwz", *options, "-m", "common.dbg", "app", "copy", cwd=tmp_path)
            return program, tmp_path / "common.dbg"

        return make

    @pytest.mark.parametrize("options", [(), ("-5",)])
    def test_names_come_from_the_file_beside(self, shared, options):
        program, _ = shared(*options)

        assert_whole(program)

    def test_names_come_from_the_folder_of_packages(self, shared):
        program, common = shared()
        (program.parent / ".dwz").mkdir()
        common.rename(program.parent / ".dwz" / common.name)

        assert_whole(program)

    def test_a_missing_one_is_told(self, shared):
        program, common = shared()
        common.unlink()
        hit, file = inlined_hit(program)

        assert hit.name == "app::outer"
        assert file.absent == [
            "names that several files share are in common.dbg, which was not found"
        ]

    def test_another_file_of_that_name_is_not_taken(self, shared):
        program, common = shared()
        common.write_bytes((program.parent / "copy").read_bytes())
        _, file = inlined_hit(program)

        assert len(file.absent) == 1


class TestPaths:
    def walk(self, path, folder="/build"):
        return list(SplitFiles("/here/app.debug", [], [])._walk_paths(SplitName(path, folder, 1)))

    def test_packages_come_first_then_what_is_beside(self):
        paths = [path.replace(os.sep, "/") for path in self.walk("obj/main.dwo")]

        assert paths[:4] == [
            "/here/app.debug.dwp",
            "/here/app.dwp",
            "/here/obj/main.dwo",
            "/here/main.dwo",
        ]

    @pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")
    def test_then_where_it_was_compiled(self):
        assert self.walk("main.dwo")[-1] == "/build/main.dwo"
        assert self.walk("/obj/main.dwo")[-1] == "/build/obj/main.dwo"
        assert "/obj/main.dwo" in self.walk("/obj/main.dwo")

    @pytest.mark.parametrize(
        "path", ["../../etc/passwd", "/dev/zero", "\\\\host\\share\\a.dwo", ".."]
    )
    def test_no_name_leads_above_the_folder_or_to_what_is_no_file(self, path):
        for found in self.walk(path, ""):
            assert ".." not in found
            assert not found.startswith(("/dev/", "/proc/", "//", "\\\\"))

    def test_a_pipe_is_not_opened(self, tmp_path):
        if not hasattr(os, "mkfifo"):
            pytest.skip("needs named pipes")
        os.mkfifo(tmp_path / "app.dwp")

        assert SplitFiles(str(tmp_path / "app"), [], [])._open(str(tmp_path / "app.dwp")) is None
