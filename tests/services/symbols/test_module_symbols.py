from pathlib import Path

import pytest

from crashtool.formats import object_kinds
from crashtool.formats.object_file.identify import read_object_files
from crashtool.model.crash import Frame
from crashtool.model.module import Module
from crashtool.model.symbol_lookup import Candidate
from crashtool.services.symbols.debug_file import TextDebugFile, open_debug_file
from crashtool.services.symbols.module_status import (
    FrameCoverage,
    assess_module,
)
from crashtool.services.symbols.module_symbols import ModuleSymbols
from crashtool.services.symbols.session import SymbolSession
from tests.synth.object_files import build_sym
from tests.synth.symbol_file import build_symbol_file, file, func, line
from tests.toolchain import run_tool

MODULE = Module(0x400000, 0x10000, "app", "/app", None, "app")
FULL = ("FILE 0 a.c", "FUNC 1000 10 0 main", "1000 10 7 0", "STACK CFI INIT 1000 10 .cfa: $rsp 8 +")


class Source:
    """Candidates in a fixed order; how many were taken is known."""

    def __init__(self, *candidates):
        self.candidates = candidates
        self.taken = 0

    def walk_candidates(self, _module):
        for candidate in self.candidates:
            self.taken += 1
            yield candidate


@pytest.fixture
def sym(tmp_path):
    """A .sym file with these records, as a candidate."""

    def make(name, *lines):
        path = tmp_path / name
        path.write_bytes(build_sym(lines=lines))
        return Candidate(str(path), "found", "sym", path=str(path))

    return make


@pytest.fixture
def open_module():
    return lambda source: ModuleSymbols(MODULE, "x86_64", source)


def test_nothing_is_looked_for_before_a_question_comes(sym, open_module):
    source = Source(sym("a", *FULL))

    open_module(source)

    assert source.taken == 0


def test_a_file_that_answers_is_enough(sym, open_module):
    source = Source(sym("a", *FULL), sym("b", *FULL))
    module = open_module(source)

    assert module.find_function(0x1004).line == 7
    assert module.find_cfi(0x1004).rules == ".cfa: $rsp 8 +"
    assert module.find_function(0x9999) is None
    assert source.taken == 1


def test_lines_come_from_one_file_and_unwind_rules_from_another(sym, open_module):
    source = Source(sym("a", *FULL[:3]), sym("b", "FUNC 1000 10 0 main", FULL[3]))
    module = open_module(source)

    assert module.find_function(0x1004).line == 7
    assert source.taken == 1
    assert module.find_cfi(0x1004).rules == ".cfa: $rsp 8 +"
    assert source.taken == 2


def test_a_name_without_a_line_is_better_than_nothing(sym, open_module):
    module = open_module(Source(sym("a", "FUNC 1000 10 0 main")))

    assert module.find_function(0x1004).name == "main"
    assert module.find_function(0x1004).line is None


def test_a_later_file_with_lines_is_preferred(sym, open_module):
    module = open_module(Source(sym("a", "FUNC 1000 10 0 main"), sym("b", *FULL)))

    assert module.find_function(0x1004).line == 7


def test_a_file_without_lines_is_asked_where_no_other_has_one(sym, open_module, monkeypatch):
    """Its symbol table would be read whole, for each program whose debug file is beside it."""
    bare = sym("a", "PUBLIC 1000 0 first", "PUBLIC 2000 0 second")
    module = open_module(Source(bare, sym("b", *FULL)))
    asked = []
    find_function = TextDebugFile.find_function

    def note(file, address):
        asked.append((file.has_lines, address))
        return find_function(file, address)

    monkeypatch.setattr(TextDebugFile, "find_function", note)
    assert module.find_function(0x1004).name == "main"
    assert asked == [(True, 0x1004)]
    assert module.find_function(0x2004).name == "second"


def test_a_file_that_cannot_be_opened_is_malformed_and_the_next_one_serves(
    sym, open_module, tmp_path
):
    bad = tmp_path / "bad.sym"
    bad.write_bytes(b"MODULE nonsense")
    module = open_module(Source(Candidate("bad", "found", "sym", path=str(bad)), sym("a", *FULL)))

    assert module.find_function(0x1004).name == "main"
    assert [row.status for row in module.candidates] == ["malformed", "found"]


def test_a_file_that_is_gone_is_no_traceback(open_module):
    module = open_module(Source(Candidate("gone", "found", "elf", path="/nonexistent/file")))

    assert module.find_function(0x1004) is None
    assert module.candidates[0].status == "failed"


def test_modules_are_opened_once_for_many_dumps(sym):
    source = Source(sym("a", *FULL))
    session = SymbolSession(source)

    first = session.tables(MODULE, "x86_64")

    assert session.tables(MODULE._replace(base=0x700000), "x86_64") is first


def evidence(*kinds, **counts):
    found = FrameCoverage(frozenset(kinds), has_code=counts.pop("has_code", False))
    for name, count in counts.items():
        setattr(found, name, count)
    return found


ID_MODULE = MODULE._replace(code_id="ab" * 20)


@pytest.mark.parametrize(
    ("found", "architecture", "status", "words"),
    [
        (evidence("sym", named=1, lined=1, unwound=1), "x86_64", "ok", ""),
        (evidence("sym", named=1, lined=1), "x86_64", "ok", ""),  # nothing was called from it
        (evidence("sym", named=1, lined=1, guessed=1), "x86_64", "no_unwind",
         "symbols dump PROGRAM"),
        (evidence("pdb", named=1, lined=1, guessed=1), "x86_64", "no_unwind",
         "contains app as well"),
        (evidence("pdb", named=1, lined=1, guessed=1), "x86", "no_unwind", "-fasynchronous"),
        (evidence("pdb", named=1, lined=1, guessed=1, has_code=True), "x86_64", "no_unwind",
         "-fasynchronous"),
        (evidence("elf", named=1, lined=1, guessed=1), "x86_64", "no_unwind",
         "contains app itself"),
        (evidence("elf", named=1, lined=1, guessed=1, has_code=True), "x86_64", "no_unwind",
         "-fasynchronous-unwind-tables"),
        (evidence("elf", named=1), "x86_64", "no_lines", "-g"),
        (evidence("pdb", named=1), "x86_64", "no_lines", "/DEBUG:FULL"),
        (evidence("elf"), "x86_64", "stripped", "before strip"),
        (evidence("pe"), "x86_64", "stripped", "before strip"),  # of MinGW: it names no PDB
    ],
)  # fmt: skip
def test_a_verdict_follows_from_what_lookups_gave(found, architecture, status, words):
    verdict = assess_module(ID_MODULE, architecture, found, ())

    assert verdict.status == status
    assert words in verdict.fix
    assert bool(verdict.fix) == (status != "ok")


PDB_MODULE = ID_MODULE._replace(debug_file="C:\\build\\app.pdb")
STALE = Candidate("old.pdb", "mismatch", "pdb", "it has 1, the dump wants 2")


@pytest.mark.parametrize(
    ("found", "candidates", "status", "note", "fix"),
    [
        (evidence("pe"), (), "missing", "in its PDB", "its PDB, app.pdb"),
        (evidence("pe"), (STALE,), "mismatch", "old.pdb is of another build", "app.pdb"),
        (evidence("elf"), (STALE,), "mismatch", "old.pdb is of another build", "app.pdb"),
        (
            evidence("pdb", named=1, lined=1, guessed=1),
            (STALE,),
            "no_unwind",
            "in app; old.pdb is of another build",
            "contains app as well",
        ),
        (evidence("pdb", named=1, lined=1), (STALE,), "ok", "", ""),
    ],
)
def test_what_is_there_of_another_build_is_named(found, candidates, status, note, fix):
    verdict = assess_module(PDB_MODULE, "x86_64", found, candidates)

    assert verdict.status == status
    assert note in verdict.note
    assert fix in verdict.fix


@pytest.mark.parametrize(
    ("candidates", "status"),
    [
        ((), "missing"),
        ((Candidate("a", "not_found"),), "missing"),
        ((Candidate("a", "not_found"), Candidate("b", "mismatch", "elf", "x")), "mismatch"),
        ((Candidate("a", "malformed", "elf", "cut"),), "malformed"),
        ((Candidate("a", "denied"),), "failed"),
        ((Candidate("a", "timeout"),), "failed"),
        ((Candidate("a", "unsupported"),), "failed"),
    ],
)
def test_a_verdict_without_files_says_why(candidates, status):
    assert assess_module(ID_MODULE, "x86_64", evidence(), candidates).status == status


def test_a_module_without_identifiers_can_have_no_symbols():
    verdict = assess_module(MODULE, "x86_64", evidence(), ())

    assert verdict.status == "no_id"
    assert "build-id" in verdict.fix


def test_evidence_is_taken_from_frames_and_their_callers(sym):
    session = SymbolSession(Source(sym("a", *FULL)))
    session.tables(MODULE, "x86_64").find_function(0x1004)
    frame = Frame(0x401004, "context", MODULE, function="main", line=7)

    verdict = session.verdict(MODULE, "x86_64", [(frame, Frame(1, "scan")), (frame, None)])

    assert verdict.status == "no_unwind"
    assert verdict.uses == ("functions", "lines")


SOURCE = """
static inline __attribute__((always_inline)) int inner(volatile int *p)
{ p[0] *= 3; return p[0] ^ 7; }
__attribute__((noinline)) int outer(int *p) { return inner(p) + 1; }
int main(int argc, char **argv) { return outer(&argc); }
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A program, its debug file and itself without symbols."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "app.c").write_text(SOURCE)
    whole, debug, bare = folder / "app", folder / "app.debug", folder / "bare"
    run_tool("gcc", "-g", "-O1", "-o", whole, folder / "app.c")
    run_tool("objcopy", "--only-keep-debug", whole, debug)
    run_tool("objcopy", "--strip-all", whole, bare)
    return {"whole": str(whole), "debug": str(debug), "bare": str(bare)}


def address_of(programs, name):
    lines = run_tool("nm", programs["whole"]).splitlines()
    return next(int(line.split()[0], 16) for line in lines if line.endswith(f" {name}"))


def candidate(programs, name):
    return Candidate(name, "found", "elf", path=programs[name])


def test_native_files_give_functions_lines_and_inlined_calls(programs, open_module):
    module = open_module(Source(candidate(programs, "whole")))

    start = address_of(programs, "outer")
    hits = [module.find_function(start + place) for place in range(0, 16, 2)]

    assert {(hit.name, hit.start) for hit in hits} == {("outer", start)}
    assert all(hit.file.endswith("app.c") for hit in hits)
    assert ["inner"] in [[call.name for call in hit.inlines] for hit in hits]


def test_a_debug_file_and_its_program_complete_each_other(programs, open_module):
    module = open_module(Source(candidate(programs, "debug"), candidate(programs, "bare")))
    place = address_of(programs, "outer")

    assert module.find_function(place).line
    assert module.find_cfi(place).rules.startswith(".cfa: rsp 8 +")
    assert module.read_code(place, 4)
    assert module.read_code(1 << 30, 4) == b""


def test_rules_that_are_only_for_the_debugger_are_used(programs, open_module):
    """-fno-asynchronous-unwind-tables: .eh_frame holds the start files' rules alone."""
    folder = Path(programs["whole"]).parent
    lean = folder / "lean"
    command = ["gcc", "-g", "-O1", "-fno-asynchronous-unwind-tables", "-fno-exceptions"]
    run_tool(*command, "-o", lean, folder / "app.c")
    lean_programs = programs | {"whole": str(lean)}
    module = open_module(Source(candidate(lean_programs, "whole")))

    found = module.find_cfi(address_of(lean_programs, "outer"))
    assert found.rules == ".cfa: rsp 8 + .ra: .cfa -8 + ^"
    assert module.find_cfi(address_of(lean_programs, "_start")).rules.startswith(".cfa: rsp 8 +")


def test_a_stripped_program_has_no_names(programs, open_module):
    module = open_module(Source(candidate(programs, "bare")))

    assert module.find_function(address_of(programs, "outer")) is None


def test_the_identifiers_of_all_three_agree(programs):
    ids = set()
    for path in programs.values():
        with open(path, "rb") as file:  # noqa: PTH123
            ids.add(read_object_files(file.read())[0].debug_id)

    assert len(ids) == 1


def test_a_sparse_sym_file_does_not_say_that_other_places_are_no_code(tmp_path):
    whole, sparse = tmp_path / "whole.sym", tmp_path / "sparse.sym"
    functions = [func(start, 0x20, "f", line(start, 0x20, 1, 0)) for start in range(0, 0x1000, 32)]
    for path, records in ((whole, functions), (sparse, functions[:1])):
        path.write_bytes(build_symbol_file(file(0, "a.c"), *records))

    def knows(path):
        return open_debug_file(str(path), object_kinds.SYM, "x86_64").knows_functions(0x2000)

    assert knows(whole)
    assert not knows(sparse)


def test_an_image_with_dwarf_of_some_of_its_code_leaves_the_rest_to_its_pdb(tmp_path):
    """As clang's -gcodeview makes them for MinGW, whose C runtime brings DWARF along."""
    target = ["clang", "--target=x86_64-w64-mingw32", "-O0", "-g", "-c"]
    (tmp_path / "ours.c").write_text("int old(int); int ours(int n) { return old(n) + 1; }\n")
    (tmp_path / "old.c").write_text("int old(int n) { return n * 2; }\n")
    run_tool(*target, "-gcodeview", "-o", "ours.o", "ours.c", cwd=tmp_path)
    run_tool(*target, "-gdwarf-4", "-o", "old.o", "old.c", cwd=tmp_path)
    line = ["-m", "i386pep", "--entry=ours", "--pdb=app.pdb", "-o", "app.exe", "ours.o", "old.o"]
    run_tool("ld.lld", *line, cwd=tmp_path)
    source = Source(
        Candidate("app.exe", "found", "pe", path=str(tmp_path / "app.exe")),
        Candidate("app.pdb", "found", "pdb", path=str(tmp_path / "app.pdb")),
    )
    module = ModuleSymbols(MODULE._replace(name="app.exe"), "x86_64", source)

    hits = [module.find_function(address) for address in range(0x1000, 0x1060)]

    lines = {(hit.name.partition("(")[0], Path(hit.file).name) for hit in hits if hit and hit.line}
    assert lines == {("ours", "ours.c"), ("old", "old.c")}
    assert [v.name for scope in module.find_variables(0x1008) for v in scope.variables] == ["n"]
