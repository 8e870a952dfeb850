"""The values of an ELF symbol table in their order, without decoding the table."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator

# By the width of addresses: words of an array, of which so many make a symbol, and which has the
# value.
WIDE, NARROW = ("Q", 3, 1), ("I", 4, 1)


class SymbolStarts:
    """Where the symbols of one table begin, whatever they are of."""

    def __init__(self, content: bytes, *, wide: bool) -> None:
        """`content`: the table, or as much of it as there is."""
        kind, count, place = WIDE if wide else NARROW
        words = array(kind)
        words.frombytes(
            content[: len(content) // (words.itemsize * count) * words.itemsize * count]
        )
        if sys.byteorder == "big":
            words.byteswap()
        self._values = array(kind, sorted(words[place::count]))

    def walk_back(self, value: int) -> Iterator[int]:
        """The last value up to one, then those before it, each once."""
        limit = value + 1
        while position := bisect_left(self._values, limit):
            limit = self._values[position - 1]
            yield limit
