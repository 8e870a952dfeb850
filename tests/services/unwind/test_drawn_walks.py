"""One rule a test, on a stack that is drawn: ARM64 (Android, Windows) and x86 with STACK WIN.

Addresses grow from line to line; `sp >` is where the stack pointer is, and `fp >` or `ebp >` where
the frame pointer leads.
"""

import pytest

from crashtool.formats.breakpad.symbol_file import FunctionHit
from crashtool.formats.unwind_rules import CfiText, FrameData
from crashtool.services.unwind.arm import ARM64
from crashtool.services.unwind.intel import X86
from crashtool.services.unwind.walker import walk
from tests.synth.stack import CODE, Tables, make_scene

STACK = 0x7000
LEAF, HELPER, MAIN = 0x100, 0x200, 0x300  # functions, from the module's base
IN_LEAF, IN_HELPER, IN_MAIN = CODE + 0x140, CODE + 0x240, CODE + 0x340
FUNCTIONS = tuple(
    FunctionHit(name, start, 0x100)
    for name, start in (("leaf", LEAF), ("helper", HELPER), ("main", MAIN))
)
# As a signed return address has it, and a pointer with a tag in its top byte.
SIGNATURE, TAG = 0x002A_0000_0000_0000, 0xB400_0000_0000_0000


def stack(*words, width=8):
    """Words from the stack pointer up."""
    return {STACK + number * width: value for number, value in enumerate(words)}


def slot(number, width=8):
    """The address of a word of the drawing, counted from the stack pointer."""
    return STACK + number * width


def cfi(start, rules):
    return CfiText(start, 0x100, rules)


def chain(scene, **registers):
    """Each frame's instruction and trust."""
    pointer = scene.machine.instruction_pointer
    return [(step.registers[pointer], step.trust) for step in walk(scene, registers)]


class TestArm64OfAndroid:
    LEAF_RULE = cfi(LEAF, ".cfa: sp 0 + .ra: x30")
    # What dump_syms makes of .eh_frame and .debug_frame: x29 and x30, or fp and lr.
    HELPER_RULE = cfi(HELPER, ".cfa: sp 32 + .ra: .cfa -24 + ^ x29: .cfa -32 + ^ x19: .cfa -16 + ^")
    FRAME_RULE = cfi(HELPER, ".cfa: x29 16 + .ra: .cfa -8 + ^ x29: .cfa -16 + ^")
    END_RULE = cfi(MAIN, ".cfa: sp 0 +")

    def scene(self, words, *rules, **more):
        return make_scene(ARM64, words, Tables(FUNCTIONS, cfi=rules), platform="android", **more)

    def test_a_leaf_has_its_return_address_in_the_link_register(self):
        """
        lr: helper      sp > (nothing of leaf's)
        """
        scene = self.scene({}, self.LEAF_RULE, cfi(HELPER, ".cfa: sp 0 +"))

        assert chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=IN_HELPER) == [
            (IN_LEAF, "context"),
            (IN_HELPER, "cfi"),
        ]

    def test_rules_give_back_what_a_function_has_saved(self):
        """
        sp > 0  fp of main
             1  main          return address
             2  x19 of main
             3  a local
        """
        words = stack(0x7100, IN_MAIN, 0x19, 3)
        scene = self.scene(words, self.HELPER_RULE, self.END_RULE)

        steps = list(walk(scene, {"pc": IN_HELPER, "sp": STACK, "fp": 0, "lr": 0, "x19": 1}))

        assert [step.registers["pc"] for step in steps] == [IN_HELPER, IN_MAIN]
        assert steps[1].registers["sp"] == slot(4)
        assert steps[1].registers["fp"] == 0x7100
        assert steps[1].registers["x19"] == 0x19

    def test_rules_by_the_frame_pointer_pass_over_an_area_of_any_size(self):
        """
        sp > 0  alloca()
             ...
        fp > 8  fp of main
             9  main          return address
        """
        words = stack(*[IN_LEAF] * 8, 0x7200, IN_MAIN)
        scene = self.scene(words, self.FRAME_RULE, self.END_RULE)

        assert chain(scene, pc=IN_HELPER, sp=STACK, fp=slot(8), lr=0) == [
            (IN_HELPER, "context"),
            (IN_MAIN, "cfi"),
        ]

    def test_the_signature_of_a_link_register_is_no_part_of_the_address(self):
        """
        lr: helper, signed
        """
        scene = self.scene({}, self.LEAF_RULE, cfi(HELPER, ".cfa: sp 0 +"))

        assert chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=SIGNATURE | IN_HELPER)[1:] == [
            (IN_HELPER, "cfi")
        ]

    def test_the_signature_of_a_saved_return_address_is_no_part_of_it(self):
        """
        sp > 0  fp of main
             1  main, signed
             2  x19
             3  a local
        """
        scene = self.scene(stack(0, SIGNATURE | IN_MAIN, 2, 3), self.HELPER_RULE, self.END_RULE)

        assert chain(scene, pc=IN_HELPER, sp=STACK, fp=0, lr=0)[1:] == [(IN_MAIN, "cfi")]

    def test_a_chain_of_frame_pointers_leads_through_signed_addresses(self):
        """
        sp > 0  a local
        fp > 1  --+
             2    | helper, signed
             3    | a local
             4  <-+ 0
             5      main, signed
        """
        words = stack(1, slot(4), SIGNATURE | IN_HELPER, 7, 0, SIGNATURE | IN_MAIN)
        scene = make_scene(ARM64, words, platform="android")

        assert chain(scene, pc=IN_LEAF, sp=STACK, fp=slot(1), lr=0)[1:3] == [
            (IN_HELPER, "frame_pointer"),
            (IN_MAIN, "frame_pointer"),
        ]

    def test_a_chain_of_frame_pointers_leads_through_tagged_ones(self):
        """
        sp > 0  a local
        fp > 1  --+     the register is tagged, and so is this
             2    | helper
             3    | a local
             4  <-+ 0
             5      main
        """
        words = stack(1, TAG | slot(4), IN_HELPER, 7, 0, IN_MAIN)
        scene = make_scene(ARM64, words, platform="android")

        steps = list(walk(scene, {"pc": IN_LEAF, "sp": STACK, "fp": TAG | slot(1), "lr": 0}))

        assert [step.registers["pc"] for step in steps][1:3] == [IN_HELPER, IN_MAIN]
        assert [step.registers["sp"] for step in steps][1:3] == [slot(3), slot(6)]
        assert {step.trust for step in steps[1:3]} == {"frame_pointer"}

    def test_rules_read_the_stack_by_tagged_pointers(self):
        """
        sp > 0  a local
        fp > 1  fp of main   the register is tagged
             2  main
        """
        scene = self.scene(stack(1, 0, IN_MAIN), self.FRAME_RULE, self.END_RULE)

        steps = list(walk(scene, {"pc": IN_HELPER, "sp": STACK, "fp": TAG | slot(1), "lr": 0}))

        assert [step.registers["pc"] for step in steps][1:] == [IN_MAIN]
        assert steps[1].registers["sp"] == slot(3)
        assert steps[1].trust == "cfi"

    def test_a_scan_finds_signed_return_addresses(self):
        """
        sp > 0  a local
             1  main, signed
        """
        scene = make_scene(ARM64, stack(1, SIGNATURE | IN_MAIN), platform="android")

        assert chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=0)[1:] == [(IN_MAIN, "scan")]

    def test_a_scan_takes_no_address_where_no_instruction_can_be(self):
        """
        sp > 0  main + 2: not a multiple of four
             1  main
        """
        scene = make_scene(ARM64, stack(IN_HELPER + 2, IN_MAIN), platform="android")

        assert chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=0)[1:] == [(IN_MAIN, "scan")]

    @pytest.mark.parametrize("name", ["__start_thread", "__bionic_clone", "_start"])
    def test_nothing_called_where_a_thread_or_program_starts(self, name):
        """
        sp > 0  helper, which is called `name` here
             1  main          a leftover
        """
        functions = (FUNCTIONS[0], FunctionHit(name, HELPER, 0x100), FUNCTIONS[2])
        words = stack(IN_HELPER, IN_MAIN)
        scene = make_scene(ARM64, words, Tables(functions), platform="android")

        assert [pc for pc, _ in chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=0)] == [
            IN_LEAF,
            IN_HELPER,
        ]


class TestArm64OfWindows:
    """What .pdata and .xdata say comes as rules, too; here is what a walk makes of them."""

    def scene(self, words, *rules):
        tables = Tables(FUNCTIONS, cfi=rules)
        return make_scene(ARM64, words, tables, platform="windows")

    def test_a_chain_of_frame_pointers_serves_where_an_image_is_not_at_hand(self):
        """
        sp > 0  a local
        fp > 1  --+
             2    | helper
             3  <-+ 0
             4      main
        """
        words = stack(1, slot(3), IN_HELPER, 0, IN_MAIN)
        scene = make_scene(ARM64, words, platform="windows")

        assert chain(scene, pc=IN_LEAF, sp=STACK, fp=slot(1), lr=0)[1:] == [
            (IN_HELPER, "frame_pointer"),
            (IN_MAIN, "frame_pointer"),
        ]

    def test_code_without_an_entry_is_a_leaf(self):
        """
        lr: helper      sp > 0  main, which helper's own entry says
        """
        rules = (cfi(HELPER, ".cfa: sp 16 + .ra: .cfa -16 + ^"), cfi(MAIN, ".cfa: sp 0 +"))
        scene = self.scene(stack(IN_MAIN, 0), *rules)

        assert [pc for pc, _ in chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=IN_HELPER)] == [
            IN_LEAF,
            IN_HELPER,
            IN_MAIN,
        ]

    def test_a_function_whose_prologue_has_not_stored_anything_yet_is_one(self):
        """
        lr: helper      sp > 0  (nothing of leaf's)
        """
        rules = (cfi(LEAF, ".cfa: sp 0 + .ra: lr"), cfi(HELPER, ".cfa: sp 0 +"))

        assert chain(self.scene({}, *rules), pc=IN_LEAF, sp=STACK, fp=0, lr=IN_HELPER)[1:] == [
            (IN_HELPER, "cfi")
        ]

    def test_a_thread_ends_where_windows_starts_it(self):
        """
        lr: RtlUserThreadStart      sp > 0  main, a leftover
        """
        functions = (FUNCTIONS[0], FunctionHit("RtlUserThreadStart", HELPER, 0x100))
        scene = make_scene(ARM64, stack(IN_MAIN), Tables(functions), platform="windows")

        assert len(chain(scene, pc=IN_LEAF, sp=STACK, fp=0, lr=IN_HELPER)) == 2


def record(program="", *, kind=4, start=LEAF, **more):
    """A STACK WIN record of a whole function; sizes are in bytes."""
    sizes = {"parameter_size": 0, "saved_register_size": 0, "local_size": 0} | more
    return FrameData(
        kind,
        start,
        0x100,
        0,
        0,
        sizes["parameter_size"],
        sizes["saved_register_size"],
        sizes["local_size"],
        0,
        program,
        allocates_base_pointer=sizes.get("allocates_base_pointer", False),
    )


class TestStackWin:
    def walk(self, words, *records, ebp=0, esp=STACK, functions=()):
        tables = Tables(functions, win=records)
        scene = make_scene(X86, stack(*words, width=4), tables, platform="windows")
        return list(walk(scene, {"eip": IN_LEAF, "esp": esp, "ebp": ebp, "ebx": 0xB, "esi": 0x5}))

    def test_a_program_by_the_frame_pointer(self):
        """
        esp > 0  a local
        ebp > 1  ebp of main
              2  main
        """
        program = "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + ="

        step = self.walk([1, 0x7100, IN_MAIN], record(program), ebp=slot(1, 4))[1]

        assert step.registers["eip"] == IN_MAIN
        assert step.registers["ebp"] == 0x7100
        assert step.registers["esp"] == slot(3, 4)

    def test_a_program_of_a_function_without_a_frame_pointer(self):
        """
        esp > 0  a local           .cbLocals = 8
              1  a local
              2  ebx of main       .cbSavedRegs = 4
              3  main              .raSearch
        """
        program = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ ="

        step = self.walk(
            [1, 2, 0xBB, IN_MAIN], record(program, local_size=8, saved_register_size=4)
        )[1]

        assert step.registers["eip"] == IN_MAIN
        assert step.registers["ebx"] == 0xBB
        assert step.registers["ebp"] == 0  # as it was: the function does not touch it

    def test_msvc_calls_saved_registers_by_codeviews_numbers(self):
        """
        esp > 0  a local           .cbLocals = 4
              1  esi of main       .cbSavedRegs = 12
              2  ebp of main
              3  ebx of main
              4  main              .raSearch
        """
        program = (
            "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = "
            "$20 $T0 4 - ^ = $22 $T0 8 - ^ = $23 $T0 12 - ^ ="
        )

        step = self.walk(
            [1, 0x51, 0x7100, 0xBB, IN_MAIN], record(program, local_size=4, saved_register_size=12)
        )[1]

        assert [step.registers[name] for name in ("ebx", "ebp", "esi")] == [0xBB, 0x7100, 0x51]

    @pytest.mark.parametrize(
        ("program", "saved", "is_known"),
        [
            ("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =", 0, True),
            ("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =", 4, True),
            ("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =", 8, False),
            ("$T0 $ebp 4 + = $eip $T0 ^ = $esp $T0 4 + = $ebp $T0 4 - ^ =", 8, True),
            ("$T0 $ebp 4 + = $eip $T0 ^ = $esp $T0 4 + = $ebp $T0 4 - ^ =", 12, False),
        ],
    )
    def test_registers_that_were_saved_nobody_says_where_are_lost(self, program, saved, is_known):
        """
        ebp > 0  ebp of main
              1  main

        A word more than is said may be a cookie of exception handling.
        """
        step = self.walk(
            [0x7100, IN_MAIN], record(program, saved_register_size=saved), ebp=slot(0, 4)
        )[1]

        assert (step.registers["ebp"], step.registers["eip"]) == (0x7100, IN_MAIN)
        assert ("ebx" in step.registers, "esi" in step.registers) == (is_known, is_known)

    def test_a_program_that_aligns_the_stack_counts_from_the_frame_pointer(self):
        """
        esp > 0  helper           a leftover
              ...
        ebp > 6  ebp of main
              7  main
        """
        program = "$T1 .raSearch = $T0 $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + ="
        words = [IN_HELPER, 1, 2, 3, 4, 5, 0x7100, IN_MAIN]

        step = self.walk(words, record(program), ebp=slot(6, 4))[1]

        assert step.registers["eip"] == IN_MAIN
        assert step.registers["ebp"] == 0x7100

    def test_a_return_address_is_sought_a_little_higher_where_locals_were_aligned(self):
        """
        esp > 0  a local          .cbLocals = 4
              1  padding          .raSearch as the record has it
              2  padding
              3  main
        """
        program = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + ="

        step = self.walk([1, 2, 3, IN_MAIN], record(program, local_size=4))[1]

        assert step.registers["eip"] == IN_MAIN
        assert step.registers["esp"] == slot(4, 4)

    def test_a_stored_pointer_to_a_function_is_passed_over(self):
        """
        esp > 0  main's first byte: a callback    .raSearch as the record has it
              1  main
        """
        program = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + ="

        steps = self.walk([CODE + MAIN, IN_MAIN], record(program), functions=FUNCTIONS)

        assert steps[1].registers["eip"] == IN_MAIN

    def test_fpo_data_counts_locals_and_saved_registers(self):
        """
        esp > 0  a local          FPO_DATA: one local, two registers
              1  a register
              2  a register
              3  main
        """
        fpo = record(kind=0, local_size=4, saved_register_size=8)

        step = self.walk([1, 2, 3, IN_MAIN], fpo, ebp=0x77)[1]

        assert step.registers["eip"] == IN_MAIN
        assert step.registers["ebp"] == 0x77
        assert "ebx" not in step.registers  # one of the two, or not

    def test_fpo_data_of_a_function_that_uses_ebp_for_something_else(self):
        """
        esp > 0  ebp of main      saved first of two registers
              1  a register
              2  main
        """
        fpo = record(kind=0, saved_register_size=8, allocates_base_pointer=True)

        step = self.walk([0x7100, 1, IN_MAIN], fpo, ebp=0x77)[1]

        assert step.registers["eip"] == IN_MAIN
        assert step.registers["ebp"] == 0x7100

    def test_what_a_function_pushed_for_its_callee_lies_between(self):
        """
        esp > 0  helper           leaf(1, 2), __stdcall: it takes its parameters away
              1  1
              2  helper           the second parameter: a return address that somebody looked up
              3  a local of helper
              4  main
        """
        program = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + ="
        leaf = record(program, parameter_size=8)
        helper = record(program, start=HELPER, local_size=4)

        steps = self.walk([IN_HELPER, 1, IN_HELPER, 3, IN_MAIN], leaf, helper)

        assert [step.registers["eip"] for step in steps][1:3] == [IN_HELPER, IN_MAIN]

    def test_frame_data_wins_over_fpo_data_of_the_same_code(self):
        """
        esp > 0  helper           where FPO_DATA of no locals would look
              1  main             where the program looks
        """
        program = "$eip $esp 4 + ^ = $esp $esp 8 + ="

        step = self.walk([IN_HELPER, IN_MAIN], record(program), record(kind=0))[1]

        assert step.registers["eip"] == IN_MAIN

    def test_zeros_at_the_base_of_the_stack_end_the_walk(self):
        """
        esp > 0  0                the return address
              1  main             what the program had before
        """
        program = "$eip $esp ^ = $esp $esp 4 + ="

        assert len(self.walk([0, IN_MAIN], record(program))) == 1

    def test_a_program_that_leads_to_no_code_is_not_believed(self):
        """
        esp > 0  a number         where the program says that the return address is
              1  main
        """
        program = "$eip $esp ^ = $esp $esp 4 + ="

        steps = self.walk([0x1234567, IN_MAIN], record(program))

        assert [step.trust for step in steps] == ["context", "scan"]
        assert steps[1].registers["eip"] == IN_MAIN
