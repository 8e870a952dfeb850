"""Compares two walks of a thread frame by frame and names each difference's class."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from walks import Step, plain_name

# A caller's instruction is its return address less one, or less an instruction's size (ARM).
NEAR = 4
GUESSES = ("scan", "cfi_scan")


class Difference(NamedTuple):
    """One frame that differs: its class, its thread, and what each side has (None: nothing).

    `third`: whether another walker has the frame, too; None when it was not asked. `solid`: no
    frame before it was found by scanning.
    """

    kind: str
    thread: int
    ours: Step | None
    theirs: Step | None
    third: bool | None = None
    solid: bool = False


class Compared(NamedTuple):
    """`equal` frames have one address, module and function on both sides; `total` is of both.

    `solid_equal`, `solid_total`: the same of the frames before the first that either side found
    by scanning, which is to guess.
    """

    equal: int = 0
    same_trust: int = 0
    total: int = 0
    solid_equal: int = 0
    solid_total: int = 0
    differences: tuple[Difference, ...] = ()

    def plus(self, other: Compared) -> Compared:
        """Both together."""
        return Compared(*(one + two for one, two in zip(self, other, strict=True)))


def compare_walks(
    thread: int, ours: list[Step], theirs: list[Step], *, names: bool, third: set[int] | None
) -> Compared:
    """Align two walks by their addresses, so that one missing frame is one difference."""
    found = Compared()
    solid = True
    for mine, other, place in _align(ours, theirs):
        solid = solid and not any(step and step.trust in GUESSES for step in (mine, other))
        kind = _kind(mine, other, place, names=names)
        equal = kind is None or kind.startswith("trust")
        known = _is_known(third, mine or other)
        differences = (Difference(kind, thread, mine, other, known, solid),) if kind else ()
        found = found.plus(Compared(equal, kind is None, 1, equal and solid, solid, differences))
    return found


def _is_known(third: set[int] | None, step: Step | None) -> bool | None:
    """Whether a third walk has the frame; its addresses are those to return to."""
    if third is None or step is None:
        return None
    return any(step.address + one in third for one in range(NEAR + 1))


def _align(ours: list[Step], theirs: list[Step]) -> Iterator[tuple[Step | None, Step | None, str]]:
    """Pairs of frames with one address; what one side alone has, and where."""
    matcher = SequenceMatcher(
        None, [step.address for step in ours], [step.address for step in theirs], autojunk=False
    )
    for tag, first, last, start, end in matcher.get_opcodes():
        mine, other = ours[first:last], theirs[start:end]
        if tag == "equal":
            for pair in zip(mine, other, strict=True):
                yield *pair, ""
            continue
        while mine and other and abs(mine[0].address - other[0].address) <= NEAR:
            yield mine.pop(0), other.pop(0), ""
        at_end = last == len(ours) and end == len(theirs)
        where = "after the other's end" if at_end and not (mine and other) else "within"
        if at_end and mine and other:
            where = "after they part"
        for step in mine:
            yield step, None, where
        for step in other:
            yield None, step, where


def _kind(ours: Step | None, theirs: Step | None, place: str, *, names: bool) -> str | None:
    """The class of a difference; None when there is none."""
    if ours is None or theirs is None:
        side, step = ("ours", ours) if ours else ("theirs", theirs)
        assert step is not None
        return f"only {side}, {place}, by {step.trust}"
    if ours.address != theirs.address:
        return f"instruction {ours.address - theirs.address:+d}"
    if names and (kind := _kind_of_names(ours, theirs)):
        return kind
    return None if ours.trust == theirs.trust else f"trust: {ours.trust}, theirs {theirs.trust}"


def _kind_of_names(ours: Step, theirs: Step) -> str | None:
    if (ours.module or "") != (theirs.module or ""):
        return "module"
    if plain_name(ours.function) == plain_name(theirs.function):
        return None
    if ours.function and theirs.function:
        return "function: other names"
    return f"function: only {'ours' if ours.function else 'theirs'} has a name"
