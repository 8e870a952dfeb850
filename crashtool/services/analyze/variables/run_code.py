"""The instructions of a function that may have run before it came to where it stands."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashtool.services.analyze.decoded_code import DecodedInstruction

FILLER = "nop"  # what compilers fill gaps before the targets of jumps with
TRAPS = ("ud2", "hlt", "udf")  # behind which nothing goes on


def find_run(
    instructions: Sequence[DecodedInstruction], entry: int, address: int, resume: int | None
) -> list[DecodedInstruction] | None:
    """All instructions of a function from which code leads on to where it stands: at `address`, or
    in the call that ends at `resume`. The one at `address` is among them unless it is a call, as
    it may have been done in part. None where that cannot be told: code jumps elsewhere or by a
    table, or leads there from where no code of the function leads, as what handles exceptions does.
    """
    starts = {instruction.address: instruction for instruction in instructions}
    if resume is None:
        stop = starts.get(address)
    else:
        calls = (each for each in instructions if each.flow == "call")
        stop = next((each for each in calls if each.end == resume), None)
    if stop is None:
        return None
    jumps = [each for each in instructions if each.flow in ("jump", "branch")]
    if any(each.target not in starts for each in jumps):
        return None
    sources: defaultdict[int | None, list[DecodedInstruction]] = defaultdict(list)
    for instruction in jumps:
        sources[instruction.target].append(instruction)
    for instruction in instructions:
        if instruction.flow not in ("jump", "return") and instruction.mnemonic not in TRAPS:
            sources[instruction.end].append(instruction)
    return _collect(stop, entry, starts, sources)


def _collect(
    stop: DecodedInstruction,
    entry: int,
    starts: Mapping[int, DecodedInstruction],
    sources: Mapping[int | None, list[DecodedInstruction]],
) -> list[DecodedInstruction] | None:
    """What leads to an instruction; `sources`: what code goes on from to an address."""
    run = {} if stop.flow == "call" else {stop.address: stop}
    reached, waiting = {stop.address}, [stop.address]
    while waiting:
        place = waiting.pop()
        before = sources.get(place, [])
        if not before and place != entry and not starts[place].mnemonic.startswith(FILLER):
            return None
        for instruction in before:
            run[instruction.address] = instruction
            if instruction.address not in reached:
                reached.add(instruction.address)
                waiting.append(instruction.address)
    return list(run.values()) if entry in reached else None
