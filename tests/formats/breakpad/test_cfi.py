import pytest

from crashtool.formats.breakpad.cfi import (
    CFA,
    MAX_TOKENS,
    RETURN_ADDRESS,
    UnevaluableRule,
    evaluate,
    parse_rules,
)

MASK = (1 << 64) - 1
REGISTERS = {"rsp": 0x1000, "rbp": 0x2000, "rbx": 7}
MEMORY = {0x1008: 0x400123, 0x2000: 0x3000}


def value_of(text, cfa=None, mask=MASK):
    (expression,) = parse_rules(f"x: {text}", "x86_64").values()
    return evaluate(expression, REGISTERS, MEMORY.get, mask, cfa)


def test_rules_are_found_by_register():
    rules = parse_rules(".cfa: $rsp 8 + .ra: .cfa -8 + ^ $rbx: .cfa -16 + ^", "x86_64")

    assert rules == {
        CFA: ("rsp", "8", "+"),
        RETURN_ADDRESS: (".cfa", "-8", "+", "^"),
        "rbx": (".cfa", "-16", "+", "^"),
    }


def test_a_later_rule_replaces_an_earlier_one():
    rules = parse_rules(".cfa: $rsp 8 + $rbx: $rax .cfa: $rsp 16 +", "x86_64")

    assert rules == {CFA: ("rsp", "16", "+"), "rbx": ("rax",)}


@pytest.mark.parametrize(
    ("architecture", "token", "name"),
    [
        ("arm64", "x30", "lr"),
        ("arm64", ".x29", "fp"),
        ("arm64", "x19", "x19"),
        ("arm", "r13", "sp"),
        ("arm", "r15", "pc"),
        ("arm", "fp", "r11"),
        ("x86", "$ebp", "ebp"),
    ],
)
def test_registers_have_one_name(architecture, token, name):
    assert parse_rules(f"{token}: {token}", architecture) == {name: (name,)}


def test_what_precedes_the_first_register_is_dropped():
    assert parse_rules("8 + $rax: 1", "x86_64") == {"rax": ("1",)}
    assert parse_rules("", "x86_64") == {}


def test_a_million_tokens_are_not_all_read():
    rules = parse_rules(".cfa: " + "1 " * 1_000_000, "x86_64")

    assert len(rules[CFA]) == MAX_TOKENS - 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$rsp 8 +", 0x1008),
        ("$rsp 8 + ^", 0x400123),
        ("$rsp 16 -", 0xFF0),
        ("3 4 *", 12),
        ("17 5 /", 3),
        ("17 5 %", 2),
        ("4660 16 @", 4656),
        ("-8", MASK - 7),
        ("0 1 -", MASK),
    ],
)
def test_expressions_have_values(text, value):
    assert value_of(text) == value


def test_the_frame_address_is_a_value_only_when_it_is_known():
    assert value_of(".cfa 8 -", cfa=0x1010) == 0x1008
    with pytest.raises(UnevaluableRule):
        value_of(".cfa 8 -")


def test_values_stay_within_the_width_of_the_machine():
    assert value_of("4294967295 2 +", mask=0xFFFFFFFF) == 1


@pytest.mark.parametrize(
    "text", ["+", "1 +", "1 2", "$rax", "1 0 /", "1 0 %", "1 0 @", "$rsp 16 + ^", "0x10", "^"]
)
def test_a_rule_that_cannot_be_evaluated_says_so(text):
    with pytest.raises(UnevaluableRule):
        value_of(text)


def test_an_empty_rule_cannot_be_evaluated():
    (expression,) = parse_rules("$rax:", "x86_64").values()

    with pytest.raises(UnevaluableRule):
        evaluate(expression, REGISTERS, MEMORY.get, MASK)
