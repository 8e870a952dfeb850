"""How much may come out of a packed file, and how much memory unpacking it may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crashtool.errors import InputUnusable

# DWARF shrinks to a tenth or so; what grows beyond both of these is made to fill disks.
MAX_RATIO, FREE_BYTES = 200, 128 << 20
ALLOWANCE = 1 << 30  # bytes beyond the ratio that all the packed files of one command have together
# Dictionaries of xz -9 and 7-Zip's ultra have 64 MiB, those of zstd -19 8 MiB.
MAX_WINDOW, SMALLEST_LIMIT = 64 << 20, 8 << 20
MAX_MEMBERS = 1_000_000
MAX_NAME_LENGTH = 32 << 10  # bytes


class TooMuch(InputUnusable):
    """More comes out of a packed file than can be meant."""


class Allowance:
    """What the packed files of one command may unpack to beyond the ratio, in bytes."""

    def __init__(self, size: int = ALLOWANCE) -> None:
        self.left = size


class Budget:
    """How much may be unpacked of a file of so many bytes, with all that is packed in it.

    `window` is the size of the largest dictionary that a decompressor may have, in bytes.
    """

    def __init__(self, packed_size: int, allowance: Allowance | None = None) -> None:
        self._fair = packed_size * MAX_RATIO
        self._most = max(FREE_BYTES, self._fair)
        self._allowance = allowance or Allowance()
        self.spent = 0
        self.window = MAX_WINDOW

    @contextmanager
    def inside(self) -> Iterator[None]:
        """While an archive in the archive is open: its dictionaries come on top of those in use."""
        before = self.window
        self.window = max(SMALLEST_LIMIT, before // 2)
        try:
            yield
        finally:
            self.window = before

    def spend(self, size: int) -> None:
        """Count so many unpacked bytes. TooMuch when that is more than there may be."""
        before = max(self.spent, self._fair)
        self.spent += size
        self._allowance.left -= max(0, self.spent - before)
        if self.spent > self._most or self._allowance.left < 0:
            raise TooMuch(
                f"expands more than {MAX_RATIO}-fold: not unpacked",
                hint="unpack it by hand if it is what it should be",
            )
