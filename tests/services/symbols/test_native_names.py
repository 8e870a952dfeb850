"""Names of functions as an ELF file tells them: scopes of inlined calls, aliases; data."""

from functools import partial

import pytest

from crashtool.formats import object_kinds
from crashtool.services.symbols.debug_file import open_debug_file
from tests.toolchain import need, need_programs, run_tool

SOURCE = """
#define MERGED __attribute__((always_inline))
#define INLINED static inline MERGED
extern "C" void leave(volatile int *p) { *p = 1; }
INLINED int plain(volatile int *p) { *p = 2; leave(p); return *p; }
namespace atlas {
INLINED int read_magic(volatile int *p) { leave(p); return plain(p) + *p; }
namespace {
struct Mesh {
    MERGED int area(volatile int *p) { leave(p); return read_magic(p) + *p; }
};
INLINED int twice(volatile int *p) { leave(p); return *p * 2; }
template <class T> MERGED inline T grow(T n, volatile int *p) { leave(p); return n + *p; }
}  // namespace
int draw(volatile int *p) { Mesh mesh; return mesh.area(p) + twice(p) + grow<long>(1, p); }
}  // namespace atlas
namespace other {
INLINED int twice(volatile int *p) { leave(p); return *p * 3; }
int use(volatile int *p) { return twice(p); }
}  // namespace other
int main(int argc, char **) { return atlas::draw(&argc) + other::use(&argc); }
"""


@pytest.fixture
def build(compile_app):
    return partial(compile_app, "app.cc", SOURCE)


def span_of(program, name):
    rows = (row.split() for row in run_tool("nm", "-S", program).splitlines())
    start, size = next((row[0], row[1]) for row in rows if row[-1] == name)
    return range(int(start, 16), int(start, 16) + int(size, 16))


def inlined_in(program, name):
    """The names of all that was inlined into a function."""
    file = open_debug_file(str(program), object_kinds.ELF, "x86_64")
    hits = map(file.find_function, span_of(program, name))
    return {call.name for hit in hits if hit for call in hit.inlines}


@pytest.mark.parametrize("compiler", ["g++", "clang"])
@pytest.mark.parametrize("options", [["-g"], ["-g", "-gdwarf-4"]])
def test_an_inlined_call_has_its_namespaces_and_classes(build, compiler, options):
    program = build(compiler, *options)

    found = inlined_in(program, "_ZN5atlas4drawEPVi")

    assert {"plain", "atlas::read_magic"} <= found
    assert "atlas::(anonymous namespace)::Mesh::area" in found
    assert not found & {"read_magic", "area", "(anonymous namespace)::Mesh::area"}


def test_of_one_name_in_two_scopes_each_call_has_its_own(build):
    program = build("g++", "-g")

    assert inlined_in(program, "_ZN5other3useEPVi") == {"other::twice", "leave"}


def test_scopes_are_looked_for_in_so_many_bytes(build, monkeypatch):
    monkeypatch.setattr("crashtool.formats.dwarf.entry_names.MAX_SCOPE_BYTES", 100)
    program = build("g++", "-g")

    assert "read_magic" in inlined_in(program, "_ZN5atlas4drawEPVi")


def test_damaged_debug_information_leaves_the_name_that_the_symbol_table_has(build, tmp_path):
    program = build("g++", "-g")
    content = bytearray(program.read_bytes())
    rows = run_tool("readelf", "-SW", program).replace("[ ", "[").splitlines()
    words = next(row.split() for row in rows if " .debug_info " in row)
    offset, size = int(words[4], 16), int(words[5], 16)
    address = span_of(program, "_ZN5atlas4drawEPVi").start
    damaged = tmp_path / "damaged"

    for place in range(offset + 40, offset + size, 29):
        damaged.write_bytes(bytes(content[:place]) + b"\xff" * 5 + bytes(content[place + 5 :]))
        file = open_debug_file(str(damaged), object_kinds.ELF, "x86_64")
        hit = file.find_function(address)
        assert hit.start == address
        assert hit.name


def test_of_several_names_a_numbered_alias_is_the_last_choice(tmp_path):
    """glibc: __libc_start_main_alias_2, for what __libc_start_main_impl is."""
    need_programs("gcc")
    source = (
        "int begin_impl(volatile int *p) { *p = 1; return 0; }\n"
        'extern int begin_alias_1(volatile int *) __attribute__((alias("begin_impl")));\n'
        'extern int begin_alias_2(volatile int *) __attribute__((alias("begin_impl")));\n'
        "int main(int argc, char **v) { return begin_alias_2(&argc); }\n"
    )
    (tmp_path / "app.c").write_text(source)
    run_tool("gcc", "-O1", "-g", "-o", "app", "app.c", cwd=tmp_path)
    need("nm")
    start = span_of(tmp_path / "app", "begin_impl").start

    file = open_debug_file(str(tmp_path / "app"), object_kinds.ELF, "x86_64")

    assert file.find_function(start + 1).name == "begin_impl"


def test_a_debug_file_tells_data_from_code(build):
    """It holds the code of neither, but where its sections are."""
    program = build("g++", "-g")
    run_tool("objcopy", "--only-keep-debug", program, program.with_suffix(".debug"))
    file = open_debug_file(str(program.with_suffix(".debug")), object_kinds.ELF, "x86_64")
    rows = run_tool("nm", program).splitlines()
    data = next(int(row.split()[0], 16) for row in rows if row.endswith(" __dso_handle"))

    assert not file.has_code
    assert file.read_code(span_of(program, "main").start, 4) is None
    assert file.read_code(data, 4) == b""
