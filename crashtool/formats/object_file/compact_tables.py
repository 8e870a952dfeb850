"""Mach-O's compact unwind information, looked up by address in its own bytes.

The format: Apple's mach-o/compact_unwind_encoding.h: an index of pages, each a sorted list of
functions. A function ends where the next begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.object_file.compact_unwind import (
    DESCRIBERS,
    CompactFunction,
    open_index,
    walk_page,
)
from crashtool.formats.unwind_rules import CfiText

MAX_KEPT = 64  # pages, of some 500 functions each


class CompactTables:
    """The rules of a __unwind_info section; addresses are from the module's base.

    None for a function whose rules are in the .eh_frame.
    """

    def __init__(
        self, section: bytes, architecture: str, read_code: Callable[[int, int], bytes]
    ) -> None:
        """`read_code` gives bytes of code by address. InputUnusable when the machine is not known,
        MalformedFile when the index does not hold.
        """
        describe = DESCRIBERS.get(architecture)
        if describe is None:
            raise InputUnusable(f"compact unwind information of {architecture} is not known here")
        self._describe = describe
        self._section = section
        self._read_code = read_code
        self._shared, self._index = open_index(section)
        self._starts = [entry.function for entry in self._index]
        self._pages: dict[int, list[CompactFunction]] = {}

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules at an address; None when there are none, or damage has taken them."""
        number = bisect_right(self._starts, address) - 1
        if not 0 <= number < len(self._index) - 1:  # the last entry is the end of all
            return None
        try:
            function = self._find(number, address)
            rules = self._describe(function, self._read_code) if function else None
        except MalformedFile:
            return None
        return CfiText(function.start, function.size, rules) if function and rules else None

    def covers(self, address: int) -> bool:
        """Whether `find_cfi` has rules for an address."""
        return self.find_cfi(address) is not None

    def _find(self, number: int, address: int) -> CompactFunction | None:
        functions = self._open_page(number)
        starts = [function.start for function in functions]
        place = bisect_right(starts, address) - 1
        return functions[place] if place >= 0 else None

    def _open_page(self, number: int) -> list[CompactFunction]:
        """The functions of a page; the last one ends where the next page begins."""
        if number not in self._pages:
            if len(self._pages) >= MAX_KEPT:
                self._pages.clear()
            rows = list(walk_page(self._section, self._index[number], self._shared))
            rows.append((self._starts[number + 1], 0))
            self._pages[number] = [
                CompactFunction(start, end - start, encoding)
                for (start, encoding), (end, _) in pairwise(rows)
            ]
        return self._pages[number]
