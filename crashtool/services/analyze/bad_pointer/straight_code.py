"""The instructions that have surely run one after the other up to the one that crashed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashtool.services.analyze.decoded_code import DecodedInstruction

    Decode = Callable[[bytes, int], "list[DecodedInstruction]"]
    ReadCode = Callable[[int, int], bytes | None]

MAX_CODE = 1 << 16  # bytes of one function that are decoded
MAX_STRAIGHT = 64  # instructions before the last


def find_straight_code(
    pieces: Sequence[tuple[int, int]],
    last: int,
    read_code: ReadCode,
    decode: Decode,
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
        instructions = decode(code, start) if code else []
        if not instructions or instructions[-1].end != end:
            return []
        function += instructions
        if start <= last < end:
            before = [instruction for instruction in instructions if instruction.address <= last]
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


def _find_targets(function: Sequence[DecodedInstruction]) -> tuple[set[int], bool]:
    """Where a function's code jumps to in itself, and whether it also does by a register or table,
    to places that are not known.
    """
    jumps = [instruction for instruction in function if instruction.flow in ("jump", "branch")]
    targets = {instruction.target for instruction in jumps if instruction.target is not None}
    return targets, any(instruction.target is None for instruction in jumps)
