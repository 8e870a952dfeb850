"""Real PDBs against other readers: symbolic, and DIA's own answers in .sym files of Breakpad's."""

import random
from io import BytesIO

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.stack_records import StackRecords
from crashtool.formats.breakpad.symbol_file import BreakpadFile
from crashtool.formats.object_file.pdb_identity import read_pdb
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.msf import MAGIC
from tests.conftest import shared

TESTDATA = "google__breakpad/src/tools/windows/dump_syms/testdata"
FILES = (
    "corpus/BugSplat-Git__bugsplat-dotnet-standard/BugSplatDotNetStandard.Test/Files/myConsoleCrasher.pdb",
    "corpus/getsentry__symbolicator/_history/32aa0d21/tests/fixtures/symbols/wkernel32.pdb/FF9F9F7841DB88F0CDEDA9E1E9BFF3B51/wkernel32.pdb",
    "corpus/getsentry__symbolicator/tests/fixtures/symbols/crash.pdb/3249D99D0C4049318610F4E4FB0B6936ffffffff/crash.pdb",
    "corpus/google__bloaty/tests/testdata/PE/x64/msvc-16.0-foo-bar-main-cv.pdb",
    f"corpus/{TESTDATA}/dump_syms_regtest.pdb",
    "corpus/llvm-mirror__lldb/test/Shell/Minidump/Windows/Sigsegv/Inputs/sigsegv.pdb",
    "corpus/mozilla__dump_syms/test_data/windows/basic32-min.pdb",
    "truth/objects/pdb/full.pdb",
    "truth/objects/pdb/ghash.pdb",
    "truth/objects/pdb/line_tables.pdb",
    "truth/objects/pdb/public_only.pdb",
    "truth/windows-variables/loc0.pdb",
    "truth/windows-variables/loc1.pdb",
    *(
        f"truth/windows/bin/{kind}/{name}.pdb"
        for kind in (
            "gnu-x64",
            "gnu-x86",
            "msvc-arm64",
            "msvc-x64",
            "msvc-x64-nopdata",
            "msvc-x86",
            "msvc-x86-fpo",
        )
        for name in ("crasher", "plugin")
    ),
)
# Of these many functions are folded: one address, several names, and each reader takes another.
FOLDED = (
    "myConsoleCrasher.pdb",
    "wkernel32.pdb",
    "basic32-min.pdb",
    "dump_syms_regtest.pdb",
    "crash.pdb",
)


@pytest.fixture
def shared_file():
    """A file of the corpus or of truth; skips when it is not there."""

    def find(name):
        folder, _, rest = name.partition("/")
        return shared(folder) / rest

    return find


def find_difference(mine, theirs, path):
    """Why two answers differ; "" where nobody knows."""
    if not mine:
        # The nearest public symbol, over padding and over pieces of the program without a name.
        return "stretched" if len(theirs) == 1 and not theirs[0][2] else ""
    if mine[-1][1].endswith(".asm"):
        return "assembly: symbolic has lines of procedures alone"
    if len(mine) > len(theirs) > 0:
        return "merged calls of a function without lines"
    if [row[1:] for row in mine] == [row[1:] for row in theirs] and all(
        a[0] == b[0] or a[0] == "_" + b[0] or b[0].startswith("@")
        for a, b in zip(mine, theirs, strict=True)
    ):
        return "decoration: symbolic strips it on x64, too"
    is_other = theirs and mine[-1][0] != theirs[-1][0]
    return "folded" if is_other and path.endswith(FOLDED) else ""


def walk_differences(path, count):
    symbolic = pytest.importorskip("symbolic.debuginfo")
    lookup = PdbLookup(path.read_bytes())
    table = next(iter(symbolic.Archive.open(str(path)).iter_objects())).make_symcache()
    start, size = lookup.list_sections()[0]
    chance = random.Random(path.name)  # noqa: S311
    for _ in range(count):
        address = start + chance.randrange(size)
        mine = [(row.function, row.file, row.line) for row in lookup.find_locations(address)]
        theirs = [(row.symbol, row.full_path or "", row.line) for row in table.lookup(address)]
        if mine != theirs:
            reason = find_difference(mine, theirs, path.name)
            yield reason, hex(address), mine, theirs


@pytest.mark.parametrize("name", FILES, ids=lambda name: "/".join(name.split("/")[-2:]))
@pytest.mark.parametrize("count", [60, pytest.param(5000, marks=pytest.mark.slow)])
def test_each_difference_from_symbolic_has_a_reason(shared_file, name, count):
    unexplained = [row for row in walk_differences(shared_file(name), count) if not row[0]]

    assert unexplained == []


@pytest.mark.parametrize("name", ["dump_syms_regtest", "omap_stretched"])
@pytest.mark.parametrize("count", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_names_and_lines_are_those_of_dia(corpus, name, count):
    """Also of a program whose code was moved: DIA's .sym has the addresses of the moved code."""
    path = corpus / TESTDATA / f"{name}.pdb"
    lookup = PdbLookup(path.read_bytes())
    oracle = BreakpadFile(path.with_suffix(".sym").read_bytes())
    start, size = lookup.list_sections()[0]
    chance = random.Random(1)  # noqa: S311
    compared = 0
    for _ in range(count):
        address = start + chance.randrange(size)
        theirs = oracle.find_function(address)
        mine = lookup.find_locations(address)
        if theirs is None or theirs.is_public or not mine:
            continue
        compared += 1
        name = mine[-1].function.partition("(")[0].lstrip("_")
        # DIA has the type before the name, and takes the decoration off assembly's procedures.
        assert theirs.name.partition("(")[0].endswith(name), hex(address)
        if theirs.line and mine[-1].line:
            assert mine[-1].line == theirs.line, hex(address)
    assert compared > count // 4


def test_portable_pdbs_are_no_pdbs_of_this_kind(corpus):
    found = list(corpus.glob("getsentry__symbolic/symbolic-ppdb/tests/fixtures/*.pdbx"))

    assert found
    assert not [path for path in found if path.read_bytes().startswith(MAGIC)]


def test_a_pdb_of_dotnet_has_no_functions(corpus):
    (path,) = corpus.glob("dotnet__symstore/**/TestBinaries/HelloWorld.pdb")
    data = path.read_bytes()

    assert object_kinds.MANAGED in read_pdb(data)[0].traits
    assert PdbLookup(data).find_locations(0x10) == []


@pytest.mark.parametrize("count", [25, pytest.param(3000, marks=pytest.mark.slow)])
def test_damage_ends_in_an_answer_or_in_one_error(truth, count):
    data = (truth / "windows/bin/msvc-x86/crasher.pdb").read_bytes()
    chance = random.Random(3)  # noqa: S311
    refused = answered = 0
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 12)):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        if chance.randrange(4) == 0:
            del damaged[chance.randrange(len(data)) :]
        try:
            lookup = PdbLookup(bytes(damaged))
        except MalformedFile:
            refused += 1
            continue
        for address in range(0x1000, 0x5000, 0x151):
            answered += bool(lookup.find_locations(address))
            lookup.find_frame_data(address)
    assert refused
    assert answered


def test_frame_data_are_those_of_symbolic(truth):
    symbolic = pytest.importorskip("symbolic.debuginfo")
    path = truth / "windows/bin/msvc-x86-fpo/crasher.pdb"
    lookup = PdbLookup(path.read_bytes())
    target = BytesIO()
    next(iter(symbolic.Archive.open(str(path)).iter_objects())).make_cficache().write_to(target)
    oracle = StackRecords(target.getvalue())
    found = 0
    for address in range(0x1000, 0x6000, 7):
        mine, theirs = lookup.find_frame_data(address), oracle.find_frame_data(address)
        found += theirs is not None
        assert (mine and mine._replace(program=mine.program.strip())) == theirs, hex(address)
    assert found > 100
