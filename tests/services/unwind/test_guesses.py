"""Walks where no rule leads on, each drawn as its stack: what lies nearer wins."""

import pytest

from crashtool.formats.breakpad.stack_records import CfiText, WinRecord
from crashtool.formats.breakpad.symbol_file import FunctionHit
from crashtool.services.unwind import walker
from crashtool.services.unwind.arm import ARM64
from crashtool.services.unwind.intel import AMD64, AMD64_WINDOWS, X86
from crashtool.services.unwind.walker import walk
from tests.synth.stack import CODE, Tables, make_scene

STACK = 0x7000
LEAF, HELPER, MAIN = 0x100, 0x200, 0x300  # functions, from the module's base
IN_LEAF, IN_HELPER, IN_MAIN = 0x140, 0x240, 0x340  # places behind their calls
FUNCTIONS = tuple(
    FunctionHit(name, start, 0x100)
    for name, start in (("leaf", LEAF), ("helper", HELPER), ("main", MAIN), ("other", 0x400))
)
PUSH_SET = b"\x55\x48\x89\xe5"  # push rbp; mov rbp, rsp


def stack(*words, width=8, start=STACK):
    """Words from the stack pointer up; a place in the module is given from its base."""
    return {start + number * width: value for number, value in enumerate(words)}


def at(offset):
    return CODE + offset


def code(*pieces):
    """Code by offset: `(offset, bytes)`; the rest is nop."""
    return {place + i: byte for place, raw in pieces for i, byte in enumerate(raw)}


def call(back, target):
    """A direct call of `target` that returns to `back`."""
    return back - 5, b"\xe8" + (target - back).to_bytes(4, "little", signed=True)


def indirect(back):
    return back - 2, b"\xff\xd0"


def offsets(scene, **registers):
    machine = scene.machine
    return [step.registers[machine.instruction_pointer] - CODE for step in walk(scene, registers)]


class PartlyKnown(Tables):
    """Code is at hand from `main` on."""

    def read_code(self, address, size):
        return super().read_code(address, size) if address >= MAIN else None


class TestNearness:
    def test_a_call_of_the_function_comes_before_a_callers_frame_pointer(self):
        """A function in assembly, without rules, that keeps no frame: rbp is its caller's."""
        words = stack(1, 2, at(IN_HELPER), 5, STACK + 0x40, at(IN_MAIN))
        tables = Tables(
            FUNCTIONS, code=code(call(IN_HELPER, LEAF), call(IN_MAIN, HELPER), (LEAF, b"\x53"))
        )
        scene = make_scene(AMD64, words | {STACK + 0x40: 0}, tables)

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=STACK + 0x20)[:3] == [
            IN_LEAF, IN_HELPER, IN_MAIN,
        ]  # fmt: skip

    def test_a_frame_pointer_that_the_function_has_set_up_comes_before_leftovers(self):
        words = stack(at(IN_HELPER), 2, STACK + 0x30, at(IN_MAIN)) | {STACK + 0x30: 0}
        tables = Tables(
            FUNCTIONS, code=code((LEAF, PUSH_SET), indirect(IN_HELPER), indirect(IN_MAIN))
        )
        scene = make_scene(AMD64, words, tables)

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=STACK + 0x10)[:2] == [
            IN_LEAF,
            IN_MAIN,
        ]

    def test_a_likely_caller_comes_before_a_frame_pointer_of_unknown_owner(self):
        """The innermost code is not at hand, the program's is: a library that keeps no frames."""
        words = stack(1, at(IN_HELPER), 2, STACK + 0x40, at(IN_MAIN)) | {STACK + 0x40: 0}
        tables = Tables(FUNCTIONS[1:], code=code(indirect(IN_HELPER), indirect(IN_MAIN)))
        scene = make_scene(AMD64, words, tables)

        assert offsets(scene, rip=at(0x20), rsp=STACK, rbp=STACK + 0x18)[:2] == [0x20, IN_HELPER]

    def test_a_frame_pointer_says_that_it_may_skip_what_cannot_be_judged(self):
        words = stack(1, at(IN_HELPER), STACK + 0x30, at(IN_MAIN)) | {STACK + 0x30: 0}
        scene = make_scene(AMD64, words)

        steps = list(walk(scene, {"rip": at(0x20), "rsp": STACK, "rbp": STACK + 0x10}))

        assert steps[1].trust == "frame_pointer"
        assert steps[1].may_skip

    def test_64_bit_windows_keeps_no_chain_of_frame_pointers(self):
        words = stack(at(IN_HELPER), 2, STACK + 0x30, at(IN_MAIN)) | {STACK + 0x30: 0}
        scene = make_scene(AMD64_WINDOWS, words, platform="windows")

        steps = list(walk(scene, {"rip": at(0x20), "rsp": STACK, "rbp": STACK + 0x10}))

        assert [step.registers["rip"] - CODE for step in steps] == [0x20, IN_HELPER, IN_MAIN]
        assert {step.trust for step in steps[1:]} == {"scan"}

    @pytest.mark.parametrize(
        ("program", "expected"),
        [
            ("$eip .raSearch ^ = $esp .raSearch 4 + =", IN_HELPER),
            ("$T0 $ebp 8 @ = $eip .raSearch ^ = $esp .raSearch 4 + =", IN_MAIN),
        ],
    )
    def test_a_frame_record_is_searched_around_the_place_that_it_names(self, program, expected):
        """Near it stands code that is not at hand; far away a leftover whose code is."""
        record = WinRecord(4, LEAF, 0x100, 0, 0, 0, 0, 4, 0, program, allocates_base_pointer=False)
        words = stack(0, at(IN_HELPER), 3, 4, STACK + 0x30, at(IN_MAIN), width=4)
        scene = make_scene(
            X86, words | {STACK + 0x30: 0}, Tables(win=(record,)), platform="windows"
        )

        found = offsets(scene, eip=at(IN_LEAF), esp=STACK, ebp=STACK + 0x10)

        assert found[1] == expected


class TestTrials:
    RSP = ".cfa: rsp 16 + .ra: .cfa -8 + ^"
    RBP = ".cfa: rbp 16 + .ra: .cfa -8 + ^"

    def test_a_leftover_whose_rules_lead_nowhere_is_passed_over(self):
        """An unwinder's own record of a frame, deep in the C++ runtime."""
        words = stack(at(IN_HELPER), 5, 0x1234, at(IN_MAIN), 6, at(0x440))
        tables = Tables(
            cfi=(CfiText(HELPER, 0x100, self.RSP), CfiText(MAIN, 0x100, self.RSP)),
            code=code(indirect(IN_HELPER), indirect(IN_MAIN), indirect(0x440)),
        )
        scene = make_scene(AMD64, words, tables)

        assert offsets(scene, rip=at(0x20), rsp=STACK, rbp=0) == [0x20, IN_MAIN, 0x440]

    def test_rules_by_a_frame_pointer_that_a_scan_cannot_know_refute_nothing(self):
        words = stack(3, at(IN_HELPER), 5, 6, at(IN_MAIN), 0, 0)
        tables = Tables(
            FUNCTIONS,
            cfi=(CfiText(HELPER, 0x100, self.RBP), CfiText(MAIN, 0x100, ".cfa: rsp 8 +")),
            code=code(indirect(IN_HELPER), call(IN_MAIN, HELPER)),
        )
        scene = make_scene(AMD64, words, tables)

        assert offsets(scene, rip=at(0x20), rsp=STACK, rbp=0) == [0x20, IN_HELPER, IN_MAIN]

    def test_a_stored_pointer_to_a_function_is_no_return_address(self):
        words = stack(at(MAIN), at(IN_HELPER))
        scene = make_scene(AMD64, words, Tables(FUNCTIONS))

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0)[:2] == [IN_LEAF, IN_HELPER]

    def test_a_call_that_ends_a_section_is_seen(self):
        """A call of abort() can stand in the first bytes of the cold code, a section of its own."""

        class Clipped(Tables):
            def read_code(self, address, size):
                return super().read_code(address, size) if address >= 0x300 else b""

        words = stack(1, at(0x302))
        scene = make_scene(AMD64, words, Clipped(code=code(indirect(0x302))))

        assert offsets(scene, rip=at(0x380), rsp=STACK, rbp=0)[:2] == [0x380, 0x302]


class TestEnds:
    def test_rules_that_lead_to_filler_lead_nowhere(self):
        words = stack(*[0xFEFEFEFEFEFEFEFE] * 8)
        scene = make_scene(AMD64, words, Tables(cfi=(CfiText(LEAF, 0x100, TestTrials.RSP),)))

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0) == [IN_LEAF]

    def test_what_calls_libc_start_main_is_the_last_frame(self):
        functions = (FunctionHit("__libc_start_main_impl", LEAF, 0x100), *FUNCTIONS[1:])
        words = stack(1, at(IN_HELPER), 5, at(IN_MAIN))
        scene = make_scene(
            AMD64, words, Tables(functions, cfi=(CfiText(0x100, 0x100, TestTrials.RSP),))
        )

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0) == [IN_LEAF, IN_HELPER]

    def test_a_frame_at_the_initial_stack_of_a_process_is_the_last(self):
        """argc, argv, null, environment, null, then what the kernel tells of the machine."""
        strings = STACK + 0x100
        initial = (2, strings, strings + 8, 0, strings + 16, 0, 6, 4096, 0, 0, at(IN_MAIN))
        words = stack(1, at(IN_HELPER), 7, *initial) | stack(1, 2, 3, start=strings)
        scene = make_scene(AMD64, words)

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0) == [IN_LEAF, IN_HELPER]

    def test_a_small_number_and_a_pointer_are_no_initial_stack(self):
        words = stack(1, at(IN_HELPER), 1, STACK + 0x100, 0, at(IN_MAIN), 0, 0, 0, 0)
        scene = make_scene(AMD64, words | {STACK + 0x100: 0})

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0) == [IN_LEAF, IN_HELPER, IN_MAIN]

    def test_a_walk_has_a_longest(self, monkeypatch):
        monkeypatch.setattr(walker, "MOST_FRAMES", 100)
        rules = (CfiText(0, 0x1000, f".cfa: rsp 8 + .ra: {at(IN_LEAF)}"),)
        scene = make_scene(AMD64, {}, Tables(cfi=rules))

        assert len(offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0)) == 100


class TestGeneratedCode:
    JIT = 0x900000

    @pytest.mark.parametrize(("executable", "count"), [(True, 3), (False, 1), (None, 1)])
    def test_a_chain_leads_through_it_where_the_memory_map_says_that_it_is_code(
        self, executable, count
    ):
        words = stack(0, 0, STACK + 0x20, self.JIT, STACK + 0x40, at(IN_MAIN)) | {STACK + 0x40: 0}
        scene = make_scene(AMD64, words, executable=executable)
        registers = {"rip": at(IN_LEAF), "rsp": STACK + 8, "rbp": STACK + 0x10}

        found = [s.registers["rip"] for s in walk(scene, registers) if s.trust != "scan"]

        assert len(found) == count


class TestSignals:
    def test_a_frame_of_the_kernel_is_known_by_its_segment_registers(self):
        """The C library, whose code a handler returns to, is not at hand."""
        interrupted = {
            40 + 8 * 15: STACK + 0x400,
            40 + 8 * 16: at(IN_MAIN),
            40 + 8 * 18: 0x2B << 48 | 0x33,
        }
        words = {STACK + 8 + place: value for place, value in interrupted.items()}
        words |= stack(at(0x50))
        rules = (CfiText(LEAF, 0x100, ".cfa: rsp 8 + .ra: .cfa -8 + ^"),)
        scene = make_scene(AMD64, words, Tables(FUNCTIONS, cfi=rules))

        steps = list(walk(scene, {"rip": at(IN_LEAF), "rsp": STACK, "rbp": 0}))

        assert [step.registers["rip"] - CODE for step in steps] == [IN_LEAF, 0x50, IN_MAIN]
        assert steps[2].is_exact


def a64(*words):
    return b"".join(word.to_bytes(4, "little") for word in words)


class TestLinkRegister:
    """ARM64: the link register is the caller's until the function calls another."""

    BL = 0x94000000
    SAVE, RESTORE, NOP, RET = 0xA9BF7BFD, 0xA8C17BFD, 0xD503201F, 0xD65F03C0

    def walk(self, body, link, *, functions=FUNCTIONS, more=()):
        words = stack(STACK + 0x20, at(IN_MAIN), 0, 0, 0, 0)
        bl = (self.BL | (LEAF - (IN_HELPER - 4)) // 4 & 0x3FFFFFF).to_bytes(4, "little")
        pieces = [(LEAF, a64(*body)), (IN_HELPER - 4, bl), (IN_MAIN - 4, bl), *more]
        scene = make_scene(ARM64, words, Tables(functions, code=code(*pieces)))
        return offsets(scene, pc=at(LEAF + 4 * len(body)), sp=STACK, fp=STACK, lr=at(link))

    def test_is_believed_in_a_leaf(self):
        assert self.walk([self.NOP] * 3, IN_HELPER)[1] == IN_HELPER

    def test_is_stale_once_the_function_has_saved_it(self):
        assert self.walk([self.SAVE, self.NOP], IN_HELPER)[1] == IN_MAIN

    def test_is_believed_again_once_the_function_has_taken_it_back(self):
        assert self.walk([self.SAVE, self.NOP, self.RESTORE], IN_HELPER)[1] == IN_HELPER

    def test_is_stale_when_it_leads_into_the_function_itself(self):
        body = [self.NOP, self.BL | 0x100, self.NOP, self.NOP]

        assert self.walk(body, LEAF + 8)[1] == IN_MAIN

    def test_is_stale_without_symbols_when_code_runs_on_from_there(self):
        body = [self.NOP, self.BL | 0x100, self.NOP, self.NOP]

        assert self.walk(body, LEAF + 8, functions=())[1] == IN_MAIN
