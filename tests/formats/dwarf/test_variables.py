"""Variables of compiled programs: names, kinds and types; and of damaged ones: none, in time."""

import random
import subprocess
import sys
import time
from struct import unpack_from

import pytest

from crashtool.formats.dwarf.call_sites import (
    describe_function,
    find_call,
    find_rule,
    leads_to,
    may_return_to_itself,
)
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.object_file.elf import find_symbol_tables, read_layout
from crashtool.formats.object_file.elf_symbols import FunctionNames
from crashtool.services.analyze.variables.values import ValueReader
from tests.services.analyze.variables.frames import MadeFrame
from tests.toolchain import need

SOURCE = """
#include <stddef.h>
enum Kind { A, B = 5, C = -1 };
enum class Level : unsigned char { LOW, HIGH = 200 };
typedef unsigned long word;
struct Base { int first; virtual int get() const { return first; } };
struct Flags : Base { unsigned low : 3, high : 5; static int shared; int own; };
namespace app { inline namespace v1 {
struct Mesh { float *data; const char *name; Mesh *next; };
} }
union Either { int i; float f; };
int Flags::shared = 3;
__attribute__((noinline)) static int callee(
    int number, const app::Mesh &mesh, const char *const text, int (*function)(int, char *),
    Kind kind, Level level) {
  static word calls = 4;
  Flags flags = {};
  int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
  volatile Either either;
  int Flags::*member = &Flags::own;
  either.i = number;
  {
    double number = 2.5;
    calls += (word)number;
    asm volatile("" :: "r"(&number), "r"(&flags), "r"(matrix), "r"(member));
  }
  return either.i + (text != nullptr) + (function != nullptr) + kind + (int)level +
         (mesh.next != nullptr) + (int)calls + flags.get();
}
int main(int argc, char **argv) {
  app::Mesh mesh = {};
  return callee(argc, mesh, argv[0], nullptr, B, Level::HIGH);
}
"""
TYPES = {
    "number": "int",
    "mesh": "const app::v1::Mesh&",
    "text": "const char* const",
    "function": "int (*)(int, char*)",
    "kind": "Kind",
    "level": "Level",
    "calls": "word",
    "flags": "Flags",
    "matrix": "int[2][3]",
    "either": "volatile Either",
    "member": "int Flags::*",
}
FLAGS = {
    "gcc, 5": ["g++", "-gdwarf-5"],
    "gcc, 4, types apart": ["g++", "-gdwarf-4", "-fdebug-types-section"],
    "gcc, 2": ["g++", "-gdwarf-2"],
    "gcc, 64-bit DWARF": ["g++", "-gdwarf-5", "-gdwarf64"],
    "clang, 5": ["clang++", "-gdwarf-5"],
    "clang, 4": ["clang++", "-gdwarf-4"],
}
SECTIONS = (
    ".debug_info",
    ".debug_abbrev",
    ".debug_loclists",
    ".debug_loc",
    ".debug_types",
    ".debug_str",
    ".debug_addr",
    ".debug_str_offsets",
)
MAX_SECONDS = 5.0


def compile_program(folder, flags, *more):
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    compiler, *flags = flags
    need(compiler)
    source, program = folder / "program.cc", folder / "program"
    source.write_text(SOURCE, encoding="utf-8")
    line = [compiler, *flags, *more, "-std=c++17", "-w", "-o", program, source]
    subprocess.run(line, check=True, capture_output=True)
    return program.read_bytes()


def find_function(data, name):
    names = FunctionNames(data, find_symbol_tables(data), (range(1 << 40),))
    starts = range(1 << 16)
    return next(start for start in starts for found in names.list_names(start) if name in found)


def find_block(data, start):
    """An address in the innermost block of `callee`: the first that has two variables `number`."""
    lookup = DwarfLookup(open_all_sections(data))
    for address in range(start, start + 400):
        scopes = lookup.find_variables(address, "x86_64")
        if scopes and [row.name for row in scopes[-1].variables].count("number") == 2:
            return address, scopes[-1].variables
    raise AssertionError("no such block")


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_names_kinds_and_types_as_the_source_has_them(tmp_path, flags):
    data = compile_program(tmp_path, flags, "-O0")
    _, variables = find_block(data, find_function(data, "callee"))
    first = {}
    for row in variables:
        first.setdefault(row.name, row)
    assert {name: row.type.name for name, row in first.items()} == TYPES
    assert {name for name, row in first.items() if row.kind == "argument"} == {
        "number",
        "mesh",
        "text",
        "function",
        "kind",
        "level",
    }
    assert first["calls"].kind == "static"
    assert [row.type.name for row in variables if row.name == "number"] == ["int", "double"]

    kind = first["flags"].type
    members = kind.details.members
    assert [row.name for row in members] == ["Base", "low", "high", "own"]
    assert [(8 * row.offset + row.bit_offset, row.bit_size) for row in members[1:3]] == [
        (96, 3),
        (99, 5),
    ]
    assert (members[0].is_base, members[0].offset, members[3].offset) == (True, 0, 16)
    assert set(first["kind"].type.details.enumerators) == {(0, "A"), (5, "B"), (-1, "C")}
    assert set(first["level"].type.details.enumerators) >= {(200, "Level::HIGH")}
    assert (first["matrix"].type.count, first["matrix"].type.size) == (2, 24)
    assert first["matrix"].type.details.target.count == 3
    assert first["calls"].type.plain_name == "unsigned long"


def test_an_address_of_no_function_has_no_variables(tmp_path):
    data = compile_program(tmp_path, FLAGS["gcc, 5"], "-O0")
    lookup = DwarfLookup(open_all_sections(data))
    assert lookup.find_variables(0, "x86_64") == []
    assert lookup.find_variables(1 << 40, "x86_64") == []
    assert lookup.problems == []


class FullMemory(MadeFrame):
    """A frame of which everything is known, whatever it is asked."""

    def read_register(self, name):
        return (16 if name.startswith("xmm") else 8) * b"\x11"

    def read_memory(self, _address, size):
        return bytes(size) if size < 1 << 20 else None


def read_everything(data, address):
    lookup = DwarfLookup(open_all_sections(data))
    scopes = lookup.find_variables(address, "x86_64")
    caller = FullMemory(address=address, return_address=address + 1, cfa=0x7000)
    frame = FullMemory(address=address, cfa=0x6000, caller=caller, return_address=address + 1)
    reader = ValueReader(frame, 8, "x86_64")
    values = [
        reader.read_variable(row.type, row.locate) for scope in scopes for row in scope.variables
    ]
    return len(values), sum(value.state == "value" for value in values)


@pytest.mark.parametrize("flags", ["gcc, 5", "gcc, 4, types apart", "clang, 5"])
def test_damage_is_noted_and_never_escapes(tmp_path, flags):
    data = compile_program(tmp_path, FLAGS[flags], "-O2")
    address = find_function(data, "callee") + 8
    total, valued = read_everything(data, address)
    assert total >= 6
    assert valued
    layout = read_layout(data)
    places = [row for row in layout.sections if row.name in SECTIONS and row.size]
    chooser = random.Random(flags)  # noqa: S311
    answered = 0
    for _ in range(150):
        damaged = bytearray(data)
        section = chooser.choice(places)
        for _ in range(chooser.choice((1, 1, 4, 32))):
            place = section.offset + chooser.randrange(section.size)
            damaged[place] = chooser.choice((0, 1, 0x7F, 0x80, 0xFF, chooser.randrange(256)))
        start = time.process_time()
        answered += bool(read_everything(bytes(damaged), address)[0])
        assert time.process_time() - start < MAX_SECONDS
    assert answered > 15


def test_a_damaged_list_of_places_costs_its_variable_alone(tmp_path):
    data = compile_program(tmp_path, FLAGS["gcc, 5"], "-O2")
    address = find_function(data, "callee") + 8
    layout = read_layout(data)
    (section,) = (row for row in layout.sections if row.name == ".debug_loclists")
    assert unpack_from("<I", data, section.offset)[0]
    head = 12
    damaged = bytearray(data)
    damaged[section.offset + head : section.offset + section.size] = (section.size - head) * b"\x7f"
    total, valued = read_everything(data, address)
    again, rest = read_everything(bytes(damaged), address)
    assert again == total
    assert rest < valued


DECLARING = """
namespace app {
struct Widget { Widget(int); virtual int get() const; int number; double weight; };
}
namespace { struct Hidden; }
struct Twice;
Hidden *hidden; Twice *twice;
int use(app::Widget &);
int main() {
  app::Widget widget(7);
  Hidden *own = hidden;
  Twice *two = twice;
  return use(widget) + (own || two);
}
"""
DEFINING = """
namespace app { struct Widget { Widget(int); virtual int get() const; int number; double weight; };
Widget::Widget(int n) : number(n), weight(2.5) {} int Widget::get() const { return number; } }
namespace { struct Hidden { int is_of_this_unit; } other; }
struct Twice { int size; } one;
int use(app::Widget &w) { return w.get() + other.is_of_this_unit + one.size; }
"""
OTHER = "struct Twice { long size[2]; } two;"


@pytest.mark.parametrize("version", [4, 5])
def test_a_type_that_is_only_declared_is_found_in_the_unit_that_describes_it(tmp_path, version):
    need("clang++")
    names = {"a.cc": DECLARING, "b.cc": DEFINING, "c.cc": OTHER}
    for name, text in names.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    line = ["clang++", "-O0", f"-gdwarf-{version}", "-w", "-o", "program", *names]
    subprocess.run(line, check=True, cwd=tmp_path)
    data = (tmp_path / "program").read_bytes()
    lookup = DwarfLookup(open_all_sections(data))
    (scope,) = lookup.find_variables(find_function(data, "main") + 20, "x86_64")
    types = {row.name: row.type for row in scope.variables}
    widget = types["widget"]
    assert (widget.is_incomplete, widget.size, widget.name) == (False, 24, "app::Widget")
    assert [row.name for row in widget.details.members][1:] == ["number", "weight"]
    hidden, twice = (types[name].details.target for name in ("own", "two"))
    assert hidden.is_incomplete  # another unit's has the name alone
    assert twice.is_incomplete  # two units describe two types of that name


JUMPING = """
__attribute__((noinline, noclone)) int other(int n);
__attribute__((noinline, noclone)) int jumps(int n) { return n > 3 ? other(n - 1) : n; }
__attribute__((noinline, noclone)) int other(int n) { return n & 1 ? jumps(n * 2) : n; }
__attribute__((noinline, noclone)) int stays(int n) { return jumps(n) + 1; }
__attribute__((noinline, noclone)) int leaps(int n) { return n > 3 ? stays(n - 1) : n; }
int main(int argc, char **argv) { return leaps(argc) + other(argc); }
"""


@pytest.mark.parametrize("flags", [["-gdwarf-5"], ["-gdwarf-4"]])
def test_a_function_that_can_jump_back_to_itself_has_no_known_arguments(tmp_path, flags):
    need("gcc")
    source, program = tmp_path / "jumping.c", tmp_path / "jumping"
    source.write_text(JUMPING, encoding="utf-8")
    subprocess.run(["gcc", "-O2", *flags, "-o", program, source], check=True)
    data = program.read_bytes()
    lookup = DwarfLookup(open_all_sections(data))

    def asked(name):
        return may_return_to_itself(lookup.find_entries(find_function(data, name) + 1).function)

    assert (asked("jumps"), asked("other"), asked("stays")) == (True, True, False)
    assert not asked("leaps")  # what it jumps to goes nowhere from there


def test_a_call_is_known_by_where_it_returns_and_what_it_calls(tmp_path):
    need("gcc")
    source, program = tmp_path / "jumping.c", tmp_path / "jumping"
    source.write_text(JUMPING, encoding="utf-8")
    subprocess.run(["gcc", "-O2", "-gdwarf-5", "-o", program, source], check=True)
    data = program.read_bytes()
    lookup = DwarfLookup(open_all_sections(data))
    start = find_function(data, "stays")
    stays = lookup.find_entries(start + 1).function
    jumps, other = (
        describe_function(lookup.find_entries(find_function(data, name) + 1).function, 0, 0)
        for name in ("jumps", "other")
    )
    returns = [place for place in range(start, start + 32) if find_call(stays, place)]
    assert len(returns) == 1
    call = find_call(stays, returns[0])
    assert (leads_to(call, jumps, 0), leads_to(call, other, 0)) == (True, False)
    assert jumps.name == "jumps"
    assert not leads_to(call, jumps._replace(base=0x1000), 0)  # another file's of the same name
    assert find_rule(call, bytes((0x55,)))  # what is handed over in rdi
    assert find_rule(call, bytes((0x54,))) is None


OWNING = """
struct state { int a, b; };
static int counter = 1; namespace app { state *current; namespace { int hidden[4]; } }
extern state *elsewhere; extern "C" { extern int plain[8]; }
int main(int argc, char **) {
  counter += argc;
  return app::current->a + app::hidden[argc] + counter + elsewhere->b + plain[argc];
}
"""
ELSEWHERE = """
struct state { int a, b; };
state *elsewhere; extern "C" { int plain[8]; }
"""


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("version", [4, 5])
def test_a_variable_of_no_function_is_found_by_its_address(tmp_path, compiler, version):
    need(compiler)
    for name, text in {"a.cc": OWNING, "b.cc": ELSEWHERE}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    line = [compiler, "-O0", f"-gdwarf-{version}", "-w", "-o", "program", "a.cc", "b.cc"]
    subprocess.run(line, check=True, cwd=tmp_path)
    data = (tmp_path / "program").read_bytes()
    symbols = FunctionNames(data, find_symbol_tables(data), (range(1 << 40),))
    lookup = DwarfLookup(open_all_sections(data), symbols)
    start = find_function(data, "main") + 4
    find = lookup.find_variables(start, "x86_64")[-1].find_static
    places = find_objects(data)
    told = {
        name: find(place + inner)
        for name, inner in {
            "counter": 0,
            "current": 7,
            "hidden": 12,
            "elsewhere": 0,
            "plain": 31,
        }.items()
        for place in places[name]
    }
    assert {name: (row.name, row.type.name) for name, row in told.items()} == {
        "counter": ("counter", "int"),
        "current": ("current", "state*"),
        "hidden": ("hidden", "int[4]"),
        "elsewhere": ("elsewhere", "state*"),
        "plain": ("plain", "int[8]"),
    }
    assert (
        find(places["plain"][0] + 32) is None or "plain" not in find(places["plain"][0] + 32).name
    )
    assert find(1 << 40) is None


def find_objects(data):
    """Where variables are, by the plain names in those that linkers know."""
    symbols = FunctionNames(data, find_symbol_tables(data), (range(1 << 40),))
    found = {}
    for name in ("counter", "current", "hidden", "elsewhere", "plain"):
        starts = [place for place in range(0, 1 << 16, 4) if name in symbols.name_variable(place)]
        found[name] = starts[:1]
    return found
