import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import InputUnusable
from crashtool.formats.breakpad.cfi import evaluate, parse_rules
from crashtool.formats.object_file.cfi_expressions import (
    Reader,
    UnknownExpression,
    to_postfix,
)
from crashtool.formats.object_file.eh_frame import (
    NAMES,
    EhFrame,
    FrameTables,
    SectionRange,
)
from crashtool.formats.object_file.elf import find_frame_tables
from crashtool.formats.object_file.unwind_row import AlignmentFactors, UnwindRow
from tests.toolchain import run_tool

AMD64 = NAMES["x86_64"]
CIE_START = bytes.fromhex("0c0708 9001")  # def_cfa rsp+8, offset of 16 at cfa-8


def rules(instructions, *, address=0, names=AMD64, data=-8):
    row = UnwindRow(AlignmentFactors(1, data, names))
    row.run(Reader(bytes.fromhex(instructions)), 0, address)
    return row


@pytest.mark.parametrize(
    ("instructions", "cfa"),
    [
        ("0c0708", "rsp 8 +"),
        ("0c0708 0e10", "rsp 16 +"),
        ("0c0708 0d06", "rbp 8 +"),
        ("12077e", "rsp 16 +"),
        ("0c0708 137d", "rsp 24 +"),
        ("0f03 7178 06", "rdx -8 + ^"),
        ("0f02 7700 0c0710", "rsp 16 +"),
    ],
)
def test_the_frame_address_is_where_the_instructions_put_it(instructions, cfa):
    assert rules(instructions).cfa == cfa


@pytest.mark.parametrize(
    ("instructions", "number", "rule"),
    [
        ("8602", 6, ".cfa -16 + ^"),
        ("0506 02", 6, ".cfa -16 + ^"),
        ("1106 7e", 6, ".cfa 16 + ^"),
        ("2f06 02", 6, ".cfa 16 + ^"),
        ("1406 02", 6, ".cfa -16 +"),
        ("1506 7e", 6, ".cfa 16 +"),
        ("0906 03", 6, "rbx"),
        ("0806", 6, "rbp"),
        ("0706", 6, ""),
        ("1006 02 7710", 6, "rsp 16 + ^"),
        ("1606 02 7710", 6, "rsp 16 +"),
        ("8602 0a 8603 0b", 6, ".cfa -16 + ^"),
    ],
)
def test_registers_have_the_rules_that_the_instructions_give_them(instructions, number, rule):
    assert rules(instructions).rules[number] == rule


def test_rules_hold_from_their_address_on():
    code = "0c0708 41 0e10 4f 0e20 0280 0e30 030001 0e40 04000100 00 0e50"

    found = [rules(code, address=place).cfa for place in (0, 1, 15, 16, 144, 400, 70000)]

    assert [text.split()[1] for text in found] == ["8", "16", "16", "32", "48", "64", "80"]


def test_restoring_goes_back_to_what_all_functions_start_with():
    row = rules("8602")
    row.initial = {6: "rbp"}
    row.run(Reader(bytes.fromhex("8604 c6 8604 0606 0603")), 0, 0)

    assert row.rules == {6: "rbp"}


@pytest.mark.parametrize(
    "instructions", ["01", "3f", "0c07", "0c6308", "8e", "0f05 03", "0f01 e0", "0a" * 300]
)
def test_what_is_damaged_or_unknown_is_told(instructions):
    with pytest.raises(UnknownExpression):
        rules(instructions)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("3f", "15"),
        ("08ff", "255"),
        ("09ff", "-1"),
        ("0a0001", "256"),
        ("0c00000001", "16777216"),
        ("108001", "128"),
        ("117f", "-1"),
        ("7708", "rsp 8 +"),
        ("7700", "rsp"),
        ("920708", "rsp 8 +"),
        ("7700 2310", "rsp 16 +"),
        ("7700 12 22", "rsp rsp +"),
        ("31 32 16 1c", "2 1 -"),
        ("31 32 14 13", "2"),
        ("31 06 96", "1 ^"),
        ("03" + "0100000000000000", "1"),
    ],
)
def test_expressions_become_postfix(code, text):
    assert to_postfix(bytes.fromhex(code), AMD64, with_cfa=False) == text


def test_the_expression_of_a_procedure_linkage_table_can_be_evaluated():
    code = bytes.fromhex("7708 8000 3f 1a 3b 2a 33 24 22")  # rsp+8 + (rip & 15 >= 11) << 3
    text = to_postfix(code, AMD64, with_cfa=False)
    (expression,) = parse_rules(f"x: {text}", "x86_64").values()

    def value(rip):
        return evaluate(expression, {"rsp": 0x1000, "rip": rip}, {}.get, (1 << 64) - 1)

    assert value(0x401030) == 0x1008
    assert value(0x40103B) == 0x1010


@pytest.mark.parametrize("code", ["06", "22", "31 22", "16", "14", "28", "ff", "7f", "0e01"])
def test_an_expression_that_cannot_be_said_is_told(code):
    with pytest.raises(UnknownExpression):
        to_postfix(bytes.fromhex(code), AMD64, with_cfa=False)


def test_expressions_do_not_grow_without_bound():
    with pytest.raises(UnknownExpression):
        to_postfix(bytes.fromhex("31" + "12 22" * 64), AMD64, with_cfa=False)


def test_numbers_end():
    assert Reader(bytes.fromhex("e58e26")).uleb() == 624485
    assert Reader(bytes.fromhex("c0bb78")).sleb() == -123456
    with pytest.raises(UnknownExpression):
        Reader(b"\x80" * 11).uleb()
    with pytest.raises(UnknownExpression):
        Reader(b"").number(1)


def tables(data):
    return FrameTables(0, SectionRange(64, 0x2000, len(data) - 64), SectionRange(0, 0x1000, 64))


def assert_none_or_rules_for(found, address):
    """What bytes of any kind may give: nothing, or rules that can be read, of that address."""
    if found:
        assert found.start <= address < found.start + found.size
        assert ".cfa" in parse_rules(found.rules, "x86_64")


@given(st.binary(min_size=64, max_size=400), st.integers(0, 1 << 48))
def test_no_bytes_break_the_reader(noise, address):
    head = bytes.fromhex("011b033b") + bytes(4) + (4).to_bytes(4, "little")
    data = head + noise

    assert_none_or_rules_for(EhFrame(data, tables(data), "x86_64").find_cfi(address), address)


def test_an_unusual_index_is_refused():
    for head in ("021b033b", "011b0303", "01"):
        with pytest.raises(InputUnusable):
            EhFrame(bytes.fromhex(head), tables(bytes(100)), "x86_64")
    with pytest.raises(InputUnusable):
        EhFrame(bytes.fromhex("01ff033b") + bytes(99), tables(bytes(100)), "x86_64")
    with pytest.raises(InputUnusable):
        EhFrame(b"", tables(bytes(100)), "mips")


SOURCE = """
int deep(int n) { volatile char pad[100]; pad[0] = n; return n ? deep(n - 1) + pad[0] : 0; }
int main(int argc, char **argv) { return deep(argc); }
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.c").write_text(SOURCE)
    run_tool("gcc", "-O1", "-o", folder / "program", folder / "program.c")
    return (folder / "program").read_bytes()


def test_the_tables_of_a_real_program_agree_with_readelf(program, tmp_path):
    (tmp_path / "program").write_bytes(program)
    shown = run_tool("readelf", "--debug-dump=frames-interp", tmp_path / "program")
    frames = EhFrame(program, find_frame_tables(program), "x86_64")
    checked = 0
    for line in shown.splitlines():
        words = line.split()
        if len(words) < 3 or len(words[0]) != 16 or not words[1].startswith("rsp+"):
            continue
        found = frames.find_cfi(int(words[0], 16))
        if found is None:  # the head of the common entry
            continue
        offset = words[1].removeprefix("rsp+")
        assert found.rules.startswith(f".cfa: rsp {int(offset)} +"), line
        checked += 1

    assert checked > 8


def test_the_entry_point_has_no_caller(program):
    frames = EhFrame(program, find_frame_tables(program), "x86_64")
    entry = int.from_bytes(program[24:32], "little")

    assert ".ra:" not in frames.find_cfi(entry).rules


def test_a_file_without_an_index_has_the_same_rules(program):
    """Linkers write none into static programs."""
    tables = find_frame_tables(program)
    indexed, unindexed = (
        EhFrame(program, found, "x86_64") for found in (tables, tables._replace(table=None))
    )
    places = range(0x3000)

    found = [unindexed.find_cfi(place) for place in places]

    assert found == [indexed.find_cfi(place) for place in places]
    assert sum(row is not None for row in found) > 100
    assert [unindexed.covers(place) for place in places] == [row is not None for row in found]


def test_of_a_damaged_file_without_an_index_what_comes_before_is_read(program):
    tables = find_frame_tables(program)
    frames = tables.frames._replace(size=tables.frames.size // 2)

    cut = EhFrame(program, tables._replace(table=None, frames=frames), "x86_64")

    assert any(cut.find_cfi(place) for place in range(0x3000))


@given(st.binary(max_size=400))
def test_no_bytes_break_the_making_of_an_index(noise):
    tables = FrameTables(0, SectionRange(0, 0x2000, len(noise)), None)

    assert_none_or_rules_for(EhFrame(noise, tables, "x86_64").find_cfi(0x2100), 0x2100)


def test_an_address_outside_all_functions_has_no_rules(program):
    frames = EhFrame(program, find_frame_tables(program), "x86_64")

    assert frames.find_cfi(0) is None
    assert frames.find_cfi(1 << 40) is None


def frame_of_arm64(instructions):
    """.eh_frame at 0x2000 of one function of 256 bytes, at 0x1000."""
    common = bytes.fromhex("00000000 01 7a5200 04 78 1e 01 1b 0c1f00 0000")  # zR, r30, CFA is sp
    head = len(common).to_bytes(4, "little") + common
    start = 0x1000 - (0x2000 + len(head) + 8)
    entry = (len(head) + 4).to_bytes(4, "little") + start.to_bytes(4, "little", signed=True)
    entry += (0x100).to_bytes(4, "little") + b"\0" + bytes.fromhex(instructions)
    data = head + len(entry).to_bytes(4, "little") + entry + bytes(4)
    return EhFrame(data, FrameTables(0, SectionRange(0, 0x2000, len(data)), None), "arm64")


def test_rules_of_arm64_say_where_the_kept_halves_of_vectors_are():
    """Saved at CFA - 16, of a value that is lost, saved and restored, and never touched."""
    frames = frame_of_arm64("0e20 9e01 054802 0749 054a03 064a")

    table = parse_rules(frames.find_cfi(0x1010).rules, "arm64")

    assert evaluate(table["v8"], {}, {0x7010: 5}.get, (1 << 64) - 1, 0x7020) == 5
    assert "v9" not in table
    assert table["v10"] == ("v10",)
    assert table["v15"] == ("v15",)
    assert "v16" not in table
