"""Registers that no call need keep, and that the innermost function has left alone all the same."""

from typing import NamedTuple

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


class Caller(NamedTuple):
    """The frame that called it."""

    return_address: int


class Inner:
    """The innermost frame, whose registers are all 1, of a function with this code."""

    base = BASE

    def __init__(self, call, code, pieces=None, start=FUNCTION, stop=None, resume=None, teb=0):
        """It stands at the instruction at `stop`, else at what it returns by, if that is last; or
        in the call that ends at `resume`. `teb`: of a thread of Windows.
        """
        self.code = {
            BASE + CALL: bytes.fromhex(call),
            BASE + start: bytes.fromhex(code),
        }
        size = len(self.code[BASE + start])
        self.pieces = pieces or ((start, start + size),)
        last = {"c3": size - 1, "d6": size - 4}.get(code[-2:], 0)
        self.address = BASE + start + (last if stop is None else stop)
        self.return_address = None if resume is None else BASE + start + resume
        self.caller = Caller(BASE + CALL + len(self.code[BASE + CALL]))
        self.teb = teb

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
    ("code", "places", "expected"),
    [
        # push rax; call; mov esi, 1; ret: before the call, in it, and behind it
        ("50 e8 00 00 00 00 be 01 00 00 00 c3", {"stop": 0}, [True, True]),
        ("50 e8 00 00 00 00 be 01 00 00 00 c3", {"resume": 6}, [True, True]),
        ("50 e8 00 00 00 00 be 01 00 00 00 c3", {"stop": 6}, [False, False]),
        # test edi, edi; je +5; call; mov esi, [rdx]; ret: the call may have been
        ("85 ff 74 05 e8 00 00 00 00 8b 32 c3", {"stop": 9}, [False, False]),
        # test edi, edi; je +6; call; ret; mov eax, [rdx]; ret: it has surely not been
        ("85 ff 74 06 e8 00 00 00 00 c3 8b 02 c3", {"stop": 10}, [True, True]),
        # the same on Windows, where what catches may lead there
        ("85 ff 74 06 e8 00 00 00 00 c3 8b 02 c3", {"stop": 10, "teb": 1}, [False, False]),
        # mov eax, [rdx]; mov esi, 1; ret
        ("8b 02 be 01 00 00 00 c3", {"stop": 0}, [True, True]),
        # mov eax, [rdx]; mov esi, 1; jmp to the first; int3
        ("8b 02 be 01 00 00 00 eb f7 cc", {"stop": 0}, [False, True]),
        # call; jmp to itself: in the call, which may have been before
        ("e8 00 00 00 00 eb f9", {"resume": 5}, [False, False]),
        # jmp +1; ret; mov eax, [rdx]; ret, and with nop in place of the first ret
        ("eb 01 c3 8b 02 c3", {"stop": 3}, [True, True]),
        ("eb 01 90 8b 02 c3", {"stop": 3}, [True, True]),
        # ret; mov eax, [rdx]: no code of the function leads there
        ("c3 8b 02 c3", {"stop": 1}, [False, False]),
        # ret; mov eax, [rdx]; jmp to the one before: nor there
        ("c3 8b 02 eb fc", {"stop": 1}, [False, False]),
        # je +4; ud2; mov esi, edi; mov eax, [rdx]: nothing goes on behind ud2
        ("74 04 0f 0b 89 fe 8b 02 c3", {"stop": 6}, [False, False]),
        # je +1 into the middle of another instruction
        ("74 01 b8 90 90 90 90 c3", {"stop": 7}, [False, False]),
        # no instruction begins there, and no call ends there
        ("b8 01 00 00 00 8b 02 c3", {"stop": 2}, [False, False]),
        ("b8 01 00 00 00 8b 02 c3", {"resume": 5}, [False, False]),
    ],
)
def test_only_what_may_have_run_before_counts(code, places, expected):
    assert read(code, "rsi", "rdi", **places) == expected


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
