"""Lines of what compilers make, against addr2line on the same code."""

import random
import subprocess
from posixpath import normpath

import pytest

from crashtool.formats.dwarf.line_lookup import open_line_lookup
from crashtool.formats.object_file.elf import FLAG_EXECUTABLE, read_layout
from tests.toolchain import need, need_programs, run_tool

SOURCE = """
#include <stdio.h>
#include "part.h"
__attribute__((noinline)) int collatz(unsigned n)
{
    int steps = 0;
    while (n != 1 && steps < 1000) {
        n = n % 2 ? 3 * n + 1 : n / 2;
        steps++;
    }
    return steps;
}
static __attribute__((noinline)) int total(int most)
{
    int sum = 0;
    for (int place = 1; place < most; place++)
        sum += collatz(place) * part(place);
    return sum;
}
int main(int count, char **words)
{
    if (count > 3) {
        puts(words[1]);
        return 1;
    }
    printf("%d\\n", total(count + 100));
    return helper(count);
}
"""
PART = """
int helper(int);
static __attribute__((noinline)) int part(int n)
{
    if (n > 7)
        return n % 5;
    return n + helper(n);
}
"""
# Two labels that no DIE describes, one of them without a type.
ASSEMBLY = """
.text
.globl helper
.type helper,@function
helper:
 mov %edi,%eax
 add $1,%eax
 nop
 jmp untyped
.size helper,.-helper
untyped:
 sub $2,%eax
 ret
.section .note.GNU-stack,"",@progbits
"""
MAX_PLACES = 600
OPTIONS = [
    ("gcc", "-g"),
    ("gcc", "-g -gdwarf-3"),
    ("gcc", "-g -gdwarf-2"),
    ("gcc", "-g -gdwarf64"),
    ("gcc", "-g1"),
    ("gcc", "-g -gz=zlib"),
    ("gcc", "-g -gsplit-dwarf"),
    ("gcc", "-g -gsplit-dwarf -gdwarf-4"),
    ("gcc", "-g -gsplit-dwarf -ffunction-sections"),
    ("clang", "-gmlt"),
    ("clang", "-gmlt -gdwarf-4"),
    ("clang", "-g"),
    ("clang", "-g -gsplit-dwarf"),
    ("clang", "-g -gsplit-dwarf -gdwarf-4"),
]


@pytest.fixture
def build(tmp_path):
    """Compile with some options; the program's path. Code is the same whatever -g says."""

    def compile_program(compiler, options, name="program"):
        need_programs(compiler)
        need("addr2line", "as", "objcopy")
        (tmp_path / "main.c").write_text(SOURCE, encoding="utf-8")
        (tmp_path / "part.h").write_text(PART, encoding="utf-8")
        (tmp_path / "helper.s").write_text(ASSEMBLY, encoding="utf-8")
        run_tool("as", "-g", "-o", "helper.o", "helper.s", cwd=tmp_path)
        words = [*options.split(), "-O1", "-o", name, "main.c", "helper.o"]
        run_tool(compiler, *words, cwd=tmp_path)
        return tmp_path / name

    return compile_program


def list_lines(program, truth):
    """Of places all over the code: what is found, and what addr2line says; as FILE:LINE or None."""
    data = program.read_bytes()
    layout = read_layout(data)
    spans = [
        range(row.address, row.address + row.size)
        for row in layout.sections
        if row.flags & FLAG_EXECUTABLE
    ]
    places = [place for span in spans for place in span]
    places = sorted(random.Random(1).sample(places, min(len(places), MAX_PLACES)))  # noqa: S311
    lines = open_line_lookup(data)
    found = [lines.find(place - layout.base) for place in places]
    ours = [row and f"{row.file}:{row.line}" for row in found]
    answers = subprocess.run(
        ["addr2line", "-e", truth],
        input="\n".join(map(hex, places)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    words = [answer.partition(" (disc")[0] for answer in answers]
    theirs = [None if word.endswith((":?", ":0")) else normpath(word) for word in words]
    return places, ours, theirs


def check(program, truth):
    places, ours, theirs = list_lines(program, truth)
    wrong = [row for row in zip(map(hex, places), ours, theirs, strict=True) if row[1] != row[2]]
    assert wrong == []
    named = set(filter(None, ours))
    assert len(named) > 15
    assert {name.rpartition("/")[2].partition(":")[0] for name in named} == {
        "main.c",
        "part.h",
        "helper.s",
    }


def read_code(program):
    copy = program.with_name(f"{program.name}.bin")
    run_tool("objcopy", "-O", "binary", "-j", ".text", program, copy)
    return copy.read_bytes()


@pytest.mark.parametrize(("compiler", "options"), OPTIONS)
def test_lines_are_those_of_addr2line(build, compiler, options):
    """On the same code: addr2line 2.40 reads no skeletons and no 64-bit DWARF, and of gcc's DWARF 5
    gives the wrong file for functions of headers. clang's rows depend on the version.
    """
    kept = [word for word in options.split() if word not in ("-gsplit-dwarf", "-g1")]
    program = build(compiler, options)
    last = "-g -gdwarf-4" if compiler == "gcc" else ""
    truth = build(compiler, f"{' '.join(kept)} {last}", "truth")
    assert read_code(program) == read_code(truth)
    check(program, truth)
