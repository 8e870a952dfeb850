"""Rules come from each kind of unwind table, wherever an address has some."""

import pytest

from crashtool.formats import object_kinds
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_information import UnwindInformation
from tests.toolchain import run_tool

SOURCE = """
__attribute__((noinline)) int leaf(volatile int *p) { return *p + 3; }
int main(int argc, char **argv) { volatile int q = argc; return leaf(&q) + leaf(&q); }
"""
WITHOUT = ("-g", "-fno-asynchronous-unwind-tables", "-fno-exceptions")


def open_information(path, kind=object_kinds.ELF, architecture="x86_64"):
    problems = []
    return UnwindInformation(map_file(str(path)), kind, architecture, problems), problems


def start_of(program, name):
    rows = run_tool("nm", program).splitlines()
    return next(int(row.split()[0], 16) for row in rows if row.endswith(f" {name}"))


@pytest.mark.parametrize("packed", [(), ("-gz=zlib",)])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_rules_of_debug_frame_are_those_of_eh_frame(compile_app, compiler, packed, tmp_path):
    lean = compile_app("app.c", SOURCE, compiler, *WITHOUT, *packed).rename(tmp_path / "lean")
    usual = compile_app("app.c", SOURCE, compiler)
    found = []
    for program in (lean, usual):
        unwind, problems = open_information(program)
        start = start_of(program, "leaf")
        size = 1 + unwind.find_cfi(start).size
        found.append([(row := unwind.find_cfi(start + at)) and row.rules for at in range(size)])
        assert [unwind.covers(start + at) for at in range(size - 1)] == [True] * (size - 1)
        assert not problems
    assert found[0] == found[1]


def test_mach_o_has_rules_by_compact_tables_and_by_eh_frame(corpus):
    """Checked against symbolic, which takes 8 for the size of a large stack (0x1b70)."""
    file = corpus / "getsentry__symbolic/symbolic-testutils/fixtures/macos/crash"
    unwind, problems = open_information(file, object_kinds.MACHO)
    found = [unwind.find_cfi(at).rules for at in (0xD20, 0x1B70)]
    assert found[0] == ".cfa: rsp 8 + .ra: .cfa -8 + ^"
    assert found[1].startswith(".cfa: $rsp 2192 + .ra: .cfa -8 + ^ $rbx: .cfa -48 + ^")
    folder = corpus / "getsentry__sentry-cli/tests/integration/_fixtures/debug_files/upload"
    program = folder / "chunk_upload_multiple_files/fibonacci-fast"
    unwind, _ = open_information(program, object_kinds.MACHO, "arm64")
    assert unwind.find_cfi(0x19C0).rules.startswith(".cfa: sp 32 + .ra: lr v8: v8 ")
    assert not problems


def test_an_old_dsym_has_rules_in_its_debug_frame(corpus):
    folder = corpus / "google__breakpad/src/client/mac/handler/testcases/testdata"
    unwind, _ = open_information(folder / "dump_syms_dwarf_data", object_kinds.MACHO, "x86")
    assert unwind.find_cfi(0x2A26 - 0x1000).rules.startswith(".cfa: e")


def test_an_index_of_an_unusual_kind_is_done_without(compile_app):
    program = compile_app("app.c", SOURCE, "gcc")
    rows = run_tool("readelf", "-SW", program).splitlines()
    row = next(row.split("]")[1].split() for row in rows if ".eh_frame_hdr" in row)
    content = bytearray(program.read_bytes())
    content[int(row[3], 16)] = 9  # its version
    program.write_bytes(content)

    unwind, problems = open_information(program)

    assert unwind.find_cfi(start_of(program, "leaf")).rules.startswith(".cfa: rsp 8 +")
    assert not problems
