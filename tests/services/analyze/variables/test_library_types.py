"""Strings, containers and smart pointers of real libraries, in the memory of a real process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import FunctionNames
from crashtool.render.variables import format_type, format_value
from crashtool.services.analyze.variables.values import ValueReader
from crashtool.services.symbols.dwarf_functions import open_functions
from crashtool.services.symbols.mapped_file import map_file
from tests.services.analyze.variables.frames import MadeFrame
from tests.toolchain import need

SOURCE = Path(__file__).resolve().parents[3] / "programs" / "containers.cpp"
BUILDS = {
    "gcc": ["g++", "-gdwarf-5"],
    "gcc-types": ["g++", "-gdwarf-4", "-fdebug-types-section"],
    "clang": ["clang++", "-gdwarf-4"],
    "libc++": ["clang++", "-gdwarf-5", "-stdlib=libc++"],
}
EXPECTED = {
    "brief": '"brief"',
    "lengthy": '"' + 40 * "l" + '"',
    "empty": '""',
    "wide": '"wide"',
    "view": '"' + 40 * "l" + '"',
    "numbers": "3 elements {1, 2, 3}",
    "none": "0 elements",
    "words": '2 elements {"x", "a text that is too long to be inside"}',
    "sole": "-> {x = 4, y = 5}",
    "null": "null",
    "shared": "(1 owner) -> 6",
    "alive": "(1 owner) -> 6",
    "dead": "expired",
    "some": "{value = 7}",
    "nothing": "nothing",
    "ages": '4 elements {{"four", 4}, {"one", 1}, {"three", 3}, {"two", 2}}',
    "exact": "2 elements {{97 'a', 1.5}, {98 'b', 2.5}}",
    "sorted": "4 elements {1, 3, 5, 9}",
    "triple": "{7, 8, 9}",
    "chain": "2 elements {1, 2}",
    "table": "1 element {{7, 8}}",
    "hashes": '1 element {"h"}',
    "queue": "2 elements {1, 2}",
    "unused": "0 elements",
    "forward": "3 elements {1, 2, 3}",
    "nowhere": "0 elements",
    "bits": "3 elements {true, false, true}",
    "first": "alternative 0 {value = 3}",
    "last": 'alternative 2 {value = "text"}',
    "tuple": '{1, "t", 2.5}',
    "half": "{6, {}}",
    "flags": "0001010011",
    "callable": "nothing",
    "anything": "nothing",
    "stack": "1 element {4}",
    "heap": "1 element {5}",
    "number": "1.0 - 2.0i",
    "atomic": "6",
    "nobody": "{}",
    "moved": '""',
    "taken": '"' + 40 * "m" + '"',
    "escapes": r'"a\\b\xff\n"',
}
# What is shown by its members there
MEMBERS_ALONE = {"libc++": ("callable", "anything", "number", "atomic", "flags")}
# What was spoilt, of GNU's library
SPOILT = {
    "shorter": "its length and its links do not agree",
    "longer": "its length and its links do not agree",
    "ring": "its links lead in a circle",
    "counted": "its length and its links do not agree",
    "hashed": "its length and its links do not agree",
    "unbounded": "where it begins and ends makes no sense",
    "reversed": "where it begins and ends makes no sense",
    "roomless": "where it begins and ends makes no sense",
    "unset": "where it begins and ends makes no sense",
    "cramped": "its length makes no sense",
    "crowded": "its length makes no sense",
    "beyond": "it has more bits than its type",
    "strange": "9 is none of its alternatives",
}


class Process:
    """A running program, whose memory is read as it is."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        rows = Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8").splitlines()
        self.base = next(int(row.partition("-")[0], 16) for row in rows if str(program) in row)
        self.memory = os.open(f"/proc/{self.process.pid}/mem", os.O_RDONLY)

    def close(self):
        os.close(self.memory)
        self.process.stdout.close()
        self.process.kill()
        self.process.wait(30)

    def read(self, address, size):
        try:
            content = os.pread(self.memory, size, address)
        except (OSError, OverflowError):
            return None
        return content if len(content) == size else None


@pytest.fixture(params=BUILDS)
def process(request, tmp_path):
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    compiler, *flags = BUILDS[request.param]
    need(compiler)
    program = tmp_path / "containers"
    line = [compiler, "-std=c++17", "-O0", *flags, "-o", program, SOURCE]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{compiler} {' '.join(flags)} makes no such program here")
    started = Process(program)
    started.build, started.program = request.param, program
    yield started
    started.close()


def find_start(program, name):
    data = program.read_bytes()
    names = FunctionNames(data, find_symbol_tables(data), (range(1 << 40),))
    return next(start for start in range(1 << 17) if name in names.list_names(start))


def read_all(process, function="main"):
    path = str(process.program)
    functions = open_functions(map_file(path), path, "x86_64", [], [])
    address = find_start(process.program, function) + 1
    (scope,) = functions.find_variables(address)
    frame = MadeFrame(base=process.base, address=process.base + address)
    frame.read_memory = process.read
    reader = ValueReader(frame, 8, "x86_64")
    return {row.name: reader.read_variable(row.type, row.locate) for row in scope.variables}


def plain(value):
    """A value as text, without addresses and the names of a pair's members."""
    text = format_value(value)
    text = re.sub(r"0x[0-9a-f]+ (?=->|\()", "", text)
    return re.sub(r"\b(first|second) = ", "", text)


@pytest.mark.toolchain
def test_each_type_is_read_as_what_it_stands_for(process):
    found = read_all(process)
    assert found.keys() >= EXPECTED.keys()
    for name, words in EXPECTED.items():
        value = found[name]
        if name in MEMBERS_ALONE.get(process.build, ()):
            assert value.children
            continue
        assert plain(value) == words, name
    assert format_type(found["ages"].type) == "std::map<std::string, int>"
    assert format_type(found["words"].type) == "std::vector<std::string>"
    assert format_type(found["sole"].type) == "std::unique_ptr<Point>"
    assert "std::string" in {found["brief"].type, format_type(found["brief"].type)}


@pytest.mark.toolchain
def test_what_does_not_fit_together_is_no_value(process):
    if process.build == "libc++":
        pytest.skip("it spoils types of GNU's library")
    found = read_all(process, "_ZL5spoilv")
    told = {name: (found[name].state, found[name].reason) for name in SPOILT}
    assert told == {name: ("unknown", words) for name, words in SPOILT.items()}
