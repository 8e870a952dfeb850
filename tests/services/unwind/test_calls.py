import pytest

from crashtool.services.unwind.arm import (
    find_call_32,
    find_call_64,
    find_jump_64,
    is_stub_32,
    is_stub_64,
)
from crashtool.services.unwind.intel import find_call, find_jump, is_stub
from crashtool.services.unwind.machine import CallSite

INDIRECT = CallSite(None)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("9090e810000000", CallSite(0x1010)),  # call +0x10
        ("9090e8f0ffffff", CallSite(0xFF0)),  # call -0x10
        ("ffd0", INDIRECT),  # call rax
        ("41ffd4", INDIRECT),  # call r12
        ("ff10", INDIRECT),  # call [rax]
        ("ff5010", INDIRECT),  # call [rax + 0x10]
        ("ff9000010000", INDIRECT),  # call [rax + 0x100]
        ("ff1500100000", INDIRECT),  # call [rip + 0x1000]
        ("ff1424", INDIRECT),  # call [rsp]
        ("ff542408", INDIRECT),  # call [rsp + 8]
        ("ff942400010000", INDIRECT),  # call [rsp + 0x100]
        ("ff14c500100000", INDIRECT),  # call [rax * 8 + 0x1000]
        ("42ff14e0", INDIRECT),  # call [rax + r12 * 8]
        ("9090909090909090", None),
        ("ffe0", None),  # jmp rax
        ("ff30", None),  # push [rax]
        ("ff14", None),  # cut
        ("e81000", None),
        ("", None),
    ],
)
def test_intel_calls_are_told_by_their_end(code, found):
    assert find_call(bytes.fromhex(code), 0x1000) == found


@pytest.mark.parametrize(
    ("code", "is_one"),
    [
        ("ff2500100000", True),
        ("e900100000", True),
        ("f30f1efaf2ff2500100000", True),
        ("f30f1efaff2500100000", True),
        ("48ff2500100000", True),
        ("554889e5", False),
        ("f30f1efa55", False),
    ],
)
def test_a_jump_is_a_stub(code, is_one):
    assert is_stub(bytes.fromhex(code)) is is_one


@pytest.mark.parametrize(
    ("word", "found"),
    [
        (0x94000004, CallSite(0x100C)),  # bl +16
        (0x97FFFFFC, CallSite(0xFEC)),  # bl -16
        (0xD63F0100, INDIRECT),  # blr x8
        (0xD73F0908, INDIRECT),  # blraa x8, x8
        (0xD63F081F, INDIRECT),  # blraaz x0
        (0x14000004, None),  # b
        (0xD61F0100, None),  # br x8
        (0xD65F03C0, None),  # ret
    ],
)
def test_a64_calls(word, found):
    assert find_call_64(word.to_bytes(4, "little"), 0x1000) == found


@pytest.mark.parametrize(
    ("word", "address", "found"),
    [
        (0xEB000002, 0x1000, CallSite(0x100C)),  # bl +16
        (0xE12FFF33, 0x1000, INDIRECT),  # blx r3
        (0xFA000002, 0x1000, INDIRECT),  # blx to Thumb
        (0xEA000002, 0x1000, None),  # b
        (0x47981234, 0x1001, INDIRECT),  # Thumb: blx r3
        (0xF800F000, 0x1001, INDIRECT),  # Thumb: bl
        (0xE800F000, 0x1001, INDIRECT),  # Thumb: blx
        (0x47180000, 0x1001, None),  # Thumb: bx r3
    ],
)
def test_a32_and_thumb_calls(word, address, found):
    assert find_call_32(word.to_bytes(4, "little"), address) == found


def test_a_cut_arm_call_is_none():
    assert find_call_64(b"\0", 0x1000) is None
    assert find_call_32(b"\0", 0x1000) is None


def test_arm_linkage_tables_are_stubs():
    assert is_stub_64((0x90000010).to_bytes(4, "little"))
    assert is_stub_64((0x14000001).to_bytes(4, "little"))
    assert not is_stub_64((0xA9BF7BFD).to_bytes(4, "little"))
    assert is_stub_32((0xE28FC600).to_bytes(4, "little"))
    assert is_stub_32((0xEA000001).to_bytes(4, "little"))
    assert not is_stub_32((0xE92D4800).to_bytes(4, "little"))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("90e9fa000000", 0x1001),  # jmp +0xfa
        ("e9e9e9fb000000", 0x1002),  # bytes before that look like one
        ("90e9fb000000", None),  # elsewhere
        ("90e8fa000000", None),  # a call
        ("90e9fa0000", None),  # cut
        ("", None),
    ],
)
def test_jumps_of_intel_are_told_by_where_they_lead(code, found):
    target = 0x1100 if found != 0x1002 else 0x1102

    assert find_jump(bytes.fromhex(code), 0x1000, target) == found


def test_branches_of_a64_are_told_by_where_they_lead():
    code = b"".join(word.to_bytes(4, "little") for word in (0xD503201F, 0x14000004, 0x94000003))

    assert find_jump_64(code, 0x1000, 0x1014) == 0x1004  # b +16; bl +12 leads there, too
    assert find_jump_64(code, 0x1000, 0x1018) is None
