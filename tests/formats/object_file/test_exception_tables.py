import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.formats.breakpad.cfi import evaluate, parse_rules
from crashtool.formats.object_file.exception_tables import (
    ExceptionTables,
    RuntimeFunction,
    Tables,
    UnwindInfo,
)
from crashtool.formats.object_file.pe import find_exception_tables
from crashtool.formats.object_kinds import CodeRange

START, SIZE = 0x1000, 0x200
INFO = 0x100  # where UNWIND_INFO is
RBX, RBP, RSI = 3, 5, 6


def build(codes, *, prologue=0x20, frame=0, flags=0, version=1, chained=b""):
    """A file with one function; codes are (place, operation, detail, *slots), as stored."""
    slots = b""
    for place, operation, detail, *more in codes:
        slots += bytes((place, operation | detail << 4))
        slots += b"".join(slot.to_bytes(2, "little") for slot in more)
    count = len(slots) // 2
    info = UnwindInfo(
        version_flags=version | flags << 3, prologue_size=prologue, code_count=count, frame=frame
    )
    table = RuntimeFunction(begin=START, end=START + SIZE, unwind=INFO).pack()
    body = info.pack() + slots + b"\0\0" * (count & 1) + chained
    return table.ljust(INFO, b"\0") + body.ljust(0x100, b"\0")


def rules_at(place, codes, **options):
    data = build(codes, **options)
    tables = Tables(0, 1, (CodeRange(0, 0, len(data)),))
    found = ExceptionTables(data, tables).find_cfi(START + place)
    return None if found is None else parse_rules(found.rules, "x86_64")


def value(rules, name, registers, memory):
    mask = (1 << 64) - 1
    cfa = evaluate(rules[".cfa"], registers, memory.get, mask)
    return cfa if name == ".cfa" else evaluate(rules[name], registers, memory.get, mask, cfa)


# push rbx at 1, push rbp at 2, sub rsp 0x28 at 6: the last comes first.
USUAL = ((6, 2, 4), (2, 0, RBP), (1, 0, RBX))


@pytest.mark.parametrize(
    ("place", "depth", "saved"),
    [
        (0, 8, set()),
        (1, 16, {"rbx"}),
        (2, 24, {"rbx", "rbp"}),
        (6, 64, {"rbx", "rbp"}),
        (0x100, 64, {"rbx", "rbp"}),
    ],
)
def test_only_what_the_prologue_has_done_is_undone(place, depth, saved):
    rules = rules_at(place, USUAL)

    assert value(rules, ".cfa", {"rsp": 0x7000}, {}) == 0x7000 + depth
    assert set(rules) - {".cfa", ".ra"} == saved
    assert value(rules, ".ra", {"rsp": 0x7000}, {0x7000 + depth - 8: 0x401000}) == 0x401000


def test_pushed_registers_are_where_they_were_pushed():
    rules = rules_at(0x100, USUAL)
    memory = {0x7028: 5, 0x7030: 3}

    assert value(rules, "rbp", {"rsp": 0x7000}, memory) == 5
    assert value(rules, "rbx", {"rsp": 0x7000}, memory) == 3


@pytest.mark.parametrize(
    ("code", "size"),
    [((8, 1, 0, 0x200), 0x1000), ((8, 1, 1, 0x2000, 0x1), 0x12000), ((8, 2, 0), 8)],
)
def test_frames_of_every_size(code, size):
    assert value(rules_at(0x100, [code]), ".cfa", {"rsp": 0}, {}) == size + 8


EPILOGUE = bytes.fromhex("4883c428 5d 5b c3")  # add rsp, 0x28; pop rbp; pop rbx; ret


@pytest.mark.parametrize(
    ("done", "depth", "saved"),
    [(0, 64, {"rbx", "rbp"}), (4, 24, {"rbx", "rbp"}), (5, 16, {"rbx"}), (6, 8, set())],
)
def test_what_the_epilogue_has_given_back_is_not_undone_again(done, depth, saved):
    data = build(USUAL).ljust(0x400, b"\xcc")
    data = data[:0x300] + EPILOGUE + data[0x300 + len(EPILOGUE) :]
    sections = (CodeRange(0, 0, 0x200), CodeRange(START, 0x200, SIZE))
    tables = ExceptionTables(data, Tables(0, 1, sections))
    memory = {0x7000 + depth - 8: 0x401000, 0x7000 + depth - 16: 3, 0x7000 + depth - 24: 5}

    rules = parse_rules(tables.find_cfi(START + 0x100 + done).rules, "x86_64")

    assert value(rules, ".cfa", {"rsp": 0x7000}, {}) == 0x7000 + depth
    assert value(rules, ".ra", {"rsp": 0x7000}, memory) == 0x401000
    assert set(rules) - {".cfa", ".ra"} == saved
    assert {value(rules, name, {"rsp": 0x7000}, memory) for name in saved} <= {3, 5}


def test_code_that_looks_like_an_epilogue_in_a_prologue_is_none():
    data = build(USUAL).ljust(0x400, b"\xc3")
    sections = (CodeRange(0, 0, 0x200), CodeRange(START, 0x200, SIZE))
    tables = ExceptionTables(data, Tables(0, 1, sections))
    rules = parse_rules(tables.find_cfi(START + 6).rules, "x86_64")

    assert value(rules, ".cfa", {"rsp": 0x7000}, {}) == 0x7000 + 64


def test_saved_registers_lie_above_the_stack_pointer():
    codes = [(12, 4, RSI, 6), (8, 5, RBX, 0x40, 0), (4, 2, 9)]
    rules = rules_at(0x100, codes)

    assert value(rules, "rsi", {"rsp": 0x7000}, {0x7030: 66}) == 66
    assert value(rules, "rbx", {"rsp": 0x7000}, {0x7040: 33}) == 33


def test_a_frame_register_makes_the_stack_pointer_of_no_account():
    codes = [(12, 3, 0), (8, 2, 7), (1, 0, RBP)]
    rules = rules_at(0x100, codes, frame=RBP | 2 << 4)

    assert value(rules, ".cfa", {"rsp": 1, "rbp": 0x7020}, {}) == 0x7000 + 64 + 16
    before = rules_at(9, codes, frame=RBP | 2 << 4)
    assert value(before, ".cfa", {"rsp": 0x7000, "rbp": 1}, {}) == 0x7000 + 64 + 16


def test_vector_registers_and_epilogues_take_up_slots_only():
    codes = [(0, 6, 0, 5), (20, 8, 6, 2), (16, 9, 7, 3, 0), (4, 2, 4)]

    assert value(rules_at(0x100, codes, version=2), ".cfa", {"rsp": 0}, {}) == 48


@pytest.mark.parametrize("with_error", [0, 1])
def test_a_machine_frame_holds_the_interrupted_pointers(with_error):
    rules = rules_at(0x100, [(0, 10, with_error)])
    place = 0x7000 + 8 * with_error

    assert value(rules, ".ra", {"rsp": 0x7000}, {place: 0x401000, place + 24: 0x9000}) == 0x401000
    assert value(rules, ".cfa", {"rsp": 0x7000}, {place + 24: 0x9000}) == 0x9000


def test_a_part_of_a_function_has_what_the_whole_did_as_well():
    primary = UnwindInfo(version_flags=1, prologue_size=4, code_count=1).pack() + bytes(
        (4, 2 | 4 << 4)
    )
    chained = RuntimeFunction(begin=0, end=1, unwind=0x180).pack()
    data = bytearray(build([(1, 0, RBX)], flags=4, chained=chained))
    data[0x180 : 0x180 + len(primary)] = primary
    tables = Tables(0, 1, (CodeRange(0, 0, len(data)),))

    found = ExceptionTables(bytes(data), tables).find_cfi(START + 0x100)

    assert value(parse_rules(found.rules, "x86_64"), ".cfa", {"rsp": 0}, {}) == 8 + 40 + 8


def test_an_address_outside_every_function_has_no_rules():
    assert rules_at(-1, USUAL) is None
    assert rules_at(SIZE, USUAL) is None


@pytest.mark.parametrize(
    "options",
    [
        {"version": 3},
        {"flags": 4, "chained": RuntimeFunction(unwind=INFO).pack()},
        {"flags": 4, "chained": RuntimeFunction(unwind=0xFFFFFF).pack()},
    ],
)
def test_damage_gives_no_rules(options):
    assert rules_at(0x100, USUAL[:2], **options) is None


@given(st.binary(max_size=200), st.integers(0, 0x400))
def test_no_bytes_break_the_reader(noise, address):
    table = RuntimeFunction(begin=0, end=0x400, unwind=RuntimeFunction.SIZE).pack()
    data = table + noise

    found = ExceptionTables(data, Tables(0, 1, (CodeRange(0, 0, len(data)),))).find_cfi(address)

    if found:
        assert found.start <= address < found.start + found.size
        assert {".cfa", ".ra"} <= parse_rules(found.rules, "x86_64").keys()


def test_a_real_image_has_rules_for_all_of_its_functions(truth):
    data = (truth / "windows" / "bin" / "msvc-x64" / "crasher.exe").read_bytes()
    tables = find_exception_tables(data)
    reader = ExceptionTables(data, tables)

    for function in RuntimeFunction.read_array(data, tables.offset, tables.total):
        first = reader.find_cfi(function.begin)
        assert first.rules == ".cfa: rsp 8 + .ra: .cfa -8 + ^"
        assert reader.find_cfi(function.end - 1).start == function.begin


def test_other_machines_keep_theirs_elsewhere(truth):
    data = (truth / "windows" / "bin" / "msvc-x86" / "crasher.exe").read_bytes()
    assert find_exception_tables(data) is None
