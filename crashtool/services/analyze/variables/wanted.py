"""Which variables a report is to have."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.variables.limits import SHOWN, Limits


class WantedVariables(NamedTuple):
    """Which variables are to be read: of the crashing frame, or of all; with their values, as far
    as the limits go, or only the types.
    """

    all_frames: bool = False
    with_values: bool = True
    limits: Limits = SHOWN
