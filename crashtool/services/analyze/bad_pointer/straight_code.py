"""The instructions that have surely run one after the other up to the one that crashed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.decoded_code import NumberOperand, RegisterOperand

if TYPE_CHECKING:
    from crashtool.services.analyze.decoded_code import DecodedInstruction

    Decode = Callable[[bytes, int], "list[DecodedInstruction]"]
    ReadCode = Callable[[int, int], bytes | None]

MAX_CODE = 1 << 16  # bytes of one function that are decoded
MAX_STRAIGHT = 64  # instructions before the last
POINTER_32 = 4  # bytes
# mov register, [esp]; ret: what gcc calls __x86.get_pc_thunk
RETURN_ADDRESS_MOVES = {
    bytes((0x8B, 4 | number << 3, 0x24, 0xC3)): name
    for number, name in enumerate(("eax", "ecx", "edx", "ebx", "", "ebp", "esi", "edi"))
    if name
}
THUNK_SIZE = 4  # bytes


class Decoders(NamedTuple):
    """What makes instructions of bytes and their address: `decode` all that is known of them,
    `decode_flow` no more than where they lead.
    """

    decode: Decode
    decode_flow: Decode


def find_straight_code(
    pieces: Sequence[tuple[int, int]],
    last: int,
    read_code: ReadCode,
    decoders: Decoders,
    is_same_line: Callable[[int], bool],
) -> list[DecodedInstruction]:
    """The instructions from the last place that anything jumps to, or behind the last call, up to
    and with the one that `last` is in; none when the code of the function is not wholly known.

    `pieces`: first address and end of each part of the function. Where it jumps by a table, whose
    targets are not known, no further back than `is_same_line` says of an address.
    """
    before: list[DecodedInstruction] = []
    if sum(end - start for start, end in pieces) > MAX_CODE:
        return []
    function: list[DecodedInstruction] = []
    for start, end in pieces:
        code = read_code(start, end - start)
        instructions = decoders.decode_flow(code, start) if code else []
        if not code or not instructions or instructions[-1].end != end:
            return []
        function += instructions
        if start <= last < end:
            before = _decode_before(instructions, code, last, read_code, decoders.decode)
    targets, jumps_by_table = _find_targets(function)
    targets.update(start for start, _ in pieces)
    straight: list[DecodedInstruction] = []
    for instruction in reversed(before):
        if straight and (
            instruction.flow not in ("", "branch")
            or (jumps_by_table and not is_same_line(instruction.address))
        ):
            break
        straight.insert(0, instruction)
        if instruction.address in targets or len(straight) > MAX_STRAIGHT:
            break
    return straight


def _decode_before(
    instructions: Sequence[DecodedInstruction],
    code: bytes,
    last: int,
    read_code: ReadCode,
    decode: Decode,
) -> list[DecodedInstruction]:
    """As many of a piece's instructions as may be asked for, up to the one that `last` is in, as
    `read_position_calls` has them: that looks at two before one, and at the next.
    """
    count = sum(instruction.address <= last for instruction in instructions)
    near = instructions[max(0, count - MAX_STRAIGHT - 3) : count + 1]
    begin = instructions[0].address
    exact = decode(code[near[0].address - begin : near[-1].end - begin], near[0].address)
    return [
        instruction
        for instruction in read_position_calls(exact, read_code)
        if instruction.address <= last
    ]


def _find_targets(function: Sequence[DecodedInstruction]) -> tuple[set[int], bool]:
    """Where a function's code jumps to in itself, and whether it also does by a register or table,
    to places that are not known.
    """
    jumps = [instruction for instruction in function if instruction.flow in ("jump", "branch")]
    targets = {instruction.target for instruction in jumps if instruction.target is not None}
    return targets, any(instruction.target is None for instruction in jumps)


def read_position_calls(
    code: Sequence[DecodedInstruction], read_code: ReadCode
) -> Iterator[DecodedInstruction]:
    """Instructions, with calls that only tell 32-bit code where it stands as the moves that they
    are: to a function that does nothing but this, or to the `pop` behind the call.
    """
    popped: int | None = None
    for number, instruction in enumerate(code):
        if popped is not None:
            register = instruction.operands[0]
            assert isinstance(register, RegisterOperand)  # noqa: S101 (as the call found it)
            yield _move(instruction, register, popped)
            popped = None
        elif instruction.flow != "call" or instruction.target is None:
            yield instruction
        elif instruction.target == instruction.end:
            following = code[number + 1] if number + 1 < len(code) else instruction
            is_popped = following.mnemonic == "pop" and isinstance(
                following.operands[0], RegisterOperand
            )
            popped = instruction.end if is_popped else None
            yield _do_nothing(instruction) if is_popped else instruction
        else:
            thunk = read_code(instruction.target, THUNK_SIZE)
            name = RETURN_ADDRESS_MOVES.get(thunk or b"")
            told = RegisterOperand(name, POINTER_32) if name else None
            yield _move(instruction, told, instruction.end) if told else instruction


def _move(
    instruction: DecodedInstruction, register: RegisterOperand, number: int
) -> DecodedInstruction:
    """An instruction that gives a register a number instead of another."""
    moved = _do_nothing(instruction)._replace(written=frozenset({register.name}))
    return moved._replace(mnemonic="mov", operands=(register, NumberOperand(number)))


def _do_nothing(instruction: DecodedInstruction) -> DecodedInstruction:
    return instruction._replace(
        mnemonic="nop", operands=(), written=frozenset(), flow="", target=None
    )
