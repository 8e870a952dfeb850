"""Unwind data of ARM64 functions for Windows: codes, packed entries, real images."""

import random

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.object_file.arm64_exception_tables import (
    Arm64ExceptionTables,
    FunctionEntry,
    Word,
)
from crashtool.formats.object_file.arm64_unwind_codes import expand_packed, read_codes, spell, undo
from crashtool.formats.object_file.exception_tables import Tables
from crashtool.formats.object_file.pe import find_exception_tables, open_exception_tables
from crashtool.formats.object_kinds import CodeRange
from crashtool.services.symbols.debug_file import map_file

BEGIN = 0x1000
XDATA = 0x100


def rules(codes):
    return spell(undo(read_codes(bytes.fromhex(codes), 0)))


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("e4", ".cfa: sp 0 + .ra: lr"),
        ("02 e4", ".cfa: sp 32 + .ra: lr"),
        (
            "c0fa 42 24 e4",
            (".cfa: sp 4032 + .ra: sp 4024 + ^ fp: sp 4016 + ^ x19: sp 4000 + ^ x20: sp 4008 + ^"),
        ),
        ("d2c5 d004 03 e4", ".cfa: sp 48 + .ra: sp 40 + ^ x19: sp 32 + ^"),
        ("e1 83 e4", ".cfa: fp 32 + .ra: fp 8 + ^ fp: fp 0 + ^"),
        ("e202 42 05 e4", ".cfa: fp 64 + .ra: fp 8 + ^ fp: fp 0 + ^"),
        ("e0000100 e4", ".cfa: sp 4096 + .ra: lr"),
        (
            "c8c2 cc03 e4",
            (".cfa: sp 32 + .ra: lr x22: sp 16 + ^ x23: sp 24 + ^ x19: sp 0 + ^ x20: sp 8 + ^"),
        ),
        ("d401 e4", ".cfa: sp 16 + .ra: lr x19: sp 0 + ^"),
        ("d602 cc03 e4", ".cfa: sp 32 + .ra: sp 24 + ^ x19: sp 0 + ^ x20: sp 8 + ^"),
        (
            "e6 e6 cc05 e4",
            (
                ".cfa: sp 48 + .ra: lr x19: sp 0 + ^ x20: sp 8 + ^ x21: sp 16 + ^ "
                "x22: sp 24 + ^ x23: sp 32 + ^ x24: sp 40 + ^"
            ),
        ),
        ("d884 da05 de03 dc00 e4", ".cfa: sp 80 + .ra: lr"),
        ("e3 fc e5 02 e4", ".cfa: sp 32 + .ra: lr"),
    ],
)
def test_codes_are_undone_from_the_last_instruction_on(codes, expected):
    assert rules(codes) == expected


@pytest.mark.parametrize("codes", ["", "02", "c0", "e00001", "df01 e4", "e8 e4", "e70000 e4", "ff"])
def test_codes_that_do_not_end_or_are_not_known(codes):
    with pytest.raises(MalformedFile):
        read_codes(bytes.fromhex(codes), 0)


def packed(frame, *, linkage=0, integers=0, floats=0, homes=0):
    """A packed entry's word; the frame in bytes."""
    fields = (
        (1, 0),
        (0x40, 2),
        (floats, 13),
        (integers, 16),
        (homes, 20),
        (linkage, 21),
        (frame // 16, 23),
    )
    return sum(value << shift for value, shift in fields)


@pytest.mark.parametrize(
    ("word", "instructions", "expected"),
    [
        (packed(0), (0, 0), ".cfa: sp 0 + .ra: lr"),
        (packed(32), (1, 1), ".cfa: sp 32 + .ra: lr"),
        (packed(48, integers=2), (2, 2), ".cfa: sp 48 + .ra: lr x19: sp 32 + ^ x20: sp 40 + ^"),
        (packed(32, integers=1, linkage=1), (2, 2), ".cfa: sp 32 + .ra: sp 24 + ^ x19: sp 16 + ^"),
        (packed(16, linkage=1), (1, 1), ".cfa: sp 16 + .ra: sp 0 + ^"),
        (
            packed(64, integers=2, linkage=3),
            (3, 2),
            ".cfa: fp 64 + .ra: fp 8 + ^ fp: fp 0 + ^ x19: fp 48 + ^ x20: fp 56 + ^",
        ),
        (
            packed(1040, integers=2, linkage=3),
            (4, 3),
            ".cfa: fp 1040 + .ra: fp 8 + ^ fp: fp 0 + ^ x19: fp 1024 + ^ x20: fp 1032 + ^",
        ),
        (packed(32, linkage=2), (3, 2), ".cfa: fp 32 + .ra: fp 8 + ^ fp: fp 0 + ^"),
        (packed(80, homes=1), (5, 2), ".cfa: sp 80 + .ra: lr"),
        (packed(48, floats=3), (3, 3), ".cfa: sp 48 + .ra: lr"),
        (packed(8000), (2, 2), ".cfa: sp 8000 + .ra: lr"),
    ],
)
def test_packed_entries_stand_for_the_usual_prologue(word, instructions, expected):
    prologue, epilogue = expand_packed(word)

    assert spell(undo(prologue)) == expected
    assert (len(prologue), len(epilogue)) == instructions


def test_packed_entries_that_contradict_themselves():
    with pytest.raises(MalformedFile):
        expand_packed(packed(16, integers=8))


def build(unwind, xdata=b""):
    data = FunctionEntry(begin=BEGIN, unwind=unwind).pack().ljust(XDATA, b"\0") + xdata
    return Arm64ExceptionTables(data, Tables(0, 1, (CodeRange(0, 0, len(data)),), "arm64"))


def word(value):
    return value.to_bytes(4, "little")


# stp x19, x20, [sp, -32]!; stp fp, lr, [sp, 16]; … ldp, ldp, ret: 0x20 instructions
CODES = bytes.fromhex("42 24 e4 e3")
ONE_EPILOGUE = word(0x20 | 1 << 21 | 0 << 22 | 1 << 27) + CODES
SCOPES = word(0x20 | 1 << 22 | 1 << 27) + word(0x10) + CODES


@pytest.mark.parametrize(
    ("xdata", "place", "expected"),
    [
        (ONE_EPILOGUE, 0, ".cfa: sp 0 + .ra: lr"),
        (ONE_EPILOGUE, 4, ".cfa: sp 32 + .ra: lr x19: sp 0 + ^ x20: sp 8 + ^"),
        (ONE_EPILOGUE, 8, rules("42 24 e4")),
        (ONE_EPILOGUE, 0x40, rules("42 24 e4")),
        (ONE_EPILOGUE, 0x74, rules("42 24 e4")),
        (ONE_EPILOGUE, 0x78, ".cfa: sp 32 + .ra: lr x19: sp 0 + ^ x20: sp 8 + ^"),
        (ONE_EPILOGUE, 0x7C, ".cfa: sp 0 + .ra: lr"),
        (SCOPES, 0x44, ".cfa: sp 32 + .ra: lr x19: sp 0 + ^ x20: sp 8 + ^"),
        (SCOPES, 0x48, ".cfa: sp 0 + .ra: lr"),
        (SCOPES, 0x4C, rules("42 24 e4")),
        (word(0x20) + word(0 | 1 << 16) + CODES, 0x40, rules("42 24 e4")),  # an extended header
    ],
)
def test_rules_follow_the_prologue_and_the_epilogues(xdata, place, expected):
    found = build(XDATA, xdata).find_cfi(BEGIN + place)

    assert (found.start, found.size) == (BEGIN, 0x80)
    assert found.rules == expected


def test_a_fragment_has_the_frame_of_its_function_from_the_start():
    tables = build(packed(32) & ~3 | 2)

    assert tables.find_cfi(BEGIN).rules == ".cfa: sp 32 + .ra: lr"


@pytest.mark.parametrize("address", [BEGIN - 1, BEGIN + 0x80, 0])
def test_outside_of_functions_there_are_no_rules(address):
    assert build(XDATA, ONE_EPILOGUE).find_cfi(address) is None


@pytest.mark.parametrize(
    ("unwind", "xdata"),
    [
        (3, b""),
        (XDATA, b""),
        (XDATA, word(0x20 | 1 << 18 | 1 << 27) + CODES),
        (1 << 30, b""),
        (XDATA, word(0x20 | 31 << 27)),
        (packed(16, integers=8), b""),
    ],
)
def test_damaged_entries_give_no_rules(unwind, xdata):
    tables = build(unwind, xdata)

    assert tables.find_cfi(BEGIN) is None
    assert list(tables.walk_records()) == []


def test_records_say_what_changes_and_what_has_its_own_value_again():
    assert list(build(XDATA, ONE_EPILOGUE).walk_records()) == [
        "STACK CFI INIT 1000 80 .cfa: sp 0 + .ra: lr\n",
        "STACK CFI 1004 .cfa: sp 32 + x19: sp 0 + ^ x20: sp 8 + ^\n",
        "STACK CFI 1008 .ra: sp 24 + ^ fp: sp 16 + ^\n",
        "STACK CFI 1078 .ra: lr fp: fp\n",
        "STACK CFI 107c .cfa: sp 0 + x19: x19 x20: x20\n",
    ]


def test_chance_does_not_get_anything_but_rules_out_of_it():
    chance = random.Random(3)  # noqa: S311
    for _ in range(3000):
        tables = build(
            XDATA if chance.random() < 0.7 else chance.getrandbits(32),
            chance.randbytes(chance.randrange(40)),
        )
        found = tables.find_cfi(BEGIN + chance.randrange(0x100))
        assert found is None or found.rules.startswith(".cfa: ")


def test_structs_have_the_sizes_of_the_specification():
    assert (FunctionEntry.SIZE, Word.SIZE) == (8, 4)


def test_a_real_image_is_read(truth):
    data = map_file(str(truth / "windows/bin/msvc-arm64/crasher.exe"))
    tables = open_exception_tables(data, find_exception_tables(data))

    assert tables.find_cfi(0x1040).rules == rules("c0fa 42 24 e4")
    records = list(tables.walk_records())
    assert sum("INIT" in record for record in records) == 16
    assert records[0] == "STACK CFI INIT 1034 6c .cfa: sp 0 + .ra: lr\n"
