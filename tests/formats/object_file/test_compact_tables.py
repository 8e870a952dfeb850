"""Compact unwind information by address: pages of both kinds, damage, and real programs."""

import struct

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.object_file.compact_tables import CompactTables

FRAME, STACK_16, IN_EH_FRAME = 0x01000000, 0x02020000, 0x04000010
FRAMED = ".cfa: $rbp 16 + $rbp: .cfa -16 + ^ .ra: .cfa -8 + ^"
STACKED = ".cfa: $rsp 16 + .ra: .cfa -8 + ^"


def build():
    """Two pages: a compressed one of 0x100 to 0x200, a regular one from there to 0x300."""
    shared = struct.pack("<I", FRAME)
    compressed = struct.pack("<IHHHH", 3, 12, 3, 24, 1)
    compressed += struct.pack("<III", 0, 1 << 24 | 0x40, 0 << 24 | 0x80)
    compressed += struct.pack("<I", STACK_16)
    regular = struct.pack("<IHH", 2, 8, 2)
    regular += struct.pack("<IIII", 0x200, IN_EH_FRAME, 0x280, STACK_16)
    first = 28 + len(shared) + 3 * 12
    second = first + len(compressed)
    index = struct.pack("<III", 0x100, first, 0) + struct.pack("<III", 0x200, second, 0)
    index += struct.pack("<III", 0x300, 0, 0)
    head = struct.pack("<IIIIIII", 1, 28, 1, 32, 0, 32, 3)
    return head + shared + index + compressed + regular


def open_tables(section):
    return CompactTables(section, "x86_64", lambda _address, _size: b"")


def test_functions_of_both_kinds_of_page_have_their_rules():
    tables = open_tables(build())
    found = [tables.find_cfi(address) for address in (0x100, 0x13F, 0x140, 0x1FF, 0x2FF)]
    assert [(row.start, row.size, row.rules) for row in found] == [
        (0x100, 0x40, FRAMED),
        (0x100, 0x40, FRAMED),
        (0x140, 0x40, STACKED),
        (0x180, 0x80, FRAMED),
        (0x280, 0x80, STACKED),
    ]


def test_what_is_elsewhere_or_outside_has_none():
    tables = open_tables(build())
    assert [tables.covers(address) for address in (0xFF, 0x200, 0x27F, 0x280, 0x300)] == [
        False,
        False,
        False,
        True,
        False,
    ]


def test_damage_takes_the_rules_of_its_page_alone():
    section = bytearray(build())
    section[-20:-18] = b"\xff\xff"  # more functions than there are
    tables = open_tables(bytes(section))
    assert tables.covers(0x100)
    assert not tables.covers(0x280)
    with pytest.raises(MalformedFile):
        open_tables(build()[:40])
    with pytest.raises(InputUnusable, match="compact unwind information of mips"):
        CompactTables(build(), "mips", lambda _address, _size: b"")
