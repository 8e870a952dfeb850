"""Variables of Windows programs by their PDBs: values that are known by construction."""

import random
import shutil
import time

import pytest

from crashtool.formats.minidump.file import Minidump
from crashtool.formats.pdb.info import read_info
from crashtool.formats.pdb.msf import MultiStreamFile
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.stacks import walk_stacks
from crashtool.services.analyze.variables.limits import Limits
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.synth.minidump import MinidumpBuilder, rsds

# crashloc.cpp's own words for what its functions have at the crash; texts are in the program.
POINT = {"x": "20", "y": "-4.5", "tag": '"beta"'}
LIST = {"value": "1", "next": {"value": "20", "next": {"value": "300", "next": "null"}}}
KNOWN = {
    "app::scaled": {"factor": "42", "amount": "9", "product": "378"},
    "app::innermost": {
        "number": "21", "point": POINT, "mode": "Fast", "big": str(0x1122334455667788),
        "ratio": "0.5", "wide": "6.25", "text": '"hello"', "doubled": "42",
        "row": ["1", "-2", "300", "-400", "5"], "bits": {"lo": "5", "mid": "99", "hi": "654321"},
        "word": {"f": "1.5"}, "flag": "true", "wide_char": str(0x20AC),
        "box": {"inside": POINT, "count": "11"},
    },
    "app::middle": {
        "head": LIST, "depth": "5", "total": "321", "depth#2": "77",
        "points": [{"x": "10", "y": "2.25", "tag": '"alpha"'}, POINT],
    },
    "app::outer": {
        "level": "4", "c": {"value": "300", "next": "null"}, "b": LIST["next"], "a": LIST,
    },
}  # fmt: skip
COUNT = 26
PAGE = 4096
RUN_CASE = 0x1000 + 1012  # app::run_case of ARM64, behind its prologue and before its call
BASE, STACK = 0x7FF600000000, 0x10000


def read_report(dump, *symbols, cache, threads=False):
    """The report of a dump with the variables of all frames, by files in these folders."""
    plan = SymbolPlan(paths=tuple(map(str, symbols)), offline=True, local=False)
    with Minidump.open(str(dump)) as opened:
        report = analyze(opened, str(dump))
        with open_session(plan, str(cache)) as session:
            wanted = WantedVariables(all_frames=True, limits=Limits(depth=8, pointers=4))
            return walk_stacks(opened, report, session, variables=wanted, all_threads=threads)


def walk_calls(thread):
    """(function without its arguments, variables) of each call, merged ones on their own."""
    for frame in thread.frames:
        for call in (*frame.inlines, frame):
            yield (call.function or "").partition("(")[0], call.variables


def agrees(value, known):
    """True where a value is the known one, None where it is lost, or a part of it is."""
    if value.state != "value":
        return None
    if value.pointee is not None:
        return agrees(value.pointee, known)
    if isinstance(known, str):
        return value.text == known
    rows = list(known.items()) if isinstance(known, dict) else [*enumerate(known)]
    names = {child.name: child for child in value.children}
    keys = [(key if isinstance(key, str) else f"[{key}]", row) for key, row in rows]
    if any(key not in names for key, _ in keys):
        return None if not value.children or value.left_out else False
    answers = [agrees(names[key], row) for key, row in keys]
    return False if False in answers else None if None in answers else True


def compare(thread):
    """{(function, variable): True, False or None} for all that is known of a thread's functions."""
    found = {}
    for function, variables in walk_calls(thread):
        seen = set()
        for row in variables:
            name = row.name if row.name not in seen else f"{row.name}#2"
            seen.add(name)
            known = KNOWN.get(function, {}).get(name)
            if known is not None:
                found[function, name] = agrees(row.value, known)
    return found


@pytest.fixture
def program(truth, tmp_path):
    """A dump of the program at a level of optimization, and the folder of its files alone."""

    def prepare(level):
        for end in ("exe", "pdb"):
            shutil.copy(truth / f"windows-variables/loc{level}.{end}", tmp_path)
        return truth / f"windows-variables/loc{level}.dmp", tmp_path

    return prepare


def test_all_of_a_plain_build_is_exact(program, tmp_path):
    report = read_report(*program(0), cache=tmp_path / "cache")
    found = compare(report.crashed_thread)

    assert len(found) == COUNT
    assert [key for key, answer in found.items() if answer is not True] == []


def test_of_an_optimized_build_each_is_exact_or_not_known(program, tmp_path):
    report = read_report(*program(1), cache=tmp_path / "cache")
    found = compare(report.crashed_thread)

    assert [key for key, answer in found.items() if answer is False] == []
    assert sum(answer is True for answer in found.values()) == 14


# crasher.cpp and plugin.cpp: what functions of the truth's programs have, whatever the build.
DEEP = (
    "plug::with_saves",
    "plug::with_alloca",
    "plugin_process",
    "app::Engine::Tick",
    "app::step",
    "app::run_case",
)
KINDS = ("write", "read", "div0", "int3", "ud2", "badcall", "raise", "overflow", "freed")


def walk_constructed(thread, kind):
    """(value, what it is) of the variables whose values are known by construction."""
    number = str(KINDS.index(kind))
    known = {
        "app::on_event": {"kind": number, "local": str(7 * KINDS.index(kind))},
        "app::app_main": {"kind": number},
        "plug::fire<int>": {"v": "0"},
    } | {key: {"depth": "3"} for key in DEEP}
    count = {"plug::Parser::Parse": 0, "app::worker_deep": 0}
    for function, variables in walk_calls(thread):
        here = known.get(function, {})
        if function == "plug::Parser::Parse":
            parsed = count[function]
            here = {"n": {"depth": str(parsed)}, "m": {"depth": str(parsed - 1)}}
            pads = [row.value for row in variables if row.name == "pad" and row.value.children]
            yield from ((pad.children[parsed], str(parsed)) for pad in pads)
        elif function == "app::worker_deep":
            here = {"n": str(count[function])}
        if function in count:
            count[function] += 1
        yield from ((row.value, here[row.name]) for row in variables if row.name in here)


@pytest.mark.parametrize(
    ("flavour", "least"),
    [
        ("msvc-x64", 77),
        ("gnu-x64", 11),
        ("msvc-x86", 40),
        ("gnu-x86", 80),
        ("msvc-x86-fpo", 31),
        ("msvc-x64-nopdata", 4),
    ],
)
def test_values_of_real_frames_are_those_of_the_source_or_not_known(
    truth, tmp_path, flavour, least
):
    """Of 64 and of 32 bits, there with frame pointers and without; by clang, with places of LLVM's
    for each; the dumps are Crashpad's and Wine's.
    """
    answers = []
    for dump in sorted(truth.glob(f"windows/dumps/{flavour}.*.dmp")):
        kind = dump.name.split(".")[1]
        symbols = truth / "windows/bin" / flavour
        report = read_report(dump, symbols, cache=tmp_path / "cache", threads=True)
        for thread in report.threads:
            answers += [agrees(*row) for row in walk_constructed(thread, kind)]

    assert answers
    assert answers.count(False) == 0
    assert answers.count(True) >= least


def test_an_optimized_program_of_msvc_shows_what_its_dump_holds(corpus, tmp_path):
    """crash.exe of Breakpad's handler, link-time code generation: main has the handler itself."""
    fixtures = corpus / "getsentry__symbolicator/tests/fixtures"
    shutil.copy(next(fixtures.glob("symbols/crash.pdb/*ffffffff/crash.pdb")), tmp_path)
    report = read_report(fixtures / "windows.dmp", tmp_path, cache=tmp_path / "cache")
    rows = {row.name: row.value for row in report.crashed_thread.frames[0].variables}
    handler = {child.name: child for child in rows["eh"].children}

    assert rows["argc"].text == "1"
    assert handler["dump_path_"].text == '"."'
    assert handler["next_minidump_id_"].reason.startswith("36 letters at")
    assert handler["requesting_thread_id_"].text == str(report.crashed_thread.id)
    assert handler["dump_type_"].text == "MiniDumpNormal"
    (record,) = (
        child
        for child in handler["exception_info_"].pointee.children
        if child.name == "ExceptionRecord"
    )
    code = next(row.text for row in record.pointee.children if row.name == "ExceptionCode")
    assert int(code) == 0xC0000005


@pytest.mark.parametrize("count", [10, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_damaged_pdb_costs_values_and_no_time(truth, program, tmp_path, count):
    """Pages of a PDB with hostile numbers: stacks are shown, with the variables that are left."""
    dump, folder = program(0)
    content = (truth / "windows-variables/loc0.pdb").read_bytes()
    chance = random.Random(count)  # noqa: S311
    known = 0
    for _ in range(count):
        damaged = bytearray(content)
        page = chance.randrange(3, len(content) // PAGE) * PAGE
        for _ in range(chance.randrange(1, 60)):
            damaged[page + chance.randrange(PAGE)] = chance.choice((0, 4, 0x80, 0xFF))
        (folder / "loc0.pdb").write_bytes(damaged)
        begun = time.perf_counter()
        report = read_report(dump, folder, cache=tmp_path / "cache")
        assert time.perf_counter() - begun < 10
        known += sum(
            row.value.state == "value"
            for _function, variables in walk_calls(report.crashed_thread)
            for row in variables
        )
    assert known > count


def test_variables_of_arm64_are_in_its_registers_and_on_its_stack(truth, tmp_path):
    """By LLVM's listing: `c` in X19, `depth` in W2, `e` at SP + 12."""
    folder = truth / "windows/bin/msvc-arm64"
    info = read_info(MultiStreamFile((folder / "crasher.pdb").read_bytes()))
    registers = {
        "pc": BASE + RUN_CASE,
        "sp": STACK,
        "x19": STACK + 0x800,
        "x2": 0xBAD00000003,
        "x0": 0xBAD,
        "x1": 0xBAD,
    }
    builder = MinidumpBuilder().add_system("windows", "arm64")
    stack = bytearray(0x1000)
    stack[12:16] = (17).to_bytes(4, "little")
    builder.add_thread(1, registers=registers, stack=(STACK, bytes(stack)))
    codeview = rsds(info.guid, 1, b"crasher.pdb")
    builder.add_module("C:\\crasher.exe", BASE, 0x20000, codeview=codeview)
    builder.set_exception(1, 0xC0000005, BASE + RUN_CASE, registers=registers)
    dump = tmp_path / "arm64.dmp"
    dump.write_bytes(builder.pack())

    report = read_report(dump, folder, cache=tmp_path / "cache")
    (variables,) = (
        rows for function, rows in walk_calls(report.crashed_thread) if function == "app::run_case"
    )
    values = {row.name: row.value for row in variables}

    assert values["c"].text == f"{STACK + 0x800:#x}"
    assert values["depth"].text == "3"
    assert agrees(values["e"], {"frames_": "17"})
    assert values["r"].state == "optimized_out"
