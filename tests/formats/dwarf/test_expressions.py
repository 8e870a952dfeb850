"""Location expressions, operation by operation: places, and why there is none."""

from struct import pack
from typing import ClassVar

import pytest

from crashtool.formats.dwarf.expressions import Scope, Unlocatable, find_content, find_place
from crashtool.formats.dwarf.forms import DamagedDwarf, Sizes
from crashtool.formats.dwarf.typed_values import GENERIC, StackType
from crashtool.formats.variables.places import (
    ConstantPlace,
    LostPlace,
    MemoryPlace,
    PiecesPlace,
    PointeePlace,
    RegisterPlace,
)

BIAS, BASE, CFA = 0x10000, 0x7000, 0x7FF0
TYPES = {
    1: StackType("signed", 4),
    2: StackType("unsigned", 1),
    3: StackType("float", 8),
    4: StackType("float", 4),
    5: StackType("signed", 8),
}
HANDED = {  # DW_OP_reg5, and as of a type: as an int of it, as a double in a vector, a short one
    b"\x55": pack("<q", -2),
    b"\xa5\x05\x01": pack("<q", -2),
    b"\xf5\x11\x03": pack("<dd", 1.5, 0),
    b"\xa5\x11\x03": pack("<f", 1.5),
}


class Unit:
    sizes = Sizes(8, 4, 5)

    def address_at(self, index):
        return 0x400 + index


class Frame:
    cfa = CFA
    registers: ClassVar = {"rbp": 0x5000, "rax": 0xFFFFFFFFFFFFFFFE, "xmm0": pack("<dd", 2.5, 0)}
    memory: ClassVar = {0x5008: pack("<Q", 0x1122334455667788), 0x7010: b"\x80"}

    def read_register(self, name):
        value = self.registers.get(name)
        return value.to_bytes(8, "little") if isinstance(value, int) else value

    def read_memory(self, address, size):
        content = self.memory.get(address, b"")
        return content[:size] if len(content) >= size else None


def find_entry_value(expression):
    if expression not in HANDED:
        raise Unlocatable("unknown", "what the caller handed over is not known")
    return HANDED[expression]


def scope(frame=None):
    names = {0: "rax", 5: "rdi", 6: "rbp", 17: "xmm0"}
    return Scope(
        frame or Frame(),
        Unit(),
        names,
        BIAS,
        lambda: BASE,
        find_entry_value,
        lambda offset: TYPES.get(offset, GENERIC),
        lambda offset, distance: PointeePlace(MemoryPlace(offset), None, distance),
    )


def place_of(*parts, frame=None):
    return find_place(b"".join(parts), scope(frame))


def value_of(*parts):
    """A number that an expression leaves on its stack."""
    return int.from_bytes(find_content(b"".join(parts), scope())[:8], "little")


def sleb(value):
    return bytes((value & 0x7F,))


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("03 3412000000000000", MemoryPlace(0x1234 + BIAS)),  # DW_OP_addr
        ("a1 02", MemoryPlace(0x402 + BIAS)),  # DW_OP_addrx
        ("fb 02", MemoryPlace(0x402 + BIAS)),  # DW_OP_GNU_addr_index
        ("76 78", MemoryPlace(0x5000 - 8)),  # DW_OP_breg6 -8
        ("91 10", MemoryPlace(BASE + 0x10)),  # DW_OP_fbreg
        ("92 06 08", MemoryPlace(0x5008)),  # DW_OP_bregx
        ("9c", MemoryPlace(CFA)),  # DW_OP_call_frame_cfa
        ("50", RegisterPlace("rax")),
        ("90 11", RegisterPlace("xmm0")),  # DW_OP_regx
        ("35 9f", ConstantPlace(pack("<Q", 5))),  # DW_OP_lit5, DW_OP_stack_value
        ("9e 02 aabb", ConstantPlace(b"\xaa\xbb")),  # DW_OP_implicit_value
        ("a0 50000000 04", PointeePlace(MemoryPlace(0x50), None, 4)),  # DW_OP_implicit_pointer
        ("f2 50000000 7f", PointeePlace(MemoryPlace(0x50), None, -1)),  # GNU's
        ("a3 01 55 9f", ConstantPlace(pack("<q", -2))),  # DW_OP_entry_value
        ("f3 01 55 9f", ConstantPlace(pack("<q", -2))),  # GNU's
        ("f3 03 f5 11 03 9f", ConstantPlace(pack("<d", 1.5))),  # of xmm0, as a double
        ("a3 03 a5 05 01 9f", ConstantPlace(pack("<i", -2))),  # of rdi, as an int
        ("", LostPlace("optimized_out", "")),
    ],
)
def test_places(expression, place):
    assert place_of(bytes.fromhex(expression)) == place


@pytest.mark.parametrize(
    ("expression", "state", "words"),
    [
        ("75 00", "unknown", "rdi of this frame is not known"),
        ("7c 00", "unknown", "a register that is not known"),
        ("76 10 06", "not_in_dump", "memory at 0x5010"),  # DW_OP_deref
        ("a3 01 54", "unknown", "handed over"),
        ("a3 03 a5 11 03 9f", "unknown", "of another size"),
        ("0e 0000000000000000 9b", "unknown", "of the thread"),
        ("0e 0000000000000000 e0", "unknown", "of the thread"),
        ("50 f0", "", ""),  # DW_OP_GNU_uninit behind a register: damage, see below
        ("97", "unknown", "0x97"),  # DW_OP_push_object_address
        ("30 30 1b 9f", "unknown", "computed"),  # a division by zero
    ],
)
def test_what_is_no_place_says_why(expression, state, words):
    if not state:
        with pytest.raises(DamagedDwarf):
            place_of(bytes.fromhex(expression))
        return
    place = place_of(bytes.fromhex(expression))
    assert isinstance(place, LostPlace)
    assert place.state == state
    assert words in place.reason


def test_without_a_known_frame_there_is_no_frame_address():
    class Lost(Frame):
        cfa = None

    assert place_of(b"\x9c", frame=Lost()).state == "unknown"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("08 ff", 255), ("09 ff", 2**64 - 1), ("0b ff00 1f", 2**64 - 255), ("10 8001", 128),
        ("11 7f", 2**64 - 1), ("35 12 1e", 25), ("35 33 14 1c 1c", 7),
        ("35 33 16 1c", 2**64 - 2), ("31 32 33 17", 2), ("31 32 33 15 02", 1), ("35 33 13", 5),
        ("09 fb 19", 5), ("30 20", 2**64 - 1), ("3f 33 1a", 3), ("3c 33 21", 15),
        ("3f 33 27", 12), ("31 34 24", 16), ("09 f8 31 26", 2**64 - 4),
        ("09 f8 31 25", 2**63 - 4), ("09 f7 32 1b", 2**64 - 4), ("37 34 1d", 3),
        ("35 23 10", 21), ("09 ff 31 2d", 1), ("09 ff 31 2b", 0), ("31 31 29", 1),
        ("31 32 2e", 1), ("31 31 2a", 1), ("31 32 2c", 1), ("31 2802003532 30", 0),
        ("30 28010035 33", 3), ("2f 0100 35 33", 3), ("76 08 06", 0x1122334455667788),
        ("76 08 94 02", 0x7788), ("96 35", 5), ("a2 03", 0x403),
    ],
)  # fmt: skip
def test_numbers(expression, value):
    assert value_of(bytes.fromhex(expression)) == value


@pytest.mark.parametrize(
    ("expression", "content"),
    [
        # DW_OP_breg0 -> convert to int, to 8 bytes again: the sign is kept
        ("70 00 a8 01 a8 05 9f", pack("<q", -2)),
        # of one unsigned byte: it is not
        ("70 00 a8 02 a8 05 9f", pack("<q", 0xFE)),
        # an int's -2 as a double
        ("70 00 a8 01 a8 03 9f", pack("<d", -2.0)),
        # DW_OP_regval_type xmm0 double, plus itself
        ("a5 11 03 12 22 9f", pack("<d", 5.0)),
        # the same halved to a float
        ("a5 11 03 a8 04 9f", pack("<f", 2.5)),
        # DW_OP_const_type int 4 bytes, negated
        ("a4 01 04 07000000 1f 9f", pack("<i", -7)),
        # DW_OP_deref_type of one byte
        ("91 10 a6 01 02 a8 01 9f", pack("<i", 0x80)),
        # DW_OP_reinterpret of a double as eight bytes
        ("a5 11 03 a9 05 9f", pack("<d", 2.5)),
    ],
)
def test_values_with_types(expression, content):
    assert place_of(bytes.fromhex(expression)) == ConstantPlace(content)


def test_pieces_of_which_one_is_nowhere():
    place = place_of(bytes.fromhex("50 9304 9304 35 9f 9304 7608 9308"))
    assert isinstance(place, PiecesPlace)
    assert [piece.size for piece in place.pieces] == [4, 4, 4, 8]
    assert [type(piece.place) for piece in place.pieces] == [
        RegisterPlace,
        LostPlace,
        ConstantPlace,
        MemoryPlace,
    ]


def test_single_bits_of_a_register_are_no_place():
    assert place_of(bytes.fromhex("50 9d 0300")).state == "unknown"
    assert isinstance(place_of(bytes.fromhex("50 9d 0800")), PiecesPlace)


@pytest.mark.parametrize(
    "expression",
    [
        "22", "35 22", "06", "08", "0e 00", "9e 05 00", "2f fdff", "2f 0500", "35 15 09", "50 35",
        "9f", "17", "35 28 ff7f", "14", "16",
    ],
)  # fmt: skip
def test_damage_is_one_error(expression):
    with pytest.raises(DamagedDwarf):
        place_of(bytes.fromhex(expression))


def test_every_expression_ends():
    """Up to six bytes as they come, twice: a place, or damage; some of each."""
    placed = damaged = 0
    for seed in range(1 << 14):
        expression = (seed * 2654435761).to_bytes(8, "little")[: 1 + seed % 6]
        try:
            placed += place_of(expression, expression) is not None
        except DamagedDwarf:
            damaged += 1
    assert placed > 1000
    assert damaged > 1000
