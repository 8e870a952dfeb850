"""Which objects can go into a shared library, against what the linker says of them."""

import subprocess

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.object_file import elf
from crashtool.formats.object_file.elf_relocations import read_bindings
from tests.synth.object_files import build_elf
from tests.toolchain import need, run_tool

SOURCE = """
#include <cstdio>
#include <string>
extern int other;
int mine = 3;
struct A { virtual ~A(); virtual int f(); static int s; };
int A::f() { return s; }
int g(int n) { fprintf(stderr, "x"); return other + mine + n + (int)std::string(n, 'a').size(); }
A* make() { return new A; }
"""


def compile_object(folder, *flags):
    source = folder / "code.cc"
    source.write_text(SOURCE)
    run_tool("g++", "-O2", *flags, "-c", "-o", folder / "code.o", source)
    return folder / "code.o"


@pytest.mark.parametrize(
    "flags",
    [("-fPIC",), ("-fPIE",), ("-fno-pie",), ("-fPIC", "-O0"), ("-fPIE", "-fvisibility=hidden")],
)
def test_what_the_linker_refuses_is_what_is_told(tmp_path, flags):
    need("g++")
    code = compile_object(tmp_path, *flags)

    bindings = read_bindings(code.read_bytes())

    line = ["g++", "-shared", "-o", tmp_path / "lib.so", code]
    linked = subprocess.run(line, capture_output=True, check=False)
    if bindings.is_known:
        assert bool(bindings.fixed) == (linked.returncode != 0)


def test_hidden_definitions_are_told(tmp_path):
    need("g++")
    bindings = read_bindings(compile_object(tmp_path, "-fvisibility=hidden").read_bytes())

    assert "mine" in bindings.hidden or not bindings.is_known


@pytest.mark.parametrize(
    "data",
    [
        build_elf(file_type=elf.RELOCATABLE, wide=False),
        build_elf(file_type=elf.RELOCATABLE, big_endian=True),
        build_elf(),
        b"\0" * 64,
    ],
)
def test_other_machines_and_files_are_unknown(data):
    assert not read_bindings(data).is_known


def test_an_object_cut_anywhere_is_damaged_or_says_less(tmp_path):
    need("g++")
    whole = compile_object(tmp_path, "-fPIE").read_bytes()

    for size in range(16, len(whole), 61):
        with pytest.raises(MalformedFile, match=r"cut|end"):
            read_bindings(whole[:size])
