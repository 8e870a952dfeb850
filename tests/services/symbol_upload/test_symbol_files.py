import io

import pytest

from crashtool.formats.breakpad.symbol_file import BreakpadFile as Text
from crashtool.formats.breakpad.symbol_file_writer import ModuleLine, walk_symbol_file
from crashtool.formats.symcache import SymCache
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.inspect_files import SurveyOptions, inspect_files
from crashtool.services.symbol_upload.symbol_files import (
    Dumpable,
    DumpSymbolsOptions,
    SymbolDumper,
    find_dumpable,
)
from crashtool.services.symbols.cache import SymbolCache
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.derive import LINES, Deriver
from crashtool.services.symbols.native import SymCacheLines
from crashtool.services.symbols.session import SymbolPlan, open_session
from tests.formats.test_symcache import NOTHING, build

MODULE = ModuleLine("Linux", "x86_64", "0" * 32 + "1", "app")


@pytest.fixture
def dump(tmp_path):
    """The modules of some files, each with its .sym text."""
    folder = str(tmp_path / "cache")

    def run(*inputs, **wishes):
        options = DumpSymbolsOptions(**wishes)
        with Scratch() as scratch:
            survey = inspect_files(SurveyOptions(tuple(map(str, inputs)), cache=folder), scratch)
            found = find_dumpable(survey.collection.files, options)
            dumper = SymbolDumper(SymbolCache(folder, 1 << 32), options)
            texts = []
            for row in found:
                target = io.BytesIO()
                if isinstance(row, Dumpable):
                    dumper.write_into(row, target)
                texts.append((row, target.getvalue()))
        return texts

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


MANY = 3000
PROGRAMS = [
    "objects/elf/full", "objects/elf/dwarf4", "objects/elf/dwarf5", "objects/elf/lto",
    "objects/elf/gz_zstd", "linux/bin/O2/kindscc", "linux/bin/O2/oops", "linux/bin/O0/kinds",
    "windows/bin/msvc-x64/crasher.pdb", "windows/bin/msvc-x86/crasher.pdb",
    "windows/bin/dwarf-x64/crasher.exe",
]  # fmt: skip


@pytest.mark.parametrize("place", PROGRAMS)
def test_a_sym_file_gives_at_every_address_what_the_debug_file_gives(truth, dump, tmp_path, place):
    path = truth / place
    ((row, raw),) = dump(path)
    deriver = Deriver(SymbolCache(str(tmp_path / "cache"), 1 << 32))
    lines = deriver.find(LINES, str(path), row.module.architecture)
    deriver.close()
    cache, table, text = SymCache(lines.content), SymCacheLines(*lines), Text(raw)
    compared = 0
    ranges = list(cache.walk_ranges())
    for _, start, end in ranges[:: 1 + len(ranges) // MANY]:  # of Rust's thousands some will do
        for address in {start, (start + max(end, start + 1)) // 2}:
            places = table.find_places(address)
            if not places or not any(place.line for place in places):
                continue
            expected = [
                (demangle(place.function), place.file or None, place.line or None)
                for place in places
            ]
            found = look_up(text, address)
            assert [row[0] for row in found] == [row[0] for row in expected], hex(address)
            assert found[0][1:] == expected[0][1:] or not expected[0][2], hex(address)
            assert [row[2] for row in found[1:]] == [row[2] for row in expected[1:]], hex(address)
            compared += 1
    assert compared > 10
    assert text.problems == []


def test_a_stack_reads_the_same_with_nothing_but_sym_files(truth, dump, tmp_path):
    """But for the namespaces of merged calls, which a .sym file that is made here has not."""
    store = tmp_path / "store"
    options = DumpSymbolsOptions()
    folder = str(tmp_path / "cache")
    inputs = (truth / "linux" / "bin" / "O2" / "kindscc", truth / "linux" / "syslibs")
    with Scratch() as scratch:
        survey = inspect_files(SurveyOptions(tuple(map(str, inputs)), cache=folder), scratch)
        modules = [row for row in find_dumpable(survey.collection.files, options)
                   if isinstance(row, Dumpable)]  # fmt: skip
        rows = list(SymbolDumper(SymbolCache(folder, 1 << 32), options).write_store(modules, store))
    assert all(row.target for row in rows)
    tried = 0
    for path in sorted((truth / "linux" / "cases").glob("cc-O2-*.dmp"))[:6]:
        stacks = []
        for symbols in (tuple(map(str, inputs)), (str(store),)):
            with open_session(SymbolPlan(symbols), folder) as session:
                report = read_report(str(path), "", InspectOptions(symbols=session))
            stacks.append([
                (frame.instruction, frame.function, frame.line,
                 [inline.function for inline in frame.inlines])
                for frame in report.crashed_thread.frames if frame.trust in ("context", "cfi")
            ])  # fmt: skip
        for native, text in zip(*stacks, strict=True):
            assert native[:3] == text[:3], path.name
            for full, bare in zip(native[3], text[3], strict=True):
                assert full == bare or full.endswith(f"::{bare}"), path.name
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


def test_pieces_of_one_call_are_one_record_and_gaps_part_functions():
    rows = [
        0, 7, 0, NOTHING,  # main, where sub is called
        0, 3, 1, 0, 0, 4, 1, 0, 0, 8, 0, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING,
        0, 9, 0, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING,
    ]  # fmt: skip
    cache = SymCache(build(locations=rows, ranges=(0x10, 0x14, 0x18, 0x20, 0x30, 0x38)))
    assert "".join(walk_symbol_file(MODULE, cache)).splitlines() == [
        "MODULE Linux x86_64 " + "0" * 32 + "1 app", "FILE 0 /a/b.c", "INLINE_ORIGIN 1 sub",
        "FUNC 10 10 0 main", "INLINE 0 7 0 1 10 8", "10 4 3 0", "14 4 4 0", "18 8 8 0",
        "FUNC 30 8 0 main", "30 8 9 0",
    ]  # fmt: skip


def test_names_cannot_end_their_record():
    cache = SymCache(build())
    text = "".join(
        walk_symbol_file(MODULE, cache, spell=lambda name, _: f"{name}\nFUNC 0 1 0 evil")
    )
    assert len(text.splitlines()) == 6
    assert "\nFUNC 0 1 0 evil" not in text


def test_hostile_files_give_a_reason_and_no_traceback(corpus, tmp_path):
    fuzzed = corpus / "google__bloaty" / "tests" / "testdata" / "fuzz_corpus"
    options = DumpSymbolsOptions()
    cache = SymbolCache(str(tmp_path / "cache"), 1 << 32)
    with Scratch() as scratch:
        wishes = SurveyOptions((str(fuzzed),), cache=str(tmp_path / "cache"))
        found = find_dumpable(inspect_files(wishes, scratch).collection.files, options)
        modules = [row for row in found if isinstance(row, Dumpable)]
        rows = list(SymbolDumper(cache, options).write_store(modules, tmp_path / "store"))
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


@pytest.mark.parametrize("named", ["plugin.pdb", "plugin.dll"])
def test_the_partner_beside_a_named_file_is_read_too(truth, crashtool, named):
    folder = truth / "windows" / "bin" / "msvc-x64"
    one = crashtool("symbols", "dump", folder / named)
    both = crashtool("symbols", "dump", folder / "plugin.pdb", folder / "plugin.dll")
    assert one.stdout == both.stdout
    assert "belongs to it" in one.stderr
    assert both.stderr == ""
    assert crashtool("symbols", "dump", "-q", folder / named).stderr == ""
