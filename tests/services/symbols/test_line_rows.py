"""Functions that no DIE of the program describes have the lines that its line tables give them."""

from functools import partial

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.model.crash import Module
from crashtool.services.symbols.debug_file import open_debug_file
from crashtool.services.symbols.module_status import FrameCoverage, assess_module
from tests.toolchain import run_tool

SOURCE = """
static inline __attribute__((always_inline)) int inner(volatile int *p) { p[0] = 3; return p[0]; }
__attribute__((noinline)) int outer(volatile int *p)
{
    return inner(p) + 1;
}
int main(int argc, char **argv) { return outer(&argc); }
"""


@pytest.fixture
def build(compile_app):
    return partial(compile_app, "app.c", SOURCE)


def start_of(program, name):
    rows = run_tool("nm", program).splitlines()
    return next(int(row.split()[0], 16) for row in rows if row.endswith(f" {name}"))


def hit_at(program, address):
    return open_debug_file(str(program), object_kinds.ELF, "x86_64").find_function(address)


@pytest.mark.parametrize(
    ("compiler", "options"),
    [
        ("gcc", ["-g", "-gsplit-dwarf"]),
        ("gcc", ["-g", "-gsplit-dwarf", "-gdwarf-4"]),
        ("clang", ["-gmlt"]),
        ("clang", ["-g", "-gsplit-dwarf"]),
    ],
)
def test_a_function_of_the_symbol_table_has_its_line(build, compiler, options):
    program = build(compiler, *options)
    start = start_of(program, "main")

    hit = hit_at(program, start)

    assert (hit.name, hit.start, hit.inlines) == ("main", start, ())
    assert (hit.file, hit.line) == (str(program.with_name("app.c")), 7)


def test_code_without_any_name_has_its_line(build):
    program = build("gcc", "-g", "-gsplit-dwarf")
    start = start_of(program, "outer")
    run_tool("objcopy", "--strip-all", "--keep-section=.debug_*", program)
    for beside in program.parent.glob("*.dwo"):
        beside.unlink()

    hit = hit_at(program, start)

    assert (hit.name, hit.line) == ("", 2)
    assert hit.start <= start


def test_what_dies_describe_stays_as_it_is(build):
    program = build("gcc", "-g")
    start = start_of(program, "outer")

    hits = [hit_at(program, start + place) for place in range(4)]

    inlined = [hit for hit in hits if hit.inlines]
    assert [call.name for call in inlined[0].inlines] == ["inner"]
    assert inlined[0].line == 5


def test_places_behind_the_rows_have_no_line(build):
    program = build("gcc", "-g", "-gsplit-dwarf")

    assert hit_at(program, start_of(program, "_start")).line is None


def test_sections_that_cannot_be_unpacked_here_are_a_problem_told_once(build, monkeypatch):
    program = build("gcc", "-g", "-gsplit-dwarf")
    file = open_debug_file(str(program), object_kinds.ELF, "x86_64")

    plainly = DebugSections.open

    def fail(sections, name, *rest):
        if sections.has(name):
            raise InputUnusable("packed with Zstandard")
        return plainly(sections, name, *rest)

    monkeypatch.setattr(DebugSections, "open", fail)
    start = start_of(program, "main")

    hits = [file.find_function(start + place) for place in (0, 1)]
    assert [(hit.name, hit.line) for hit in hits] == [("main", None)] * 2
    assert file.problems == ["packed with Zstandard"]


@pytest.mark.parametrize("name", ["split", "split5"])
def test_split_programs_of_another_machine_have_lines(name, truth):
    program = truth / "objects" / "elf" / name
    hit = hit_at(program, start_of(program, "main"))

    assert hit.name == "main"
    assert hit.file.endswith("elf_chain.cpp")
    assert hit.line


def test_the_verdict_says_which_file_of_split_dwarf_is_missing():
    module = Module(0x400000, 0x10000, "app", "/app", None, "app")
    evidence = FrameCoverage(frozenset({object_kinds.ELF}), has_code=True)
    evidence.named = evidence.lined = evidence.unwound = 3
    whole = assess_module(module, "x86_64", evidence, ())
    evidence.absent = "app.dwo is not at hand"
    lacking = assess_module(module, "x86_64", evidence, ())
    evidence.named = 0
    nameless = assess_module(module, "x86_64", evidence, ())

    assert (whole.status, whole.note) == ("ok", "")
    assert (lacking.status, lacking.note) == ("ok", evidence.absent)
    assert (nameless.status, nameless.note) == ("stripped", evidence.absent)


def test_split_dwarf_without_lines_is_told_as_any_other():
    module = Module(0x400000, 0x10000, "app", "/app", None, "app")
    evidence = FrameCoverage(frozenset({object_kinds.ELF}), has_code=True)
    evidence.named = 3

    verdict = assess_module(module, "x86_64", evidence, ())

    assert (verdict.status, verdict.note) == ("no_lines", "function names, but no source lines")
