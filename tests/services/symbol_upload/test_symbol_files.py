import io

import pytest

from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file import BreakpadFile as Text
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.inspect_files import SurveyOptions, inspect_files
from crashtool.services.symbol_upload.symbol_files import Dumpable, SymbolDumper, find_dumpable
from crashtool.services.symbol_upload.symbol_text import SymbolTextOptions
from crashtool.services.symbols.dwarf_functions import open_functions
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.pdb_file import PdbDebugFile
from crashtool.services.symbols.session import SymbolPlan, open_session


@pytest.fixture
def dump(tmp_path):
    """The modules of some files, each with its .sym text."""
    folder = str(tmp_path / "cache")

    def run(*inputs, **wishes):
        options = SymbolTextOptions(**wishes)
        with Scratch() as scratch:
            survey = inspect_files(SurveyOptions(tuple(map(str, inputs)), cache=folder), scratch)
            found = find_dumpable(survey.collection.files, options)
            dumper = SymbolDumper(scratch, options)
            texts = []
            for row in found:
                target = io.BytesIO()
                if isinstance(row, Dumpable):
                    dumper.write_into(row, target)
                texts.append((row, target.getvalue()))
        return texts

    return run


@pytest.fixture
def dump_store(tmp_path):
    """A folder with the .sym files of some inputs."""

    def run(*inputs):
        options, store = SymbolTextOptions(), tmp_path / "store"
        with Scratch() as scratch:
            wishes = SurveyOptions(tuple(map(str, inputs)), cache=str(tmp_path / "cache"))
            found = find_dumpable(inspect_files(wishes, scratch).collection.files, options)
            modules = [row for row in found if isinstance(row, Dumpable)]
            rows = list(SymbolDumper(scratch, options).write_store(modules, store))
        assert all(row.target for row in rows)
        return store

    return run


def look_up(text, address):
    """What a .sym file says of an address: (function, file, line), innermost first."""
    hit = text.find_function(address)
    if hit is None or hit.is_public:
        return [(hit.name, None, None)] if hit else []
    return [
        *((row.name, row.file, row.line) for row in hit.inlines),
        (hit.name, hit.file, hit.line),
    ]


MANY = 1500
PROGRAMS = [
    "objects/elf/full", "objects/elf/dwarf4", "objects/elf/dwarf5", "objects/elf/lto",
    "objects/elf/gz_zstd", "objects/elf/split", "objects/elf/split5", "objects/elf/dwz_a",
    "objects/elf/types_section", "objects/elf/g1", "linux/bin/O2/kindscc", "linux/bin/O2/oops",
    "linux/bin/O0/kinds", "linux/bin/O2-m32/kindscc", "objects/macho/libmac_arm64.dylib.dSYM",
    "windows/bin/msvc-x64/crasher.pdb", "windows/bin/msvc-x86/crasher.pdb",
    "windows/bin/msvc-arm64/plugin.pdb", "windows/bin/dwarf-x64/crasher.exe",
]  # fmt: skip


def open_own(path, row):
    """The debug file's own look-ups."""
    data = map_file(path)
    if row.lines.object_file.kind == object_kinds.PDB:
        return PdbDebugFile(data, row.module.architecture)
    return open_functions(data, path, row.module.architecture, [], [])


def list_edges(raw):
    """Where functions begin and end, and the places in the middle of them."""
    words = [line.split(b" ", 3) for line in raw.split(b"\n") if line.startswith(b"FUNC ")]
    spans = [(int(row[1], 16), int(row[2], 16)) for row in words]
    return sorted(
        {
            at
            for low, size in spans
            for at in (low, low + size // 3, low + size // 2, low + size - 1)
        }
    )


@pytest.mark.parametrize("place", PROGRAMS)
def test_a_sym_file_gives_at_every_address_what_the_debug_file_gives(truth, dump, place):
    path = truth / place
    ((row, raw),) = dump(path)
    own, text = open_own(row.lines.file.source, row), Text(raw)
    edges = list_edges(raw)
    chosen = edges[:: 1 + len(edges) // MANY]  # of Rust's thousands some will do
    compared = 0
    for address in chosen:
        hit = own.find_function(address)
        assert hit is not None, hex(address)
        found = [
            (name, file if line else None, line) for name, file, line in look_up(text, address)
        ]
        expected = [
            (call.name or "<name omitted>", call.file if call.line else None, call.line)
            for call in (*hit.inlines, hit)
        ]
        assert found == expected, hex(address)
        compared += bool(found[0][2])
    assert compared > 5
    assert text.problems == []


LIBRARIES = [
    "objects/elf/full",
    "objects/elf/dwarf5",
    "linux/bin/O2/kindscc",
    "windows/bin/msvc-x64/crasher.pdb",
]


@pytest.mark.parametrize("place", LIBRARIES)
def test_another_reader_finds_the_same_lines_in_the_debug_file(truth, dump, tmp_path, place):
    """symbolic, whose names are less: its inlined calls have no namespaces."""
    symcache = pytest.importorskip("symbolic.symcache", reason="symbolic is not installed")
    debuginfo = pytest.importorskip("symbolic.debuginfo", reason="symbolic is not installed")
    ((row, raw),) = dump(truth / place)
    (native,) = debuginfo.Archive.open(row.lines.file.source).iter_objects()
    content = io.BytesIO()
    native.make_symcache().dump_into(content)
    table = symcache.SymCache.from_bytes(content.getvalue())
    text = Text(raw)
    same = other = 0
    for address in list_edges(raw)[:MANY]:
        theirs = [entry.line or None for entry in table.lookup(address)]
        ours = [line for _, _, line in look_up(text, address)]
        if any(theirs) and any(ours):
            same += ours == theirs
            other += ours != theirs
    assert same > 10
    assert other <= same // 50


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_a_stack_reads_the_same_with_nothing_but_sym_files(truth, dump_store, tmp_path, system):
    inputs, cases = {
        "linux": (
            (truth / "linux/bin/O2/kindscc", truth / "linux/syslibs"),
            sorted((truth / "linux/cases").glob("cc-O2-*.dmp"))[:6],
        ),
        "windows": (
            (truth / "windows/bin/gnu-x86",),
            sorted((truth / "windows/dumps").glob("gnu-x86.*.crashpad.dmp")),
        ),
    }[system]
    store = dump_store(*inputs)
    tried = 0
    for path in cases:
        stacks = []
        for symbols in (tuple(map(str, inputs)), (str(store),)):
            with open_session(SymbolPlan(symbols), str(tmp_path / "cache")) as session:
                report = read_report(str(path), "", InspectOptions(symbols=session))
            stacks.append(
                [
                    (
                        frame.instruction,
                        frame.function,
                        frame.line,
                        [(inline.function, inline.line) for inline in frame.inlines],
                    )
                    for frame in report.crashed_thread.frames
                    if frame.trust in ("context", "cfi")
                ]
            )
        assert stacks[0] == stacks[1], path.name
        tried += len(stacks[0])
    assert tried > 20


def test_lines_come_from_the_pdb_and_unwind_rules_from_the_image(truth, dump):
    folder = truth / "windows" / "bin" / "msvc-x64"
    ((_, alone),) = dump(folder / "crasher.pdb")
    assert b"STACK CFI" not in alone
    ((row, both),) = dump(folder / "crasher.pdb", folder / "crasher.exe")
    assert b"\nSTACK CFI INIT " in both
    head = both.split(b"\n")
    assert head[0] == b"MODULE windows x86_64 2B3A6A3ED0492C914C4C44205044422E1 crasher.pdb"
    assert head[1].startswith(b"INFO CODE_ID ")
    assert head[1].endswith(b" crasher.exe")
    assert row.module.name == "crasher.pdb"


def test_a_stripped_program_and_its_debug_file_make_one_module(truth, dump):
    folder = truth / "linux" / "bin" / "stripped"
    ((row, raw),) = dump(folder / "kindscc", folder / "kindscc.debug")
    text = Text(raw)
    assert row.module.name == "kindscc"
    assert (text.has_lines, text.has_inlines, text.has_unwind) == (True, True, True)


def test_each_architecture_is_a_module_and_one_can_be_chosen(truth, dump):
    folder = truth / "objects" / "macho"
    both = dump(folder / "libmac.dylib", folder / "libmac.dylib.dSYM")
    assert {row.module.architecture for row, _ in both} == {"x86_64", "arm64"}
    ((row, _),) = dump(folder / "libmac.dylib.dSYM", architecture="arm64")
    assert (row.module.system, row.module.architecture) == ("mac", "arm64")


def test_what_is_not_wanted_is_left_out(truth, dump):
    path = truth / "objects" / "elf" / "full"
    ((_, raw),) = dump(path, inlines=False, cfi=False, readable=False, name="game")
    assert b"INLINE" not in raw
    assert b"STACK" not in raw
    assert b" _ZN3elf6Engine4tickEi" in raw
    assert raw.startswith(b"MODULE Linux x86_64 E6DF39C5683A509E1F972BE296C9BA630 game\n")


def test_without_an_identifier_or_anything_in_it_there_is_no_module(truth, dump):
    ((row, _),) = dump(truth / "objects" / "elf" / "no_buildid")
    assert "no identifier" in row.reason
    ((row, _),) = dump(truth / "windows" / "bin" / "msvc-x86" / "crasher.exe")
    assert "nothing in it" in row.reason


def test_hostile_files_give_a_reason_and_no_traceback(corpus, tmp_path):
    fuzzed = corpus / "google__bloaty" / "tests" / "testdata" / "fuzz_corpus"
    options = SymbolTextOptions()
    with Scratch() as scratch:
        wishes = SurveyOptions((str(fuzzed),), cache=str(tmp_path / "cache"))
        found = find_dumpable(inspect_files(wishes, scratch).collection.files, options)
        modules = [row for row in found if isinstance(row, Dumpable)]
        rows = list(SymbolDumper(scratch, options).write_store(modules, tmp_path / "store"))
    assert all(row.target or row.reason for row in rows)
    assert all(row.reason for row in found if not isinstance(row, Dumpable))


def test_one_module_is_asked_for_where_only_one_fits(truth, crashtool, tmp_path):
    folder = truth / "windows" / "bin" / "msvc-x64"
    result = crashtool("symbols", "dump", folder)
    assert result.exit_code == 3
    assert "--store DIR" in result.stderr
    result = crashtool("symbols", "dump", "--store", "out", folder)
    assert result.exit_code == 0
    assert len(list((tmp_path / "out").rglob("*.sym"))) == 2
    one = crashtool("symbols", "dump", folder / "plugin.pdb", folder / "plugin.dll")
    assert one.stdout.startswith("MODULE windows x86_64 E14D31C2D639ACE24C4C44205044422E1 plugin")
    file = crashtool("symbols", "dump", "-o", "p.sym", folder / "plugin.pdb", "--json")
    assert file.exit_code == 0
    assert (tmp_path / "p.sym").stat().st_size > 900
    assert crashtool("symbols", "dump").exit_code == 2
    assert crashtool("symbols", "dump", "-o", "a", "--store", "b", folder).exit_code == 2
    partial = crashtool("symbols", "dump", "--store", "out", folder, "absent")
    assert partial.exit_code == 8
    assert "1 of the inputs gave no .sym file: absent: does not exist" in partial.stderr


@pytest.mark.parametrize("console", [(), ("-q",)], ids=["usual", "quiet"])
def test_the_error_says_why_the_one_file_gives_no_symbols(crashtool, tmp_path, console):
    (tmp_path / "notes.txt").write_text("none", "utf-8")

    result = crashtool("symbols", "dump", *console, "notes.txt", "-o", "out.sym")

    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "crashtool: error: notes.txt: not a debug file",
        "  crashtool symbols check says what each file holds",
    ]


@pytest.mark.parametrize("named", ["plugin.pdb", "plugin.dll"])
def test_the_partner_beside_a_named_file_is_read_too(truth, crashtool, named):
    folder = truth / "windows" / "bin" / "msvc-x64"
    one = crashtool("symbols", "dump", folder / named)
    both = crashtool("symbols", "dump", folder / "plugin.pdb", folder / "plugin.dll")
    assert one.stdout == both.stdout
    assert "belongs to it" in one.stderr
    assert both.stderr == ""
    assert crashtool("symbols", "dump", "-q", folder / named).stderr == ""
