import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.minidump.x87 import EMPTY, SPECIAL, VALID, ZERO, Fsave, Fxsave, fsave_of

ONE = bytes.fromhex("0000000000000080ff3f")
NOUGHT = bytes(10)
INFINITY = bytes.fromhex("0000000000000080ff7f")
DENORMAL = bytes.fromhex("01000000000000000000")


def area(top, in_use, *rows):
    slots = b"".join(row.ljust(16, b"\0") for row in rows).ljust(128, b"\0")
    return (
        Fxsave(
            control=0x37F,
            status=top << 11,
            tag=in_use,
            opcode=0x123,
            instruction=0x1000,
            operand=0x2000,
            code_segment=0x23,
            data_segment=0x2B,
            registers=slots,
        )
        .pack()
        .ljust(512, b"\0")
    )


def tags(data):
    word = Fsave.read(data).tag
    return [word >> 2 * place & 3 for place in range(8)]


def test_an_unused_state_is_all_empty():
    assert tags(fsave_of(area(0, 0))) == [EMPTY] * 8


def test_tags_tell_what_the_registers_hold():
    # Four values were pushed: st0 is the physical register 4.
    data = fsave_of(area(4, 0xF0, ONE, NOUGHT, INFINITY, DENORMAL))

    assert tags(data) == [EMPTY] * 4 + [VALID, ZERO, SPECIAL, SPECIAL]


def test_the_other_fields_and_registers_are_carried_over():
    state = Fsave.read(fsave_of(area(7, 0x80, ONE)))

    assert (state.control, state.status) == (0x37F, 7 << 11)
    assert (state.opcode, state.instruction, state.operand) == (0x123, 0x1000, 0x2000)
    assert (state.code_segment, state.data_segment) == (0x23, 0x2B)
    assert state.registers[:10] == ONE
    assert len(state.registers) == 80


def test_an_area_that_is_too_short_is_refused():
    with pytest.raises(MalformedFile):
        fsave_of(bytes(100))
