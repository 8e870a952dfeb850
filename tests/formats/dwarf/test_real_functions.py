"""Functions, merged calls and lines of what compilers make, against symbolic on the same files."""

import random
import re
from pathlib import Path
from posixpath import normpath

import pytest

from crashtool.formats.code_location import CodeLocation
from crashtool.formats.dwarf.elf_sections import open_sections
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import FunctionNames
from crashtool.services.symbols.demangle import demangle
from tests.toolchain import need_programs, run_tool

SOURCES = Path(__file__).parents[2] / "programs" / "lookups"
GC = "-ffunction-sections -Wl,--gc-sections"
OPTIONS = [
    *(("g++", f"-g -O2 -gdwarf-{version}") for version in (2, 3, 4, 5)),
    *(("clang", f"-g -O2 -gdwarf-{version}") for version in (2, 3, 4, 5)),
    ("g++", "-g -O0"),
    ("g++", "-g -O3 -flto"),
    ("g++", "-g -O2 -gdwarf64"),
    ("g++", "-g1 -O2"),
    ("g++", f"-g -O2 {GC}"),
    ("g++", f"-g -O2 -gdwarf-4 {GC}"),
    ("g++", "-g -O2 -gz=zlib"),
    ("g++", "-g -O2 -fdebug-types-section"),
    ("g++", "-g -O2 -fopenmp"),
    ("g++", "-g -O1 -no-pie"),
    ("clang", "-gmlt -O2"),
    ("clang", f"-g -O2 {GC}"),
    ("clang", f"-g -O2 -gdwarf-4 {GC}"),
    ("clang", "-g -O2 -gsimple-template-names"),
    ("clang", "-g -O2 -gdwarf-aranges"),
]
OBJECTS = (
    "dwarf4",
    "dwarf5",
    "full.debug",
    "g1",
    "gz_gnu_old",
    "gz_zlib",
    "gz_zstd",
    "lto",
    "simple_templates",
    "types_section",
)
PROGRAMS = ("O0/kindscc", "O2/kindscc", "O2/oops", "O2-m32/kindscc", "O2-static/kinds", "O3/kinds")
MAX_ADDRESSES = 400


def read_both(path):
    """Of addresses all over the code: what is found here and what symbolic says."""
    debuginfo = pytest.importorskip("symbolic.debuginfo")
    data = path.read_bytes()
    sections = open_sections(data)
    base = sections.base
    places = [place - base for span in sections.code for place in span]
    places = sorted(random.Random(1).sample(places, min(len(places), MAX_ADDRESSES)))  # noqa: S311
    code = tuple(range(span.start - base, span.stop - base) for span in sections.code)
    symbols = FunctionNames(data, find_symbol_tables(data), code)
    lookup = DwarfLookup(sections, symbols)
    table = next(iter(debuginfo.Archive.open(str(path)).iter_objects())).make_symcache()
    mine = [list(map(to_row, lookup.find_locations(place))) for place in places]
    theirs = [list(map(of_symbolic, table.lookup(place))) for place in places]
    assert not lookup.problems
    return places, mine, theirs, symbols


def of_symbolic(row):
    """A place in our words."""
    return to_row(CodeLocation(row.symbol, None, row.full_path or "", row.line))


def to_row(location):
    """Name, file and line; the file of a line 0 is not compared."""
    name = demangle(location.function)
    return name, normpath(location.file) if location.line else "", location.line


def find_difference(mine, theirs, known):
    """Why two answers differ, as the decision page classes it; "" where nobody knows.

    `known` are the names that the symbol table has where the function begins.
    """
    names, others = [row[0] for row in mine], [row[0] for row in theirs]
    pairs = list(zip(names, others, strict=False))
    is_same = [row[1:] for row in mine] == [row[1:] for row in theirs]
    rules = {
        "plt": not mine and others in (["_init"], ["_fini"]),
        "lines without entries": len(mine) == 1
        and mine[0][2] > 0
        and theirs in ([], [(names[0], "", 0)]),
        "lost calls": 0 < len(theirs) < len(mine) and mine[-len(theirs) :] == theirs,
        "scopes": is_same and all(name == row or name.endswith(f"::{row}") for name, row in pairs),
        "suffix": is_same and all(name == re.sub(r"(\.\d+)+$", "", row) for name, row in pairs),
        "spelling": is_same and list(map(spell_as_demangled, names)) == others,
        "alias": is_same and names[:-1] == others[:-1] and {names[-1], others[-1]} <= known,
    }
    return next((name for name, holds in rules.items() if holds), "")


def spell_as_demangled(name):
    """A name of GCC's DWARF, where no linkage name is, as demanglers spell it."""
    return name.replace("long int", "long").replace("> >", ">>")


def assert_explained(path):
    """Each difference is of a known class; the classes that were met."""
    places, mine, theirs, symbols = read_both(path)
    lookup = DwarfLookup(open_sections(path.read_bytes()), symbols)
    classes, unknown = set(), []
    for place, own, other in zip(places, mine, theirs, strict=True):
        if own != other:
            start = next((row.start for row in reversed(lookup.find_locations(place))), place)
            why = find_difference(own, other, set(map(demangle, symbols.list_names(start))))
            classes.add(why)
            unknown += [] if why else [(hex(place), own, other)]
    assert unknown == []
    assert sum(bool(rows) for rows in mine) > len(mine) / 2
    return classes


@pytest.mark.parametrize(("compiler", "options"), OPTIONS)
def test_functions_are_those_of_symbolic(tmp_path, compiler, options):
    need_programs(compiler)
    sources = (SOURCES / "program.cc", SOURCES / "second.cc")
    command = (compiler, "-std=c++17", *options.split(), "-o", "app", *sources, "-lstdc++", "-lm")
    run_tool(*command, cwd=tmp_path)

    assert assert_explained(tmp_path / "app") <= {
        "plt",
        "lines without entries",
        "scopes",
        "suffix",
        "lost calls",
        "spelling",
    }


ASSEMBLY = """
        .text
        .globl  first
first:  nop
        nop
        .globl  second
second: nop
inner:  nop
        .type   third, @function
third:  nop
        .size   third, . - third
        nop
"""


def test_labels_name_assembly_that_has_no_types(tmp_path):
    need_programs("gcc")
    (tmp_path / "code.s").write_text(ASSEMBLY)
    command = ("gcc", "-g", "-nostdlib", "-static", "-Wl,-e,first", "-o", "app", "code.s")
    run_tool(*command, cwd=tmp_path)
    data = (tmp_path / "app").read_bytes()
    sections = open_sections(data)
    base, start = sections.base, sections.code[0].start
    code = tuple(range(span.start - base, span.stop - base) for span in sections.code)
    lookup = DwarfLookup(sections, FunctionNames(data, find_symbol_tables(data), code))

    found = [lookup.find_locations(start - base + step) for step in range(6)]

    assert [[(at.function, at.line) for at in rows] for rows in found] == [
        [("first", 4)],
        [("first", 5)],
        [("second", 7)],
        [("second", 8)],
        [("third", 10)],
        [("", 12)],
    ]


@pytest.mark.parametrize("name", OBJECTS)
def test_functions_of_another_machines_files_are_those_of_symbolic(name, truth):
    assert assert_explained(truth / "objects" / "elf" / name) <= {
        "plt",
        "lines without entries",
        "scopes",
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_functions_of_programs_that_crashed_are_those_of_symbolic(name, truth):
    assert_explained(truth / "linux" / "bin" / name)
