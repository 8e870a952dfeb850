"""Click's words for numbers that are none, or out of bounds, without its notation for ranges."""

from __future__ import annotations

import re

NUMBER = r"(-?\d+(?:\.\d+)?)"
NO_NUMBER = re.compile(r"a valid (float|integer)(?: range)?")
OUTSIDE = re.compile(rf"is not in the range (?:{NUMBER}<=?x<=?{NUMBER}|x([<>]=?){NUMBER})")
BEYOND = {
    ">=": "is less than",
    ">": "is not more than",
    "<=": "is more than",
    "<": "is not less than",
}


def reword(message: str) -> str:
    """A message of click's as a sentence: `0 is not in the range 1 to 64`, `-1 is less than 0`."""
    message = NO_NUMBER.sub(
        lambda match: "a number" if match[1] == "float" else "a whole number", message
    )
    return OUTSIDE.sub(_reword_range, message)


def _reword_range(match: re.Match[str]) -> str:
    low, high, sign, limit = match.groups()
    return f"{BEYOND[sign]} {limit}" if sign else f"is not in the range {low} to {high}"
