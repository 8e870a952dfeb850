"""Runs of entries that nobody asks for, passed by one pattern over the bytes.

Behind its code an entry is a row of numbers, LEB128 numbers, strings and short blocks: a regular
language. So a table of abbreviations makes a pattern, which `re` runs several times faster than a
loop does. It stops at what is wanted and at what it has no words for: long blocks, rare forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from crashtool.formats.dwarf.entries import BLOCK, LEB, LEB_BLOCK, TEXT, Shape

SHORT_BLOCKS = (2, 3, 9, 1, 4, 5, 6, 8)  # bytes; each further one costs time to compile
ONE_BYTE, TWO_BYTES = 1 << 7, 1 << 14
AT_ONCE = 1000  # entries; each takes some memory until the run's end
BLOCKS = b"(?:\\x00|" + b"|".join(b"\\x%02x.{%d}" % (size, size) for size in SHORT_BLOCKS) + b")"
WORDS = {
    LEB: rb"[\x80-\xff]*[\x00-\x7f]",
    TEXT: rb"[^\x00]*\x00",
    LEB_BLOCK: BLOCKS,
    BLOCK - 1: BLOCKS,
}


def compile_run(shapes: dict[int, Shape], tags: frozenset[int]) -> Callable[[bytes, int], int]:
    """A function from an offset in a unit to the end of the run of unwanted entries there.

    The run may end early; at a wanted entry of one of the `tags` it always ends.
    """
    codes: dict[bytes, list[int]] = {}
    for code, shape in sorted(shapes.items()):
        words = None if shape.is_wanted and shape.tag in tags else _describe(shape)
        if words is not None and code < TWO_BYTES:
            codes.setdefault(words, []).append(code)
    choices = [rb"\x00"]  # the end of an entry's children
    for words, group in codes.items():
        choices += (prefix + words for prefix in _list_prefixes(group))
    # No choice begins as another does, so there is one way to match, and nothing to go back to.
    match = re.compile(b"(?s:%b){0,%d}" % (b"|".join(choices), AT_ONCE)).match

    def run(data: bytes, offset: int) -> int:
        matched = match(data, offset)
        return matched.end() if matched else offset

    return run


def _describe(shape: Shape) -> bytes | None:
    """The bytes behind the code; None where there are no words for them."""
    words = [
        (b".{%d}" % step if step else b"") if step >= 0 else WORDS.get(step) for step in shape.steps
    ]
    return None if None in words else b"".join(word for word in words if word is not None)


def _list_prefixes(codes: Iterable[int]) -> list[bytes]:
    """What matches one of these codes as LEB128: those of one byte, those of two by the second."""
    sets: dict[int, list[int]] = {}
    for code in codes:
        high, low = divmod(code, ONE_BYTE)
        sets.setdefault(high, []).append(low | (ONE_BYTE if high else 0))
    return [
        b"[%b]" % b"".join(b"\\x%02x" % low for low in lows) + (b"\\x%02x" % high if high else b"")
        for high, lows in sets.items()
    ]
