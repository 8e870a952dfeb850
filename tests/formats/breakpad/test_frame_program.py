import pytest

from crashtool.formats.breakpad.cfi import UnevaluableRule
from crashtool.formats.breakpad.frame_program import parse_program, run_program

MEMORY = {0x1000: 0x2000, 0x1004: 0x401234, 0x0FFC: 0x77}


def test_a_program_is_a_list_of_assignments():
    assert parse_program("$T0 $ebp = $eip $T0 4 + ^ =") == (
        ("$T0", ("$ebp",)),
        ("$eip", ("$T0", "4", "+", "^")),
    )


def test_a_blank_may_be_missing_behind_an_assignment():
    assert parse_program("$T0 $ebp =$eip $T0 4 + ^ =") == parse_program(
        "$T0 $ebp = $eip $T0 4 + ^ ="
    )


def test_a_frame_pointer_program_finds_the_caller():
    program = "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + ="

    values = run_program(program, {"$ebp": 0x1000, "$esp": 0xFF0}, MEMORY.get)

    assert (values["$eip"], values["$ebp"], values["$esp"]) == (0x401234, 0x2000, 0x1008)


def test_constants_of_the_record_are_variables():
    values = run_program(
        "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 8 - ^ =",
        {".raSearch": 0x1004},
        MEMORY.get,
    )

    assert (values["$eip"], values["$esp"], values["$ebx"]) == (0x401234, 0x1008, 0x77)


def test_a_forgotten_variable_is_gone():
    assert "$ebx" not in run_program("$ebx .undef = $T0 1 =", {"$ebx": 1}, MEMORY.get)


def test_values_are_32_bits_wide():
    assert run_program("$T0 4294967295 1 + =", {}, MEMORY.get)["$T0"] == 0


@pytest.mark.parametrize(
    "program", ["", "=", "$T0 =", "4 5 =", "$T0 1", "$T0 $T1 =", "$T0 1 ^ =", "x 1 ="]
)
def test_a_program_that_cannot_be_run_says_so(program):
    with pytest.raises(UnevaluableRule):
        run_program(program, {"$esp": 1}, MEMORY.get)
