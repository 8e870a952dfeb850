"""Where a stack repeats itself: recursion, told once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Frame

MAX_PERIOD = 8  # functions that call one another in a circle
FEWEST_HIDDEN = 5


class Repeat(NamedTuple):
    """Frames from `start` on, before `stop`, that say what the `period` frames before them say."""

    start: int
    stop: int
    period: int

    def words(self, missing: int = 0) -> str:
        """`297 more of the same`, `the same 2 frames 30 more times`.

        `missing`: frames that belong there, too, and were not kept.
        """
        hidden = self.stop - self.start + missing
        if self.period == 1:
            return f"{hidden} more of the same"
        return f"the same {self.period} frames {hidden // self.period} more times"


def find_repeats(frames: Sequence[Frame]) -> list[Repeat]:
    """The parts that need not be shown, in order, none overlapping."""
    keys = [_key(frame) for frame in frames]
    repeats: list[Repeat] = []
    index = 0
    while index < len(keys):
        repeat = _find_at(keys, index)
        if repeat:
            repeats.append(repeat)
        index = repeat.stop if repeat else index + 1
    return repeats


def _key(frame: Frame) -> Hashable:
    """What a reader would call the same frame."""
    return (frame.instruction, frame.function, frame.inlines)


def _find_at(keys: Sequence[Hashable], index: int) -> Repeat | None:
    """The shortest circle that starts at `index` and is worth folding."""
    for period in range(1, MAX_PERIOD + 1):
        stop = index + period
        while stop < len(keys) and keys[stop] == keys[stop - period]:
            stop += 1
        hidden = (stop - index - period) // period * period
        if hidden >= max(FEWEST_HIDDEN, 2 * period):
            return Repeat(index + period, index + period + hidden, period)
    return None
