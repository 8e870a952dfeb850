"""STACK records of debug files of all kinds, against symbolic's where it is installed."""

import io

import pytest

from crashtool.formats.breakpad.cfi import parse_rules
from crashtool.formats.breakpad.stack_records import StackRecords
from crashtool.formats.object_file.identify import read_object_files
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_records import walk_unwind_records


def make(path, architecture):
    data = map_file(str(path))
    kind = read_object_files(data)[0].kind
    return "".join(walk_unwind_records(data, kind, architecture)).encode()


def make_by_symbolic(path, architecture):
    debuginfo = pytest.importorskip("symbolic.debuginfo", reason="symbolic is not installed")
    target = io.BytesIO()
    for row in debuginfo.Archive.open(str(path)).iter_objects():
        if row.arch == architecture:
            row.make_cficache().write_to(target)
    lines = target.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if line.startswith(b"STACK "))


def list_places(text):
    """Where records begin and end, and the last addresses before they change."""
    found = set()
    for line in text.decode().splitlines():
        words = line.split()
        if words[2] == "INIT":
            start, size = int(words[3], 16), int(words[4], 16)
            found |= {start, start + size - 1, start + size}
        else:
            found |= {int(words[2], 16), int(words[2], 16) - 1}
    return found


def read_rules(records, address, architecture):
    """The rules at an address but for those that say a register has its own value."""
    found = records.find_cfi(address)
    if found is None:
        return None
    rules = parse_rules(found.rules, architecture)
    return found.start, {name: rule for name, rule in rules.items() if rule != (name,)}


FILES = [
    ("linux/bin/O2/kindscc", "x86_64"),
    ("linux/bin/O2/oops", "x86_64"),
    ("linux/bin/O2-m32/kindscc", "x86"),
    ("objects/elf/stripped_debug", "x86_64"),
    ("objects/macho/libmac_x86_64.dylib", "x86_64"),
]


@pytest.mark.parametrize(("place", "architecture"), FILES)
def test_rules_are_those_that_symbolic_gives(truth, place, architecture):
    """But for its registers that have their own value again, and for linkage tables."""
    path = truth / place
    text, other = make(path, architecture), make_by_symbolic(path, architecture)
    ours, theirs = StackRecords(text), StackRecords(other)
    same = 0
    for address in list_places(other):
        mine = read_rules(ours, address, architecture)
        expected = read_rules(theirs, address, architecture)
        if mine is None or expected is None:
            assert mine == expected or b"STACK CFI INIT %x 10 " % expected[0] in text, hex(address)
            continue
        assert mine[0] == expected[0]
        if "^" in mine[1][".cfa"] or any("ebp" in rule for rule in mine[1].values()):
            continue  # an expression, which symbolic leaves out
        assert mine[1].items() <= expected[1].items(), hex(address)
        same += mine == expected
    assert same > 3


@pytest.mark.parametrize("name", ["gnu-x86", "msvc-x86", "msvc-x86-fpo"])
def test_frame_data_of_a_pdb_are_written_as_symbolic_does(truth, name):
    path = truth / "windows" / "bin" / name / "crasher.pdb"

    text = make(path, "x86")

    assert text.count(b"STACK WIN 4 ") > 50
    assert text == make_by_symbolic(path, "x86")


def test_an_image_for_windows_tells_its_prologues_step_by_step(truth):
    text = make(truth / "windows" / "bin" / "msvc-x64" / "crasher.exe", "x86_64")

    records = StackRecords(text)
    start = records.find_cfi(0x1140)
    body = records.find_cfi(0x1160)

    assert start is not None
    assert start.rules == ".cfa: $rsp 8 + .ra: .cfa -8 + ^"
    assert body is not None
    assert parse_rules(body.rules, "x86_64")[".cfa"] == ("rsp", "4048", "+")
    assert parse_rules(body.rules, "x86_64")["rsi"] == ("rsp", "4032", "+", "^")


def test_a_32_bit_image_of_mingw_has_its_rules_in_eh_frame(truth):
    text = make(truth / "windows" / "bin" / "dwarf-x86" / "crasher.exe", "x86")

    assert text.startswith(b"STACK CFI INIT 1000 ")
    assert b".cfa: $esp 4 + .ra: .cfa -4 + ^" in text


def test_a_file_without_unwind_tables_gives_nothing(truth):
    assert make(truth / "objects" / "elf" / "no_ehframe", "x86_64") == b""
