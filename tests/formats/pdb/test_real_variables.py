"""Variables and types of real PDBs, of clang and of MSVC, against LLVM's own listing of them."""

import random
import re
import shutil
import subprocess
import time

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.pdb.data_types import DataTypes
from crashtool.formats.pdb.definition_ranges import InMemory, InRegister
from crashtool.formats.pdb.inline_sites import read_procedure
from crashtool.formats.pdb.local_symbols import ProcedureFrame, read_locals
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.type_hash import TypeDefinitions, read_tag
from crashtool.formats.pdb.type_names import TypeNames
from crashtool.formats.pdb.variables import PdbVariables
from tests.conftest import shared
from tests.formats.pdb.test_variables import Frame

FILES = (
    "truth/windows-variables/loc0.pdb",
    "truth/windows-variables/loc1.pdb",
    "truth/windows/bin/msvc-x64/crasher.pdb",
    "truth/windows/bin/msvc-x86-fpo/crasher.pdb",
    "truth/windows/bin/msvc-arm64/crasher.pdb",
    "corpus/google__bloaty/tests/testdata/PE/x64/msvc-16.0-foo-bar-main-cv.pdb",
    "corpus/BugSplat-Git__bugsplat-dotnet-standard/BugSplatDotNetStandard.Test/Files/myConsoleCrasher.pdb",
    "corpus/getsentry__symbolicator/tests/fixtures/symbols/crash.pdb/3249D99D0C4049318610F4E4FB0B6936ffffffff/crash.pdb",
    "corpus/llvm-mirror__lldb/test/Shell/Minidump/Windows/Sigsegv/Inputs/sigsegv.pdb",
)
BASE = 1  # a number that no base has
HEAD = re.compile(r" *(0x[0-9A-F]+|\d+) \| ((?:S|LF)_\w+) \[(size = \d+)\](?: `(.*)`)?(.*)$")
SPAN = re.compile(r"(\d{4}):(\d+)(?:, length = |,\+)(\d+)")
HEADS = {
    "S_DEFRANGE_REGISTER": 16,
    "S_DEFRANGE_FRAMEPOINTER_REL": 16,
    "S_DEFRANGE_SUBFIELD_REGISTER": 20,
    "S_DEFRANGE_REGISTER_REL": 20,
}
GAP = re.compile(r"\((\d+),(\d+)\)")


@pytest.fixture
def pdb_file():
    """A file of the corpus or of truth; skips when it is not there, or nothing can list it."""
    if shutil.which("llvm-pdbutil") is None:
        pytest.skip("needs llvm-pdbutil")

    def find(name):
        folder, _, rest = name.partition("/")
        return shared(folder) / rest

    return find


def list_records(path, what):
    """The records of LLVM's listing: [offset or number, kind, name, the rest of its text]."""
    command = ["llvm-pdbutil", "dump", what, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    rows = []
    for line in done.stdout.splitlines():
        if found := HEAD.match(line):
            rows.append([int(found[1], 0), found[2], found[4] or "", found[3] + found[5]])
        elif rows:
            rows[-1][3] += "\n" + line
    return rows


def list_procedures(path):
    """[record, (section, start, size), records of its own scope] of each procedure."""
    depth, found = 0, []
    for place, kind, name, text in list_records(path, "-symbols"):
        if kind in ("S_GPROC32", "S_LPROC32", "S_GPROC32_ID", "S_LPROC32_ID"):
            depth = 1
            span = re.search(r"addr = (\d+):(\d+), code size = (\d+)", text)
            found.append([place, tuple(map(int, span.groups())), []])
        elif kind in ("S_BLOCK32", "S_INLINESITE", "S_INLINESITE2", "S_THUNK32", "S_SEPCODE"):
            depth += 1
        elif kind in ("S_END", "S_INLINESITE_END"):
            depth -= 1
        elif depth == 1 and found:
            found[-1][2].append((kind, name, text))
    return found


def list_locals(records):
    """(name, whether it is an argument, [(kind, text) of its places]) of each S_LOCAL."""
    found, is_open = [], False
    for kind, name, text in records:
        if kind == "S_LOCAL":
            found.append((name, "param" in text.rpartition("flags = ")[2], []))
            is_open = True
        elif kind.startswith("S_DEFRANGE") and is_open:
            found[-1][2].append((kind, text))
        else:
            is_open = False
    return found


def find_listed(places, section, offset):
    """What LLVM lists at an offset: (kind, offset from a base or in the variable); None where it
    does not list all.
    """
    found = []
    for kind, text in places:
        if span := SPAN.search(text):
            inner = offset - int(span[2])
            gaps = [tuple(map(int, row)) for row in GAP.findall(text.partition("gaps = ")[2])]
            if len(gaps) != (int(re.match(r"size = (\d+)", text)[1]) - HEADS[kind]) // 4:
                return None  # it lists the first gaps of many alone
            if int(span[1]) != section or not 0 <= inner < int(span[3]):
                continue
            if any(start <= inner < start + size for start, size in gaps):
                continue
        number = re.search(r"\boffset = (-?\d+)", text)
        start = re.search(r"offset in parent = (\d+)", text)
        if kind == "S_DEFRANGE_SUBFIELD_REGISTER":
            found.append(("register", int(start[1])))
        elif kind == "S_DEFRANGE_REGISTER":
            found.append(("register", None))
        else:
            found.append(("memory", int(number[1])))
    return found


def describe(part):
    place = part.place
    if isinstance(place, InRegister):
        return "register", part.start
    return ("memory", place.offset) if isinstance(place, InMemory) else ("untold", None)


@pytest.mark.parametrize("name", FILES[:-1], ids=lambda name: "/".join(name.split("/")[-2:]))
def test_each_variable_is_where_llvm_lists_it(pdb_file, name):
    path = pdb_file(name)
    lookup = PdbLookup(path.read_bytes())
    chance = random.Random(path.name)  # noqa: S311
    frame = ProcedureFrame(BASE, BASE, 0, None, is_optimized=False)
    compared = 0
    for record, (section, start, size), records in list_procedures(path):
        procedure = lookup.find_procedure(lookup.find_address(section, start) or 0)
        if not size or procedure is None or procedure.symbol.record != record:
            continue  # folded: another has the address
        data = read_procedure(procedure.module.stream, procedure.symbol)
        listed = list_locals(records)
        for offset in (start, start + size - 1, start + chance.randrange(size)):
            rows = iter(read_locals(data, (section, offset), frozenset({0}), frame))
            for variable, is_argument, places in listed:
                row = next(row for row in rows if row.name == variable and not row.is_old)
                theirs = find_listed(places, section, offset)
                assert (row.kind == "argument") is is_argument
                if theirs is not None:
                    mine = [describe(part) for part in row.parts]
                    assert mine == theirs, (hex(offset), variable)
                    compared += 1
    assert compared > 30


@pytest.mark.parametrize("name", FILES, ids=lambda name: "/".join(name.split("/")[-2:]))
def test_types_have_the_sizes_and_fields_that_llvm_lists(pdb_file, name):
    """Forward references, too; LLVM does not find some definitions that are there."""
    path = pdb_file(name)
    lookup = PdbLookup(path.read_bytes())
    names = TypeNames(lookup.types, lookup.ids, lambda number: number)
    definitions = TypeDefinitions(lookup.types)
    types = DataTypes(lookup.types, names, definitions, lambda number: number, 8)
    counts = {0: 0}
    compared = references = 0
    for number, kind, tag, text in list_records(path, "-types"):
        if kind == "LF_FIELDLIST" and "LF_INDEX" not in text:
            counts[number] = len(re.findall(r"- LF_(?:MEMBER|BCLASS|VBCLASS)\b", text))
        found = re.search(r"sizeof (\d+)", text)
        if reference := re.search(r"forward ref \(-> (0x[0-9A-F]+)\)", text):
            record = lookup.types.find(number)
            assert definitions.find(read_tag(record)) == int(reference[1], 16), hex(number)
            references += 1
        elif found and "forward ref" not in text:
            mine = types.get(number)
            assert (mine.name, mine.size) == (tag, int(found[1])), hex(number)
            fields = re.search(r"field list: (0x[0-9A-F]+)", text)
            listed = counts.get(int(fields[1], 16) if fields else 0)
            assert listed is None or len(mine.details.members) == listed, hex(number)
            compared += 1
    assert compared >= 7
    assert references


@pytest.mark.parametrize("count", [25, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_ends_in_variables_or_in_none(truth, count):
    """In each file of hostile numbers every type and place is asked for."""
    data = (truth / "windows-variables/loc1.pdb").read_bytes()
    chance = random.Random(5)  # noqa: S311
    found = noted = 0
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 40)):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        begun = time.perf_counter()
        try:
            lookup = PdbLookup(bytes(damaged))
        except MalformedFile:
            continue
        variables = PdbVariables(lookup)
        for address in range(0x1000, 0x1700, 0x29):
            for scope in variables.find(address):
                for row in scope.variables:
                    row.locate(Frame(rsp=0x7F00, cfa=0x8000))
                    found += look_into(row.type, 0)
        noted += bool(lookup.problems)
        assert time.perf_counter() - begun < 10
    assert found
    assert noted


def look_into(kind, depth):
    """Ask a type for all that is behind it, as far as what shows it would."""
    try:
        details = kind.details
    except MalformedFile:
        return 0
    if depth < 4:
        for member in details.members[:20]:
            look_into(member.type, depth + 1)
        if details.target is not None:
            look_into(details.target, depth + 1)
    return 1
