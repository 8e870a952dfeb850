import sys

import pytest

from crashtool.errors import MissingLibrary
from crashtool.model.crash import Registers
from crashtool.services.analyze.instruction import describe_instruction

pytest.importorskip("capstone")
NAMES = {
    "x86_64": ("rip", "rsp", "rbp", 8),
    "x86": ("eip", "esp", "ebp", 4),
    "arm64": ("pc", "sp", "fp", 8),
    "arm": ("pc", "sp", "r11", 4),
}
PLACE = 0x401000


def describe(architecture, code, **values):
    instruction, stack, frame, width = NAMES[architecture]
    values = {instruction: PLACE, stack: 0x7000, frame: 0x7100} | values
    registers = Registers(
        architecture, width, values, values[instruction], values[stack], values[frame]
    )
    content = bytes.fromhex(code)

    def read_code(address, size):
        assert address == PLACE
        return content[:size] if len(content) >= size else None

    return describe_instruction(registers, read_code)


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("488b4718", {"rdi": 0}, "mov rax, qword [rdi + 0x18]   reads 0x18: rdi is 0x0"),
        ("c704254500000005000000", {}, "mov dword [0x45], 5   writes 0x45"),
        (
            "488b04c8",
            {"rax": 0x1000, "rcx": 2},
            "mov rax, qword [rax + rcx*8]   reads 0x1010: rax is 0x1000, rcx is 0x2",
        ),
        ("8b0500010000", {}, "mov eax, dword [rip + 0x100]   reads 0x401106"),
        (
            "488b40f8",
            {"rax": 0},
            "mov rax, qword [rax - 8]   reads 0xfffffffffffffff8: rax is 0x0",
        ),
        ("678b00", {"rax": 0xFFFFFFFF00000010}, "mov eax, dword [eax]   reads 0x10"),
        ("64488b042528000000", {}, "mov rax, qword fs:[0x28]"),
        ("488d4718", {"rdi": 0}, "lea rax, [rdi + 0x18]"),
        ("55", {"rbp": 1}, "push rbp   writes 0x6ff8: rsp is 0x7000"),
        ("c3", {}, "ret   reads 0x7000: rsp is 0x7000"),
        (
            "ff5010",
            {"rax": 0},
            "call qword [rax + 0x10]   reads 0x10: rax is 0x0; writes 0x6ff8: rsp is 0x7000",
        ),
        (
            "48a5",
            {"rsi": 0x10, "rdi": 0x20},
            "movsq qword [rdi], qword [rsi]   writes 0x20: rdi is 0x20; reads 0x10: rsi is 0x10",
        ),
        ("830001", {"rax": 1}, "add dword [rax], 1   reads and writes 0x1: rax is 0x1"),
        ("0f1100", {"rax": 1}, "movups xmmword [rax], xmm0   writes 0x1: rax is 0x1"),
        ("0f1000", {"rax": 1}, "movups xmm0, xmmword [rax]   reads 0x1: rax is 0x1"),
        ("0f0b", {}, "ud2"),
        ("ffd0", {"rax": 0}, "call rax   writes 0x6ff8: rsp is 0x7000"),
    ],
)
def test_x86_64_instructions_and_the_memory_they_touch(code, values, words):
    assert describe("x86_64", code, **values) == words


def test_x86_addresses_stay_within_a_pointer():
    words = describe("x86", "8b40ff", eax=0)
    assert words == "mov eax, dword [eax - 1]   reads 0xffffffff: eax is 0x0"
    assert describe("x86", "53", ebx=1) == "push ebx   writes 0x6ffc: esp is 0x7000"


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("000c40f9", {"x0": 0}, "ldr x0, [x0, #0x18]   reads 0x18: x0 is 0x0"),
        ("200800f9", {"x1": 0}, "str x0, [x1, #0x10]   writes 0x10: x1 is 0x0"),
        (
            "207861f8",
            {"x1": 0x10},
            "ldr x0, [x1, x1, lsl #3]   reads 0x90: x1 is 0x10",
        ),
        ("a0435fb8", {}, "ldur w0, [x29, #-0xc]   reads 0x70f4: fp is 0x7100"),
        ("e00340f9", {}, "ldr x0, [sp]   reads 0x7000: sp is 0x7000"),
    ],
)
def test_arm64_instructions(code, values, words):
    assert describe("arm64", code, **values) == words


def test_arm_and_thumb_instructions():
    words = describe("arm", "041090e5", r0=0, cpsr=0)
    assert words == "ldr r1, [r0, #4]   reads 0x4: r0 is 0x0"
    assert describe("arm", "4168", r0=0, cpsr=1 << 5) == words
    assert describe("arm", "040010e5", r0=8, cpsr=0).endswith("reads 0x4: r0 is 0x8")
    assert "reads 0x401018" in describe("arm", "10009fe5", cpsr=0)
    assert describe("arm", "04001be5").endswith("reads 0x70fc: fp is 0x7100")


def test_memory_whose_address_is_not_known_is_left_out():
    assert describe("x86_64", "488b4718") == "mov rax, qword [rdi + 0x18]"


def test_half_an_instruction_or_none_gives_no_words():
    assert describe("x86_64", "") == ""
    assert describe("x86_64", "488b") == ""
    assert describe("x86_64", "ff") == ""
    assert describe("arm64", "00000000").startswith("udf") or describe("arm64", "00000000") == ""


def test_an_instruction_at_the_end_of_the_code_is_read():
    assert describe("x86_64", "488b4718", rdi=0).startswith("mov")
    assert describe("x86_64", "c3").startswith("ret")


def test_an_architecture_that_is_not_known_gives_no_words():
    registers = Registers("mips", 4, {}, PLACE, 0, 0)
    assert describe_instruction(registers, lambda _address, size: bytes(size)) == ""


def test_without_capstone_it_is_said_that_there_are_no_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "capstone", None)
    with pytest.raises(MissingLibrary, match="capstone is not installed: the instruction"):
        describe("x86_64", "c3")


def test_no_bytes_whatsoever_give_an_error():
    for architecture in NAMES:
        for first in range(256):
            for second in (0, 0x4F, 0xFF):
                words = describe(architecture, bytes((first, second, 0x80, 4)).hex() * 4)
                assert words == "" or words.isprintable(), (architecture, first, second)
