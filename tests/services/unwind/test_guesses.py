"""Walks where no rule leads on, each drawn as its stack: what lies nearer wins."""

import pytest

from crashtool.formats.breakpad.symbol_file import FunctionHit
from crashtool.formats.unwind_rules import CfiText, FrameData
from crashtool.services.analyze.stack_ends import find_gap
from crashtool.services.unwind import walker
from crashtool.services.unwind.arm import ARM64
from crashtool.services.unwind.intel import AMD64, AMD64_WINDOWS, X86
from crashtool.services.unwind.unwind_context import NO_TABLES
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
            IN_LEAF,
            IN_HELPER,
            IN_MAIN,
        ]

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

    def test_a_scan_says_that_it_may_skip_what_cannot_be_judged(self):
        """A call is seen before the one, nothing is known of what stands before the other."""
        words = stack(at(IN_HELPER), 2, at(IN_MAIN))
        scene = make_scene(AMD64, words, PartlyKnown(code=code(indirect(IN_MAIN))))

        steps = list(walk(scene, {"rip": at(0x20), "rsp": STACK, "rbp": 0}))

        assert steps[1].registers["rip"] == at(IN_MAIN)
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
        record = FrameData(4, LEAF, 0x100, 0, 0, 0, 0, 4, 0, program, allocates_base_pointer=False)
        words = stack(0, at(IN_HELPER), 3, 4, STACK + 0x30, at(IN_MAIN), width=4)
        scene = make_scene(
            X86, words | {STACK + 0x30: 0}, Tables(win=(record,)), platform="windows"
        )

        found = offsets(scene, eip=at(IN_LEAF), esp=STACK, ebp=STACK + 0x10)

        assert found[1] == expected


class TestDetours:
    """musl's qsort() does nothing but jump to the function that sorts."""

    BACK, IN_CALLER = 0x4A0, 0x390  # behind the call of qsort; behind main's call of the caller

    def walk(self, jump):
        """
        sp > a local
             main + 0x90      an indirect call: a likely caller, if it were not farther than
             other + 0xa0     a call of helper, which jumps to leaf
        """
        words = stack(7, at(self.BACK), 8, at(self.IN_CALLER))
        pieces = [call(self.BACK, HELPER), indirect(self.IN_CALLER), jump]
        scene = make_scene(AMD64, words, Tables(FUNCTIONS, code=code(*pieces)))
        return offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0)[1]

    def jump(self, place, target):
        return place, b"\xe9" + (target - place - 5).to_bytes(4, "little", signed=True)

    def test_a_call_of_a_function_that_jumps_there_is_a_call(self):
        assert self.walk(self.jump(HELPER + 10, LEAF)) == self.BACK

    def test_a_jump_elsewhere_is_none(self):
        assert self.walk(self.jump(HELPER + 10, LEAF + 8)) == self.IN_CALLER

    def test_a_jump_in_the_function_behind_is_none(self):
        functions = (
            *FUNCTIONS[:1],
            FunctionHit("helper", HELPER, 8),
            FunctionHit("next", HELPER + 8, 64),
        )
        words = stack(7, at(self.BACK), 8, at(self.IN_CALLER))
        pieces = [call(self.BACK, HELPER), indirect(self.IN_CALLER), self.jump(HELPER + 10, LEAF)]
        tables = Tables((*functions, *FUNCTIONS[2:]), code=code(*pieces))

        found = offsets(make_scene(AMD64, words, tables), rip=at(IN_LEAF), rsp=STACK, rbp=0)

        assert found[1] == self.IN_CALLER


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
        monkeypatch.setattr(walker, "MAX_FRAMES", 100)
        rules = (CfiText(0, 0x1000, f".cfa: rsp 8 + .ra: {at(IN_LEAF)}"),)
        scene = make_scene(AMD64, {}, Tables(cfi=rules))

        assert len(offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=0)) == 100


class TestStarts:
    """x86 Windows: two functions of ntdll, each with a frame, start every thread."""

    NTDLL, KERNEL32 = CODE + 0x10000, CODE + 0x20000

    def walk(self, *words):
        others = [("ntdll.dll", NO_TABLES), ("kernel32.dll", NO_TABLES)]
        scene = make_scene(X86, stack(*words, width=4), platform="windows", others=others)
        steps = walk(scene, {"eip": self.KERNEL32 + 0x50, "esp": STACK, "ebp": STACK})
        return [step.registers["eip"] for step in steps][1:]

    def test_both_are_frames(self):
        """
        esp, ebp > saved ebp ---+
                   ntdll + 0x50 |   __RtlUserThreadStart
                   locals       |
               +-- saved ebp <--+
               |   ntdll + 0x20     _RtlUserThreadStart
               |   ntdll + 0x90     a leftover
               +-> 0
                   ntdll + 0x90
        """
        inner, outer, leftover = self.NTDLL + 0x50, self.NTDLL + 0x20, self.NTDLL + 0x90
        words = (STACK + 12, inner, 7, STACK + 24, outer, leftover, 0, leftover)

        assert self.walk(*words)[:2] == [inner, outer]

    def test_what_lies_in_another_module_did_not_start_them(self):
        inner, other = self.NTDLL + 0x50, self.KERNEL32 + 0x20

        assert self.walk(STACK + 12, inner, 7, STACK + 24, other, 0, 0, 0) == [inner]


class TestFarScans:
    """Of the code at hand nothing is known; far out on the stack is some that has rules."""

    RULES = tuple(
        CfiText(start, 0x100, ".cfa: rsp 16 + .ra: .cfa -8 + ^") for start in (HELPER, MAIN, 0x400)
    )
    FAR = 200  # words

    def walk(self, *words, cfi=RULES):
        others = [("named", Tables(FUNCTIONS, cfi=cfi))]
        scene = make_scene(AMD64, stack(*[0] * self.FAR, *words), others=others)
        return list(walk(scene, {"rip": at(IN_LEAF), "rsp": STACK, "rbp": 0}))

    def named(self, offset):
        return CODE + 0x10000 + offset

    def test_find_a_place_from_which_rules_lead_on_to_two_callers(self):
        chain = (self.named(IN_HELPER), 0, self.named(IN_MAIN), 0, self.named(0x440), 0, 0)

        steps = self.walk(self.named(IN_MAIN), 5, 6, *chain)

        assert [step.registers["rip"] for step in steps][1:] == [
            self.named(IN_HELPER),
            self.named(IN_MAIN),
            self.named(0x440),
        ]
        assert steps[1].trust == "scan"
        assert steps[1].may_skip

    def test_do_not_believe_a_place_without_two(self):
        assert len(self.walk(self.named(IN_HELPER), 0, self.named(IN_MAIN), 0, 5)) == 1
        chain = (self.named(IN_HELPER), 0, self.named(IN_MAIN), 0, self.named(0x440), 0)
        assert len(self.walk(*chain, cfi=())) == 1


class TestGeneratedCode:
    JIT = 0x900000

    def chain(self, *words, executable):
        """The frames that a chain from the third word on leads through, without guesses."""
        scene = make_scene(AMD64, stack(0, 0, *words), executable=executable)
        registers = {"rip": at(IN_LEAF), "rsp": STACK + 8, "rbp": STACK + 0x10}
        return [s.registers["rip"] for s in walk(scene, registers) if s.trust != "scan"]

    @pytest.mark.parametrize(("executable", "count"), [(True, 3), (False, 1), (None, 3)])
    def test_a_chain_leads_through_it_unless_the_memory_map_says_that_it_is_no_code(
        self, executable, count
    ):
        chain = (STACK + 0x20, self.JIT, STACK + 0x30, at(IN_MAIN), 0)

        assert len(self.chain(*chain, executable=executable)) == count

    def test_without_a_map_each_link_of_it_is_a_frame(self):
        """JavaScript that calls JavaScript, between two frames of the engine."""
        chain = (
            STACK + 0x20,
            self.JIT,
            STACK + 0x30,
            self.JIT + 0x80,
            STACK + 0x40,
            at(IN_MAIN),
            0,
        )

        assert self.chain(*chain, executable=None) == [
            at(IN_LEAF),
            self.JIT,
            self.JIT + 0x80,
            at(IN_MAIN),
        ]

    @pytest.mark.parametrize(
        "chain",
        [
            (STACK + 0x20, JIT, STACK + 0x30, JIT, 0, 0),  # it ends in no module
            (STACK + 0x20, JIT, STACK + 0x8, JIT),  # it turns back
            (STACK + 0x20, 0x12, STACK + 0x30, at(IN_MAIN), 0),  # a number, not an address
            (STACK + 0x20, STACK + 0x28, STACK + 0x30, at(IN_MAIN), 0),  # the stack itself
        ],
    )
    def test_without_a_map_a_chain_that_does_not_lead_back_to_a_module_is_none(self, chain):
        scene = make_scene(AMD64, stack(0, 0, *chain))
        scene.look_at(STACK, b"".join(w.to_bytes(8, "little") for w in (0, 0, *chain)))
        registers = {"rip": at(IN_LEAF), "rsp": STACK + 8, "rbp": STACK + 0x10}

        trusts = [step.trust for step in walk(scene, registers)]

        assert "frame_pointer" not in trusts


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


def cfi(start, rules, size=0x100):
    return CfiText(start, size, rules)


class TestRulesThatLeadNowhere:
    """Rules are right as far as the dump and the code that they lead to allow."""

    POP = ".cfa: $rsp 16 + .ra: .cfa -8 + ^"

    def test_a_stack_that_the_dump_lacks_ends_the_walk(self):
        """
        rsp > 0  a local
                 (nothing of what follows is in the dump: there the rules look)
        rbp > -  another stack: main's
        """
        other = 0x9000
        words = {STACK: 1, other: other + 0x20, other + 8: at(IN_MAIN), other + 0x20: 0}
        rules = cfi(LEAF, ".cfa: $rsp 512 + .ra: .cfa -8 + ^")
        tables = Tables(FUNCTIONS, cfi=(rules,), code=code(indirect(IN_MAIN)))
        scene = make_scene(AMD64, words, tables, executable=False)

        steps = list(walk(scene, {"rip": at(IN_LEAF), "rsp": STACK, "rbp": other}))

        assert [step.registers["rip"] for step in steps] == [at(IN_LEAF)]
        assert "no more of this stack" in find_gap(scene, steps)

    def test_a_stack_pointer_that_leads_to_no_memory_is_lost(self):
        """
        esp > 64 (no memory of the process: the function has lost its stack pointer)
        ebp > 0  the caller's frame pointer
              1  main
        """
        words = {STACK: 0, STACK + 4: at(IN_MAIN)}
        rules = cfi(LEAF, ".cfa: $esp 16 + .ra: .cfa -4 + ^")
        tables = Tables(FUNCTIONS, cfi=(rules,), code=code(indirect(IN_MAIN)))
        scene = make_scene(X86, words, tables)

        assert offsets(scene, eip=at(IN_LEAF), esp=64, ebp=STACK) == [IN_LEAF, IN_MAIN]

    def test_a_frame_that_was_guessed_does_not_tell_where_the_stack_is(self):
        """
        rsp > 0  helper           its rules go by a register that a scan does not know
              1  main
        """
        rules = cfi(HELPER, ".cfa: $rbp 512 + .ra: .cfa -8 + ^")
        tables = Tables(
            FUNCTIONS, cfi=(rules,), code=code(call(IN_HELPER, LEAF), call(IN_MAIN, HELPER))
        )
        scene = make_scene(AMD64, stack(at(IN_HELPER), at(IN_MAIN)), tables)

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK, rbp=STACK + 64)[:3] == [
            IN_LEAF,
            IN_HELPER,
            IN_MAIN,
        ]

    @pytest.mark.parametrize("pushed", [at(0x400), at(0x460)], ids=["a function", "a place in one"])
    def test_what_assembly_pushed_without_a_rule_is_no_caller(self, pushed):
        """
        rsp > 0  a local
              1  what it pushed   here the rules look: an address before which no call stands
              2  main             its own rules lead on
              3  a local of main
              4  outer
        """
        words = stack(1, pushed, at(IN_MAIN), 3, at(0x240))
        tables = Tables(
            FUNCTIONS,
            cfi=(cfi(LEAF, self.POP), cfi(MAIN, self.POP), cfi(HELPER, ".cfa: $rsp 0 +")),
            code=code(indirect(IN_MAIN), indirect(0x240)),
        )
        scene = make_scene(AMD64, words, tables)

        steps = list(walk(scene, {"rip": at(IN_LEAF), "rsp": STACK}))

        assert [step.registers["rip"] for step in steps][1:] == [at(IN_MAIN), at(0x240)]
        assert [step.trust for step in steps][1:] == ["scan", "cfi"]

    def test_where_nothing_better_lies_rules_are_believed(self):
        """
        rsp > 0  a local
              1  a function       where makecontext() lets a coroutine return to
              2  helper           a leftover: its rules lead to no call
              3  a local
              4  leaf
        """
        words = stack(1, at(0x400), at(IN_HELPER), 3, at(IN_LEAF))
        tables = Tables(
            FUNCTIONS,
            cfi=(cfi(LEAF, self.POP), cfi(HELPER, self.POP)),
            code=code(indirect(IN_HELPER)),
        )
        scene = make_scene(AMD64, words, tables)

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK)[:2] == [IN_LEAF, 0x400]

    def test_windows_kernel_enters_code_behind_no_call(self):
        """
        rsp > 0  a local
              1  a function       as the kernel enters a callback: rules alone know
              2  main
              3  a local of main
              4  outer
        """
        words = stack(1, at(0x460), at(IN_MAIN), 3, at(0x240))
        tables = Tables(
            FUNCTIONS,
            cfi=(cfi(LEAF, self.POP), cfi(MAIN, self.POP), cfi(HELPER, ".cfa: $rsp 0 +")),
            code=code(indirect(IN_MAIN), indirect(0x240)),
        )
        scene = make_scene(AMD64_WINDOWS, words, tables, platform="windows")

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK)[1] == 0x460

    def test_a_modules_data_is_no_caller(self):
        """
        rsp > 0  a local
              1  data             as position-independent code of i386 keeps in ebx
              2  main
        """
        words = stack(1, at(0x8000), at(IN_MAIN))
        tables = WithData(FUNCTIONS, cfi=(cfi(LEAF, self.POP),), code=code(indirect(IN_MAIN)))
        scene = make_scene(AMD64, words, tables, executable=False)

        assert offsets(scene, rip=at(IN_LEAF), rsp=STACK) == [IN_LEAF, IN_MAIN]


class WithData(Tables):
    """From 0x8000 on the module has data."""

    def read_code(self, address, size):
        return b"" if address >= 0x8000 else super().read_code(address, size)
