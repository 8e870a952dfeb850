"""Variables of callers in registers that each function since has left alone."""

import pytest

pytest.importorskip("capstone")

from crashtool.formats.variables.places import FoundScope, FoundVariable, RegisterPlace
from crashtool.model.crash import Frame
from crashtool.model.module import Module
from crashtool.services.analyze.variables.frames import WalkedStack, add_variables
from crashtool.services.analyze.variables.limits import Limits
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.unwind.intel import AMD64
from crashtool.services.unwind.unwind_context import Loaded, StackFrame
from tests.services.analyze.variables.frames import INT

BASE = 0x400000
INNER, MIDDLE, OUTER = 0x100, 0x200, 0x300
CALL = "50 e8 fa fe ff ff c3"  # push rax; call, to 0x100 before; ret
POP_AND_CALL = "5e e8 fa fe ff ff c3"  # pop rsi; call; ret
READ = "8b 02 c3"  # mov eax, [rdx]; ret


class Tables:
    """Three functions, each of which has a variable in `rsi` and one in `xmm1`."""

    def __init__(self, *codes):
        starts = (INNER, MIDDLE, OUTER)
        self.functions = {
            start: bytes.fromhex(code) for start, code in zip(starts, codes, strict=True)
        }

    def find_variables(self, address):
        start = address & ~0xFF
        held = [
            FoundVariable(register, "local", INT, lambda _view, name=register: RegisterPlace(name))
            for register in ("rsi", "xmm1")
        ]
        code = ((start, start + len(self.functions[start])),)
        return [FoundScope(tuple(held), code, (0, 0))]

    def read_code(self, address, size):
        start = address & ~0xFF
        return self.functions[start][address - start : address - start + size]

    def read_constants(self, _address, _size):
        return None


class NoMemory:
    def read(self, _address, _size):
        return None


def read_callers(*codes, trust="cfi", interrupted=None):
    """The values in the caller of the innermost function, and in that one's caller. `interrupted`:
    where in the first of these a signal came, if one did, with 5 in `rsi`.
    """
    module = Module(BASE, 0x1000, "game", "/game")
    pointers = [
        BASE + INNER,
        BASE + MIDDLE + (6 if interrupted is None else interrupted),
        BASE + OUTER + 6,
    ]
    first = {"rsp": 0x7000, "rip": pointers[0], "rsi": 7}
    second = {"rsp": 0x7100, "rip": pointers[1]}
    steps = [
        StackFrame(first, "context", is_exact=True),
        StackFrame(
            second | ({} if interrupted is None else {"rsi": 5}),
            trust,
            is_exact=interrupted is not None,
        ),
        StackFrame({"rsp": 0x7200, "rip": pointers[2]}, "cfi"),
    ]
    frames = [
        Frame(pointer, step.trust, module, "draw")
        if step.is_exact
        else Frame(pointer - 1, step.trust, module, "draw", resume=pointer)
        for pointer, step in zip(pointers, steps, strict=True)
    ]
    vectors = {"xmm1": (9).to_bytes(16, "little")}
    stack = WalkedStack(steps, frames, AMD64, None, vectors)
    loaded = Loaded(module, Tables(*codes))
    wanted = WantedVariables(all_frames=True, limits=Limits())
    read = add_variables(stack, NoMemory(), lambda _address: loaded, wanted)
    return [[variable.value.text for variable in frame.variables] for frame in read[1:]]


def test_registers_are_known_as_far_as_each_function_has_left_them_alone():
    assert read_callers(READ, CALL, CALL) == [["7", "9"], ["7", "9"]]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("be 01 00 00 00 c3", CALL, CALL), [["", "9"], ["", "9"]]),  # mov esi, 1
        ((READ, POP_AND_CALL, CALL), [["7", "9"], ["", "9"]]),
        ((READ, CALL, POP_AND_CALL), [["7", "9"], ["7", "9"]]),  # of which nobody asks
        (("0f 28 c8 c3", CALL, CALL), [["7", ""], ["7", ""]]),  # movaps xmm1, xmm0
    ],
)
def test_what_a_function_may_have_written_to_all_its_callers_have_lost(codes, expected):
    # The innermost one stands at its first instruction, which may have been done in part.
    assert read_callers(*codes) == expected


def test_nothing_is_known_behind_a_frame_that_was_found_by_a_guess():
    assert read_callers(READ, CALL, CALL, trust="scan") == [["", ""], ["", ""]]


@pytest.mark.parametrize(("place", "expected"), [(1, "5"), (6, "")])
def test_a_function_that_a_signal_came_to_counts_up_to_there(place, expected):
    before, behind = read_callers(READ, CALL, CALL, interrupted=place)
    assert before == ["5", ""]
    assert behind == [expected, ""]
