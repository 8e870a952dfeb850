"""How far back code has surely run straight on, and what registers hold on the way."""

from functools import partial

import pytest

from crashtool.model.crash import Registers
from crashtool.services.analyze.bad_pointer.linear_forms import (
    Initial,
    LinearForm,
    LoadedValue,
    Narrow,
)
from crashtool.services.analyze.bad_pointer.register_flow import find_address, follow_registers
from crashtool.services.analyze.bad_pointer.straight_code import Decoders, find_straight_code

pytest.importorskip("capstone")

from crashtool.services.analyze.instruction import decode_code, decode_flow

START = 0x1000
REGISTERS = Registers("x86_64", 8, {"rip": START, "rsp": 0, "rbp": 0}, START, 0, 0)
NAMES = ("rax", "rcx", "rdx", "rdi", "rsi", "rsp", "rbp")


def decoders_of(registers):
    return Decoders(partial(decode_code, registers), partial(decode_flow, registers))


def decode(content, address):
    return decode_code(REGISTERS, content, address)


def straight(code, last, pieces=None, *, is_same_line=lambda _address: False):
    content = bytes.fromhex(code)
    found = find_straight_code(
        pieces or ((START, START + len(content)),),
        START + last,
        lambda address, size: content[address - START : address - START + size],
        decoders_of(REGISTERS),
        is_same_line,
    )
    return [instruction.address - START for instruction in found]


def flow(code):
    points = follow_registers(decode(bytes.fromhex(code), START), NAMES, 8, "rsp")
    return points[-1]


LOAD, STORE, NOP = "488b45f8", "8b00", "90"  # mov rax, [rbp-8]; mov eax, [rax]; nop


def test_code_that_nothing_jumps_into_is_straight():
    assert straight(LOAD + STORE, 4) == [0, 4]


def test_it_begins_where_something_jumps_to():
    assert straight(LOAD + NOP + STORE + "ebfc", 5) == [5]  # jmp to the load of eax
    assert straight(LOAD + NOP + STORE + "74fb", 5) == [4, 5]  # je to the nop


def test_only_what_is_near_the_last_instruction_is_decoded_wholly():
    sizes = []

    def decode_counted(content, address):
        sizes.append(len(content))
        return decode(content, address)

    code = bytes.fromhex(LOAD + NOP * 4000 + STORE)
    found = find_straight_code(
        ((START, START + len(code)),),
        START + 4004,
        lambda address, size: code[address - START : address - START + size],
        decoders_of(REGISTERS)._replace(decode=decode_counted),
        lambda _address: False,
    )
    assert [instruction.address - START for instruction in found] == list(range(3940, 4005))
    assert found == decode(code, START)[-65:]
    assert sizes == [68]


def test_where_instructions_lead_is_the_same_as_of_whole_ones():
    code = bytes.fromhex(
        LOAD + "e800000000" + "7402" + NOP + "ff2540000000" + "ffe0" + "c3" + STORE
    )
    quick, whole = decode_flow(REGISTERS, code, START), decode(code, START)
    assert [(one.address, one.size) for one in quick] == [(one.address, one.size) for one in whole]
    assert [one for one in quick if one.flow] == [one for one in whole if one.flow]
    assert [one.flow for one in quick] == ["", "call", "branch", "", "jump", "jump", "return", ""]
    assert not any(one.operands or one.written for one in quick if not one.flow)


def straight_32(code, last):
    content = bytes.fromhex(code)
    registers = Registers("x86", 4, {"eip": START, "esp": 0, "ebp": 0}, START, 0, 0)
    return find_straight_code(
        ((START, START + len(content) - 4),),
        START + last,
        lambda address, size: content[address - START : address - START + size],
        decoders_of(registers),
        lambda _address: False,
    )


@pytest.mark.parametrize(
    ("code", "last", "register"),
    [
        # call thunk; mov eax, [ecx + 4]; ret; thunk: mov ecx, [esp]; ret
        ("90e8040000008b4104c38b0c24c3", 6, "ecx"),
        # call next; next: pop ecx; mov eax, [ecx + 4]; ret
        ("90e800000000598b4104c390909090", 7, "ecx"),
    ],
)
def test_a_call_that_tells_where_code_stands_is_a_move(code, last, register):
    found = straight_32(code, last)
    points = follow_registers(found, ("eax", "ecx", "esp"), 4, "esp")

    assert found[0].address == START
    assert points[-1].forms[register] == LinearForm(START + 6)
    assert points[-1].forms["esp"] == points[0].forms["esp"]


@pytest.mark.parametrize(
    "code",
    [
        "90e8040000008b4104c38b0c2490",  # the function called goes on
        "90e800000000908b4104c390909090",  # nothing takes the address
    ],
)
def test_any_other_call_ends_the_straight_code(code):
    last = 7 if code.startswith("90e80000") else 6
    assert START not in [instruction.address for instruction in straight_32(code, last)]


def test_it_goes_on_behind_a_branch_and_begins_behind_a_call():
    assert straight(LOAD + "7404" + STORE + "9090" + "c3", 6) == [0, 4, 6]
    assert straight(LOAD + "e800000000" + STORE, 9) == [9]


def test_where_targets_are_not_known_the_line_of_source_counts():
    code = "ffe1" + LOAD + STORE  # jmp rcx
    assert straight(code, 6) == [6]
    assert straight(code, 6, is_same_line=lambda address: address == START + 2) == [2, 6]


def test_a_function_that_is_not_wholly_known_says_nothing():
    assert straight(LOAD + STORE + "0f", 4) == []
    assert straight(LOAD + STORE, 4, ((START, START + 6), (START + 6, START + 9))) == []


def test_a_jump_out_of_another_part_counts():
    code = LOAD + NOP + STORE + "c3" + "ebfb"
    assert straight(code, 5, ((START, START + 8), (START + 8, START + 10))) == [5]


def test_loads_sums_and_indexes_are_followed():
    # mov eax, [rbp-0xc]; cdqe; lea rdx, [rax*4]; mov rax, [rbp-8]; add rax, rdx; mov eax, [rax+8]
    point = flow("8b45f44898488d148500000000488b45f84801d08b4008")
    frame = LinearForm(0, ((Initial("rbp"), 1),))
    index = Narrow(LoadedValue(frame._replace(constant=-12), 4, START))
    pointer = LoadedValue(frame._replace(constant=-8), 8, START + 13)
    assert find_address(point.instruction.operands[1], point.forms) == LinearForm(
        8, ((pointer, 1), (index, 4))
    )


@pytest.mark.parametrize("code", ["480fafc8", "4821c8", "480f44c1", "f7e9", "4893", "0fa2", "8a00"])
def test_what_is_not_followed_is_not_what_it_was(code):
    """imul rcx, rax; and rax, rcx; cmove rax, rcx; imul ecx; xchg rax, rbx; cpuid; mov al, …"""
    point = flow(code + "90")
    changed = [name for name in NAMES if point.forms[name] != LinearForm(0, ((Initial(name), 1),))]
    assert changed
    atoms = {type(point.forms[name].atom).__name__ for name in changed}
    assert atoms == {"Opaque"}


def test_half_a_pointer_is_none():
    point = flow("89f8" + "8b00")  # mov eax, edi; mov eax, [rax]
    assert point.forms["rax"].terms == ((Narrow(Initial("rdi")), 1),)


def test_the_stack_pointer_moves_by_what_is_pushed():
    point = flow("50" + "50" + "59" + "90")  # push rax, push rax, pop rcx
    assert point.forms["rsp"] == LinearForm(-8, ((Initial("rsp"), 1),))
    assert point.forms["rcx"].atom == LoadedValue(
        LinearForm(-16, ((Initial("rsp"), 1),)), 8, START + 2
    )
