"""Which variable led to a crash, held against the source of the program that crashed."""

import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.toolchain import need, need_programs

pytest.importorskip("capstone")
if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from tests.services.analyze.bad_pointer.crashes import NOTHING, crash, read_cases, tell

PROGRAMS = Path(__file__).resolve().parents[3] / "programs"
C, CPP = PROGRAMS / "bad_pointers.c", PROGRAMS / "bad_pointers.cpp"
GLOBALS = PROGRAMS / "bad_globals.c"
# Of each build how many cases have a name at least: versions of compilers differ by a few.
BUILDS = [
    (C, "gcc", "-O0", 40),
    (C, "clang", "-O2", 34),
    (CPP, "g++", "-O2", 17),
    (CPP, "clang++", "-O0", 18),
]
MORE_BUILDS = [
    (C, "gcc", "-O1", 34),
    (C, "gcc", "-O2", 34),
    (C, "gcc", "-O3", 32),
    (C, "clang", "-O0", 38),
    (C, "clang", "-O1", 34),
    (C, "clang", "-O3", 34),
    (CPP, "g++", "-O0", 18),
    (CPP, "g++", "-O1", 17),
    (CPP, "g++", "-O3", 17),
    (CPP, "clang++", "-O1", 20),
    (CPP, "clang++", "-O2", 20),
    (CPP, "clang++", "-O3", 20),
]
ALL_BUILDS = [
    *(pytest.param(*row, id=f"{row[1]} {row[2]}") for row in BUILDS),
    *(pytest.param(*row, id=f"{row[1]} {row[2]}", marks=pytest.mark.slow) for row in MORE_BUILDS),
]


def tell_all(source, compiler, folder):
    """What is told of each case, by its name."""
    program = folder / "program"
    subprocess.run([*compiler, "-g", "-w", "-o", program, source], check=True)
    plan = SymbolPlan(paths=(str(program), f"program={program}"), offline=True, local=False)
    with open_session(plan, str(folder / "cache")) as symbols:
        return {case: tell(crash(program, case, folder), symbols) for case in read_cases(source)}


@pytest.mark.toolchain
@pytest.mark.parametrize(
    "flags",
    [("gcc", "-O0", "-m32"), ("gcc", "-O2", "-m32"), ("clang", "-O2", "-m32"), ("gcc", "-O1")],
    ids=" ".join,
)
def test_globals_are_named_however_code_reaches_them(flags, tmp_path):
    """32-bit code that may be anywhere asks first where it is."""
    need_programs(flags[0], *(flag for flag in flags if flag == "-m32"))
    told = tell_all(GLOBALS, flags, tmp_path)
    cases = read_cases(GLOBALS)

    assert [case for case, words in told.items() if words not in cases[case]] == []
    assert told["null_global"] == ("reads shared_mesh->count", "shared_mesh")


@pytest.mark.toolchain
@pytest.mark.parametrize(("source", "compiler", "level", "fewest"), ALL_BUILDS)
def test_no_name_is_wrong(source, compiler, level, fewest, tmp_path):
    need(compiler)
    more = ["-std=c++17"] if source == CPP else []
    told = tell_all(source, [compiler, *more, level], tmp_path)
    cases = read_cases(source)
    wrong = {
        case: words
        for case, words in told.items()
        if words is not NOTHING and words not in cases[case]
    }
    assert not wrong
    assert sum(words is not NOTHING for words in told.values()) >= fewest
