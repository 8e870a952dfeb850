"""Registers that no call need keep, and that the innermost function has left alone all the same."""

import pytest

from crashtool.errors import MissingLibrary
from crashtool.formats.variables.places import FoundScope
from crashtool.model.crash import Registers
from crashtool.services.analyze.variables.kept_registers import KeptRegisters

pytest.importorskip("capstone")

from crashtool.services.analyze.instruction import decode_code

BASE, CALL, FUNCTION = 0x400000, 0x1000, 0x1100
INTEL_CALL = "e8 fb 00 00 00"  # from CALL to FUNCTION
WIDTHS = {"x86": 4, "x86_64": 8, "arm64": 8}


class Inner:
    """The innermost frame, whose registers are all 1, of a function with this code."""

    base = BASE

    def __init__(self, call, code, pieces=None, start=FUNCTION):
        self.code = {
            BASE + CALL: bytes.fromhex(call),
            BASE + start: bytes.fromhex(code),
        }
        self.pieces = pieces or ((start, start + len(self.code[BASE + start])),)
        self.return_address = BASE + CALL + len(self.code[BASE + CALL])
        self.caller = self  # of which the return address is asked for

    def find_scopes(self):
        return [FoundScope((), self.pieces, (0, 0))]

    def read_code(self, address, size):
        for start, content in self.code.items():
            if start <= address and address + size <= start + len(content):
                return content[address - start : address - start + size]
        return None

    def read_register(self, _name):
        return b"\1"


def read(code, *names, call=INTEL_CALL, architecture="x86_64", **places):
    registers = Registers(architecture, WIDTHS[architecture], {}, 0, 0, 0)
    inner = Inner(call, code, **places)
    kept = KeptRegisters(inner, architecture, lambda *code: decode_code(registers, *code))
    return [kept.read(name) is not None for name in names]


@pytest.mark.parametrize(
    ("code", "names", "expected"),
    [
        ("8b 07 c3", ("rdi", "rsi", "rax"), [True, True, False]),  # mov eax, [rdi]; ret
        ("48 39 f7 74 01 90 c3", ("rdi", "rsi"), [True, True]),  # cmp rdi, rsi; je
        ("89 f0 c3", ("rsi", "rax"), [True, False]),  # mov eax, esi
        ("40 b6 01 c3", ("rsi", "rdi"), [False, True]),  # mov sil, 1
        ("48 87 f7 c3", ("rsi", "rdi", "rdx"), [False, False, True]),  # xchg rdi, rsi
        ("f3 aa c3", ("rdi", "rcx", "rsi"), [False, False, True]),  # rep stosb
        ("48 f7 e6 c3", ("rdx", "rax", "rdi"), [False, False, True]),  # mul rsi
        ("66 0f 2e c8 c3", ("xmm0", "xmm1"), [True, True]),  # ucomisd xmm1, xmm0
        (
            "c5 ec 58 d9 c3",
            ("xmm3", "xmm2", "xmm1"),
            [False, True, True],
        ),  # vaddps ymm3, ymm2, ymm1
        ("c5 fc 77 c3", ("xmm1", "rdi"), [False, True]),  # vzeroall
    ],
)
def test_what_the_function_never_writes_to_is_as_it_was(code, names, expected):
    assert read(code, *names) == expected


@pytest.mark.parametrize(
    "code",
    [
        "e8 00 00 00 00 c3",  # call
        "ff d0 c3",  # call rax
        "0f 05 c3",  # syscall
        "eb 70",  # jmp out of it
        "ff e0",  # jmp rax: by a table, or to another function
        "8b 07 06",  # no code
    ],
)
def test_nothing_is_known_of_a_function_that_leaves_its_code(code):
    assert read(code, "rsi") == [False]


@pytest.mark.parametrize(
    ("call", "pieces"),
    [
        ("e8 fc 00 00 00", None),  # to another function, which may have jumped on
        ("90 90 90 ff d0", None),  # through a pointer
        ("", None),
        (INTEL_CALL, ((FUNCTION, FUNCTION + 0x100),)),  # of which the code is not at hand
        (INTEL_CALL, ((FUNCTION, FUNCTION + (1 << 20)),)),
    ],
)
def test_nothing_is_known_without_the_call_that_led_there(call, pieces):
    assert read("8b 07 c3", "rsi", call=call, pieces=pieces) == [False]


@pytest.mark.parametrize(
    ("code", "names", "expected"),
    [
        (
            "20 00 40 b9 c0 03 5f d6",
            ("x0", "x1", "x2", "lr"),
            [False, True, True, False],
        ),  # ldr w0, [x1]
        ("20 84 40 f8 c0 03 5f d6", ("x1", "x2"), [False, True]),  # ldr x0, [x1], #8
        (
            "20 08 c1 a8 c0 03 5f d6",
            ("x0", "x2", "x3"),
            [False, False, True],
        ),  # ldp x0, x2, [x1], #16
    ],
)
def test_arm64(code, names, expected):
    call = "40 00 00 94"
    assert read(code, *names, call=call, architecture="arm64") == expected
    assert read(code, "x9", call="40 00 00 14", architecture="arm64") == [False]  # no call
    back = {"call": "c0 ff ff 97", "start": CALL - 0x100}
    assert read(code, *names, architecture="arm64", **back) == expected


def test_x86():
    assert read("8b 07 c3", "edi", "eax", architecture="x86") == [True, False]


def test_without_a_disassembler_nothing_is_known():
    def refuse(*_):
        raise MissingLibrary("capstone", "no instructions")

    kept = KeptRegisters(Inner(INTEL_CALL, "8b 07 c3"), "x86_64", refuse)
    assert kept.read("rsi") is None
