import pytest

from crashtool.formats.breakpad.symbol_file import FunctionHit
from crashtool.formats.unwind_rules import CfiText, FrameData
from crashtool.services.unwind.arm import ARM, ARM64, ARM_APPLE
from crashtool.services.unwind.intel import AMD64, AMD64_WINDOWS, X86
from crashtool.services.unwind.signal_frame import step_by_signal_frame
from crashtool.services.unwind.unwind_context import StackFrame
from crashtool.services.unwind.walker import walk
from tests.synth.stack import CODE, Tables, make_scene

STACK = 0x7000


def call_at(*returns, target=None):
    """Code whose calls end at these offsets from the module's start."""
    code = {}
    for place in returns:
        displacement = 0 if target is None else target - place
        raw = b"\xe8" + displacement.to_bytes(4, "little", signed=True)
        code |= {place - 5 + number: byte for number, byte in enumerate(raw)}
    return code


def indirect_at(*returns):
    return {
        place - 2 + number: byte for place in returns for number, byte in enumerate(b"\xff\xd0")
    }


def pointers(scene, registers):
    machine = scene.machine
    return [step.registers[machine.instruction_pointer] for step in walk(scene, registers)]


def trusts(scene, registers):
    return [step.trust for step in walk(scene, registers)]


def amd64(pc, sp=STACK, bp=0, **more):
    return {"rip": pc, "rsp": sp, "rbp": bp, **more}


class TestRules:
    RULES = (
        CfiText(0x100, 0x100, ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $rbx: .cfa -16 + ^"),
        CfiText(0x200, 0x100, ".cfa: $rbx 8 + .ra: .cfa -8 + ^"),
        CfiText(0x300, 0x100, ".cfa: $rsp 8 +"),
        CfiText(0x400, 0x100, ".cfa: $rax 8 + .ra: .cfa -8 + ^"),
    )

    def test_lead_from_caller_to_caller_and_restore_registers(self):
        words = {STACK: 0x7100, STACK + 8: CODE + 0x210, 0x7100: CODE + 0x310}
        scene = make_scene(AMD64, words, Tables(cfi=self.RULES))

        steps = list(walk(scene, amd64(CODE + 0x110)))

        assert [step.registers["rip"] - CODE for step in steps] == [0x110, 0x210, 0x310]
        assert [step.trust for step in steps] == ["context", "cfi", "cfi"]
        assert steps[1].registers["rbx"] == 0x7100
        assert steps[2].registers["rsp"] == 0x7108

    def test_lead_to_saved_halves_of_vectors_while_each_function_says_that_it_keeps_them(self):
        saved = ".cfa: sp 32 + .ra: .cfa -8 + ^"
        rules = (
            CfiText(0x100, 0x100, f"{saved} v8: .cfa -16 + ^ v9: v9"),
            CfiText(0x200, 0x100, f"{saved} v8: v8 v9: .cfa -16 + ^"),
            CfiText(0x300, 0x100, saved),
            CfiText(0x400, 0x100, f"{saved} v8: v8 v9: v9"),
        )
        words = {STACK + 0x10: 88, STACK + 0x30: 99}
        words |= {STACK + 0x18 + 0x20 * place: CODE + 0x210 + 0x100 * place for place in range(3)}
        words[STACK + 0x78] = 0
        scene = make_scene(ARM64, words, Tables(cfi=rules))

        steps = list(walk(scene, {"pc": CODE + 0x110, "sp": STACK, "fp": 0, "lr": 0}))

        halves = [(step.registers.get("v8"), step.registers.get("v9")) for step in steps]
        assert halves == [(None, None), (88, None), (88, 99), (None, None)]

    def test_end_with_a_function_that_nothing_called_but_is_returned_to(self):
        """makecontext() pushes the address of a function: a coroutine ends by returning to it."""
        words = {STACK: CODE + 0x500} | {STACK + 8 * place: CODE + 0x610 for place in range(1, 9)}
        rules = (
            CfiText(0x100, 0x100, ".cfa: $rsp 8 + .ra: .cfa -8 + ^"),
            CfiText(0x500, 0x20, ".cfa: $rsp 8 + .ra: .cfa -8 + ^"),
        )
        scene = make_scene(AMD64, words, Tables(cfi=rules))

        assert pointers(scene, amd64(CODE + 0x110)) == [CODE + 0x110, CODE + 0x500]

    def test_without_a_return_address_end_the_walk(self):
        scene = make_scene(AMD64, {STACK: CODE + 0x110}, Tables(cfi=self.RULES))

        assert pointers(scene, amd64(CODE + 0x310)) == [CODE + 0x310]

    def test_that_lead_to_zero_end_the_walk(self):
        words = {STACK: 0, STACK + 8: 0, STACK + 16: CODE + 0x110}
        scene = make_scene(AMD64, words, Tables(cfi=self.RULES))

        assert len(pointers(scene, amd64(CODE + 0x110))) == 1

    def test_that_ask_for_what_is_not_known_are_passed_over(self):
        words = {STACK: 1, STACK + 8: CODE + 0x110}
        scene = make_scene(AMD64, words, Tables(cfi=self.RULES))

        assert trusts(scene, amd64(CODE + 0x410))[:2] == ["context", "scan"]

    def test_a_preserved_register_that_cannot_be_read_is_forgotten(self):
        rules = (CfiText(0x100, 0x100, ".cfa: $rsp 8 + .ra: .cfa -8 + ^ $rbx: 64 ^"),)
        scene = make_scene(AMD64, {STACK: CODE + 0x210}, Tables(cfi=rules))

        steps = list(walk(scene, amd64(CODE + 0x110, rbx=5, r12=6)))

        assert "rbx" not in steps[1].registers
        assert steps[1].registers["r12"] == 6

    def test_the_call_is_looked_up_and_not_what_follows_it(self):
        rules = (*self.RULES[:1], CfiText(0x200, 0x100, ".cfa: $rsp 8 +"))
        words = {STACK: 1, STACK + 8: CODE + 0x200, STACK + 16: 2, STACK + 24: CODE + 0x280}
        scene = make_scene(AMD64, words, Tables(cfi=rules))

        assert pointers(scene, amd64(CODE + 0x110)) == [CODE + 0x110, CODE + 0x200, CODE + 0x280]

    def test_a_stack_that_does_not_grow_ends_the_walk(self):
        rules = (CfiText(0, 0x1000, ".cfa: $rsp .ra: $rip"),)
        scene = make_scene(AMD64, {STACK: 0}, Tables(cfi=rules))

        assert len(pointers(scene, amd64(CODE + 0x110))) == 1


class TestFramePointers:
    def test_are_followed_through_the_stack(self):
        words = {0x7010: 0x7040, 0x7018: CODE + 0x105, 0x7040: 0, 0x7048: CODE + 0x205}
        scene = make_scene(AMD64, words)

        steps = list(walk(scene, amd64(CODE + 0x10, bp=0x7010)))

        assert [step.registers["rip"] - CODE for step in steps] == [0x10, 0x105, 0x205]
        assert [step.registers["rsp"] for step in steps] == [STACK, 0x7020, 0x7050]
        assert [step.trust for step in steps][1:] == ["frame_pointer", "frame_pointer"]

    @pytest.mark.parametrize(
        "words",
        [
            {0x7010: 0x7040, 0x7018: 0x1234567890},  # no code
            {0x7010: 0x6000, 0x7018: CODE + 0x105, 0x6000: 0},  # a chain that turns back
            {0x7010: 0x9000, 0x7018: CODE + 0x105},  # a chain that leaves the stack
            {0x7010: 0x7040},
        ],
    )
    def test_that_lead_nowhere_are_not_followed(self, words):
        scene = make_scene(AMD64, words)

        assert "frame_pointer" not in trusts(scene, amd64(CODE + 0x10, bp=0x7010))

    @pytest.mark.parametrize("pointer", [0x7011, 0x6FF0])
    def test_that_are_not_in_the_stack_are_not_followed(self, pointer):
        words = {pointer: 0x7040, pointer + 8: CODE + 0x105, 0x7040: 0}
        scene = make_scene(AMD64, words)

        assert trusts(scene, amd64(CODE + 0x10, bp=pointer))[1:2] != ["frame_pointer"]

    def test_a_return_address_must_stand_behind_a_call(self):
        words = {0x7010: 0x7040, 0x7018: CODE + 0x105, 0x7040: 0, 0x7048: CODE + 0x205}
        scene = make_scene(AMD64, words, Tables(code=call_at(0x205)))

        assert "frame_pointer" not in trusts(scene, amd64(CODE + 0x10, bp=0x7010))

    def test_of_arm64_begin_in_the_link_register(self):
        words = {0x7010: 0x7040, 0x7018: CODE + 0x204, 0x7040: 0, 0x7048: CODE + 0x304}
        scene = make_scene(ARM64, words)
        signed = 0x1234_0000_0000_0000 | CODE + 0x104

        steps = list(walk(scene, {"pc": CODE + 0x10, "sp": STACK, "fp": 0x7010, "lr": signed}))

        assert [step.registers["pc"] - CODE for step in steps] == [0x10, 0x104, 0x204, 0x304]

    def test_of_apples_arm_are_in_r7(self):
        words = {0x7010: 0, 0x7014: CODE + 0x105}
        scene = make_scene(ARM_APPLE, words)

        steps = list(walk(scene, {"pc": CODE + 0x10, "sp": STACK, "r7": 0x7010, "lr": 0}))

        assert [step.registers["pc"] - CODE for step in steps] == [0x10, 0x104]

    def test_thumb_addresses_lose_their_mark(self):
        scene = make_scene(ARM, {})

        steps = list(walk(scene, {"pc": CODE + 0x10, "sp": STACK, "r11": 0, "lr": CODE + 0x105}))

        assert steps[1].registers["pc"] == CODE + 0x104


class TestScans:
    def test_find_the_nearest_value_that_is_code(self):
        words = {STACK: 5, STACK + 8: 0x123456, STACK + 16: CODE + 0x105, STACK + 24: CODE + 0x205}
        scene = make_scene(AMD64, words)

        assert pointers(scene, amd64(CODE + 0x10)) == [CODE + 0x10, CODE + 0x105, CODE + 0x205]
        assert trusts(scene, amd64(CODE + 0x10)) == ["context", "scan", "scan"]

    def test_hold_a_value_against_the_code_before_it(self):
        words = {STACK: CODE + 0x105, STACK + 8: CODE + 0x205}
        scene = make_scene(AMD64, words, Tables(code=indirect_at(0x205)))

        assert pointers(scene, amd64(CODE + 0x10)) == [CODE + 0x10, CODE + 0x205]

    def test_prefer_the_call_of_the_current_function(self):
        functions = (FunctionHit("f", 0x10, 0x40), FunctionHit("g", 0x100, 0x300))
        code = call_at(0x105, target=0x300) | call_at(0x205, target=0x10)
        words = {STACK: CODE + 0x105, STACK + 8: CODE + 0x205}
        scene = make_scene(AMD64, words, Tables(functions, code=code))

        assert pointers(scene, amd64(CODE + 0x20))[1] == CODE + 0x205

    def test_take_a_call_of_another_function_when_nothing_better_comes(self):
        functions = (FunctionHit("f", 0x10, 0x40), FunctionHit("g", 0x100, 0x300))
        code = call_at(0x105, target=0x300)
        scene = make_scene(AMD64, {STACK: CODE + 0x105}, Tables(functions, code=code))

        assert pointers(scene, amd64(CODE + 0x20))[1] == CODE + 0x105

    def test_take_a_call_through_a_stub_for_an_indirect_one(self):
        functions = (FunctionHit("f", 0x10, 0x40), FunctionHit("g", 0x100, 0x300))
        code = call_at(0x105, target=0x300) | {0x300: 0xFF, 0x301: 0x25}
        words = {STACK: CODE + 0x105, STACK + 8: CODE + 0x205}
        code |= indirect_at(0x205)
        scene = make_scene(AMD64, words, Tables(functions, code=code))

        assert pointers(scene, amd64(CODE + 0x20))[1] == CODE + 0x105

    def test_a_place_in_no_function_is_no_code(self):
        functions = (FunctionHit("f", 0x100, 0x10),)
        words = {STACK: CODE + 0x205, STACK + 8: CODE + 0x105}
        scene = make_scene(AMD64, words, Tables(functions))

        assert pointers(scene, amd64(CODE + 0x108))[1] == CODE + 0x105

    def test_memory_that_cannot_be_executed_is_no_code(self):
        scene = make_scene(AMD64, {STACK: CODE + 0x105}, executable=False)

        assert len(pointers(scene, amd64(CODE + 0x10))) == 1

    def test_do_not_go_on_for_ever(self):
        words = {STACK + 8 * number: 1 for number in range(200)} | {STACK + 1600: CODE + 0x105}
        scene = make_scene(AMD64, words)

        assert len(pointers(scene, amd64(CODE + 0x10))) == 1

    def test_find_a_frame_pointer_below_the_return_address(self):
        words = {STACK: 0x7040, STACK + 8: CODE + 0x105, 0x7040: 0, 0x7048: CODE + 0x205}
        scene = make_scene(AMD64, words)

        assert trusts(scene, amd64(CODE + 0x10)) == ["context", "scan", "frame_pointer"]


class TestBadCalls:
    def test_the_return_address_is_what_was_pushed_last(self):
        words = {STACK: CODE + 0x105, 0x7040: 0, 0x7048: CODE + 0x205}
        scene = make_scene(AMD64, words)

        steps = list(walk(scene, amd64(0, bp=0x7040)))

        assert [step.registers["rip"] for step in steps] == [0, CODE + 0x105, CODE + 0x205]
        assert steps[1].registers["rbp"] == 0x7040

    def test_of_arm64_left_it_in_the_link_register(self):
        scene = make_scene(ARM64, {})

        steps = list(walk(scene, {"pc": 0, "sp": STACK, "fp": 0, "lr": CODE + 0x104}))

        assert [step.registers["pc"] for step in steps] == [0, CODE + 0x104]

    def test_data_of_a_module_is_no_code(self):
        functions = (FunctionHit("f", 0x100, 0x100),)
        words = {STACK: CODE + 0x105, 0x7040: 0, 0x7048: CODE + 0x155}
        scene = make_scene(AMD64, words, Tables(functions))

        assert pointers(scene, amd64(CODE + 0x900, bp=0x7040))[1] == CODE + 0x105


class TestEnds:
    @pytest.mark.parametrize(
        ("platform", "name"),
        [
            ("linux", "_start"),
            ("linux", "clone3"),
            ("macos", "thread_start"),
            ("windows", "RtlUserThreadStart"),
        ],
    )
    def test_nothing_calls_where_threads_begin(self, platform, name):
        functions = (FunctionHit("f", 0x10, 0x10), FunctionHit(name, 0x100, 0x10))
        words = {STACK: CODE + 0x105, STACK + 8: CODE + 0x15}
        scene = make_scene(AMD64, words, Tables(functions), platform=platform)

        assert pointers(scene, amd64(CODE + 0x18)) == [CODE + 0x18, CODE + 0x105]

    def test_a_stack_that_is_not_in_the_dump(self):
        assert len(pointers(make_scene(AMD64, {}), amd64(CODE + 0x10))) == 1

    def test_a_context_without_a_stack_pointer(self):
        assert pointers(make_scene(AMD64, {}), {"rip": CODE + 0x10}) == [CODE + 0x10]


WIN = FrameData(4, 0x100, 0x100, 0, 0, 8, 4, 12, 0, "", allocates_base_pointer=False)


class TestWindows32:
    def test_frame_data_programs_lead_to_the_caller(self):
        program = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ ="
        tables = Tables(win=(WIN._replace(program=program),))
        words = {STACK + 12: 0x77, STACK + 16: CODE + 0x305}
        scene = make_scene(X86, words, tables, platform="windows")

        steps = list(walk(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0}))

        assert steps[1].registers["eip"] == CODE + 0x305
        assert steps[1].registers["esp"] == STACK + 20
        assert steps[1].registers["ebx"] == 0x77

    def test_fpo_data_does_so_without_a_program(self):
        scene = make_scene(
            X86, {STACK + 16: CODE + 0x305}, Tables(win=(WIN._replace(kind=0),)), platform="windows"
        )

        assert pointers(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0x33})[1] == CODE + 0x305

    def test_a_function_that_uses_ebp_has_saved_it(self):
        record = WIN._replace(kind=0, allocates_base_pointer=True, saved_register_size=8)
        words = {STACK: 0x7777, STACK + 20: CODE + 0x305}
        scene = make_scene(X86, words, Tables(win=(record,)), platform="windows")

        steps = list(walk(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0x33}))

        assert steps[1].registers["ebp"] == 0x7777

    def test_parameters_of_the_callee_lie_between(self):
        caller = WIN._replace(start=0x300, parameter_size=0, saved_register_size=0, local_size=0)
        words = {STACK + 16: CODE + 0x305, STACK + 28: CODE + 0x405}
        scene = make_scene(X86, words, Tables(win=(WIN, caller)), platform="windows")

        found = pointers(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0})

        assert found == [CODE + 0x110, CODE + 0x305, CODE + 0x405]

    def test_a_program_that_leads_to_no_code_is_not_believed(self):
        tables = Tables(win=(WIN._replace(program="$eip 99999999 = $esp 1 ="),))
        words = {STACK: 0, STACK + 4: CODE + 0x305}
        scene = make_scene(X86, words, tables, platform="windows")

        assert trusts(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0}) == ["context", "scan"]

    def test_a_program_that_fails_is_passed_over(self):
        tables = Tables(win=(WIN._replace(program="$eip $T9 ="),))
        scene = make_scene(X86, {STACK: CODE + 0x305}, tables, platform="windows")

        assert trusts(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0}) == ["context", "scan"]

    def test_a_program_that_leads_to_zero_ends_the_walk(self):
        tables = Tables(win=(WIN._replace(program="$eip 0 = $esp 1 ="),))
        scene = make_scene(X86, {STACK: CODE + 0x305}, tables, platform="windows")

        assert trusts(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0}) == ["context"]

    def test_code_of_64_bits_without_rules_keeps_no_frame(self):
        tables = Tables(cfi=(CfiText(0x900, 1, ".cfa: $rsp 8 +"),))
        words = {STACK: CODE + 0x105, 0x7040: 0x7080, 0x7048: CODE + 0x205, 0x7080: 0}
        scene = make_scene(AMD64_WINDOWS, words, tables, platform="windows")

        steps = list(walk(scene, amd64(CODE + 0x10, bp=0x7040)))

        assert steps[1].registers["rip"] == CODE + 0x105
        assert steps[1].trust == "cfi"

    def test_preserve_more_registers_on_64_bits(self):
        assert {"rsi", "rdi"} <= set(AMD64_WINDOWS.callee_saved) - set(AMD64.callee_saved)


RESTORE = bytes.fromhex("48c7c00f0000000f05")


class TestSignals:
    def tables(self, code, cfi=()):
        return Tables(
            cfi=(CfiText(0x100, 0x100, ".cfa: $rsp 8 + .ra: .cfa -8 + ^"), *cfi),
            code={0x500 + place: byte for place, byte in enumerate(code)},
        )

    def test_of_amd64_give_the_interrupted_registers_back(self):
        context = STACK + 8
        words = {STACK: CODE + 0x500} | {
            context + 40 + 8 * place: 0x1000 + place for place in range(16)
        }
        words[context + 40 + 8 * 16] = CODE + 0x610  # rip
        scene = make_scene(AMD64, words, self.tables(RESTORE))

        steps = list(walk(scene, amd64(CODE + 0x110)))

        assert [step.registers["rip"] - CODE for step in steps] == [0x110, 0x500, 0x610]
        assert steps[1].is_exact
        assert steps[2].is_exact
        assert steps[2].registers["rsp"] == 0x100F
        assert steps[2].registers["rbx"] == 0x100B

    @pytest.mark.parametrize("real_time", [False, True])
    def test_of_i386_have_two_forms(self, real_time):
        code = bytes.fromhex("b8ad000000cd80" if real_time else "58b877000000cd80")
        after = STACK + 4
        start = 0x7800 + 20 if real_time else after + 4
        words = {STACK: CODE + 0x500, after: 11, after + 8: 0x7800 if real_time else 0x1}
        values = [
            0,
            0,
            0,
            0,
            1,
            2,
            3,
            0x7900,
            5,
            6,
            7,
            8,
            0,
            0,
            CODE + 0x610,
            0x23,
            0,
            0x7900,
            0x2B,
        ]
        words |= {start + 4 * place: value for place, value in enumerate(values)}
        tables = self.tables(code)
        tables.cfi = (CfiText(0x100, 0x100, ".cfa: $esp 4 + .ra: .cfa -4 + ^"),)
        scene = make_scene(X86, words, tables)

        steps = list(walk(scene, {"eip": CODE + 0x110, "esp": STACK, "ebp": 0}))

        assert [step.registers["eip"] - CODE for step in steps] == [0x110, 0x500, 0x610]
        assert steps[2].registers["esp"] == 0x7900
        assert steps[2].registers["ebp"] == 3

    def test_of_arm64_lie_behind_siginfo(self):
        start = STACK + 128 + 176 + 8
        words = {start + 8 * place: 0x1000 + place for place in range(32)}
        words[start + 8 * 32] = CODE + 0x610
        code = bytes.fromhex("681180d2010000d4")
        tables = Tables(code={0x500 + place: byte for place, byte in enumerate(code)})
        tables.cfi = (CfiText(0x100, 0x100, ".cfa: sp 0 + .ra: lr"),)
        scene = make_scene(ARM64, words, tables)

        steps = list(walk(scene, {"pc": CODE + 0x110, "sp": STACK, "fp": 0, "lr": CODE + 0x500}))

        assert [step.registers["pc"] - CODE for step in steps][:3] == [0x110, 0x500, 0x610]
        assert steps[2].registers["lr"] == 0x101E

    def test_of_arm_lie_behind_siginfo(self):
        start = STACK + 128 + 20 + 12
        words = {start + 4 * place: 0x1000 + place for place in range(15)}
        words[start + 4 * 15] = CODE + 0x610
        code = bytes.fromhex("ad70a0e3000000ef")
        tables = Tables(code={0x500 + place: byte for place, byte in enumerate(code)})
        tables.cfi = (CfiText(0x100, 0x100, ".cfa: sp 0 + .ra: lr"),)
        scene = make_scene(ARM, words, tables)

        steps = list(walk(scene, {"pc": CODE + 0x110, "sp": STACK, "r11": 0, "lr": CODE + 0x500}))

        assert [step.registers["pc"] - CODE for step in steps][:3] == [0x110, 0x500, 0x610]

    def test_a_trampoline_is_known_by_its_name_as_well(self):
        functions = (FunctionHit("f", 0x100, 0x100), FunctionHit("__restore_rt", 0x500, 9))
        context = STACK + 8 + 40
        words = {STACK: CODE + 0x500, context + 8 * 15: 0x7900, context + 8 * 16: CODE + 0x110}
        tables = Tables(functions, cfi=(CfiText(0x100, 8, ".cfa: $rsp 8 + .ra: .cfa -8 + ^"),))
        scene = make_scene(AMD64, words, tables)

        assert [step.is_exact for step in walk(scene, amd64(CODE + 0x104))][:3] == [True] * 3

    def test_a_damaged_signal_frame_is_not_believed(self):
        scene = make_scene(AMD64, {STACK: CODE + 0x500}, self.tables(RESTORE))

        assert len(pointers(scene, amd64(CODE + 0x110))) == 2

    def test_other_systems_have_none(self):
        scene = make_scene(AMD64, {}, self.tables(RESTORE), platform="windows")

        assert not scene.is_trampoline(CODE + 0x500)


class TestSystemCalls:
    def test_of_i386_are_left_as_the_kernels_page_enters_them(self):
        words = {STACK: 0x7040, STACK + 4: 1, STACK + 8: 2, STACK + 12: CODE + 0x105}
        words |= {0x7040: 0, 0x7044: CODE + 0x205}
        scene = make_scene(X86, words, name="linux-gate.so.1")

        steps = list(walk(scene, {"eip": CODE + 0x10, "esp": STACK, "ebp": STACK, "ebx": 9}))

        assert steps[1].registers["eip"] == CODE + 0x105
        assert steps[1].registers["ebp"] == 0x7040
        assert steps[1].registers["ebx"] == 9

    def test_of_i386_may_be_what_a_signal_came_into(self):
        after, start, call = STACK + 4, STACK + 8, STACK + 0x200
        values = {7: call, 14: CODE + 0x10, 15: 0x23, 18: 0x2B}  # esp, eip, cs, ss
        words = {after: 11} | {start + 4 * place: 1 for place in range(19)}
        words |= {start + 4 * place: value for place, value in values.items()}
        words |= {call: 0x7040, call + 4: 1, call + 8: 2, call + 12: CODE + 0x105}
        scene = make_scene(X86, words, name="linux-gate.so.1")
        inner = StackFrame({"eip": CODE + 0x20, "esp": after, "ebp": 0}, "cfi")
        loaded = scene.find_loaded(CODE)

        interrupted = step_by_signal_frame(scene, inner, loaded)
        caller = step_by_signal_frame(scene, interrupted, loaded)

        assert interrupted.registers["eip"] == CODE + 0x10
        assert caller.registers["eip"] == CODE + 0x105
        assert caller.registers["ebp"] == 0x7040

    def test_without_saved_registers_the_return_address_is_on_top(self):
        scene = make_scene(X86, {STACK: CODE + 0x105}, name="linux-gate.so.1")

        assert pointers(scene, {"eip": CODE + 0x10, "esp": STACK, "ebp": 0})[1] == CODE + 0x105

    def test_a_stack_without_a_return_address_ends_there(self):
        scene = make_scene(X86, {STACK: 1}, name="linux-gate.so.1")

        assert len(pointers(scene, {"eip": CODE + 0x10, "esp": STACK, "ebp": 0})) == 1
