"""Text that waits to be put in order: a little in memory, more in a file, at worst in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from crashtool.errors import CrashtoolError, MachineFault, reason_of

BLOCK = 1 << 22  # bytes that are held before a file is made, and between writing to it


class TextSpool:
    """What was written is read back in the same portions, or in parts of these.

    A disk that is full, or a bound on the size of files, costs memory and nothing else.
    """

    def __init__(self, open_file: Callable[[], BinaryIO]) -> None:
        """`open_file` gives an empty file without a buffer, when it is wanted."""
        self._open = open_file
        self._file: BinaryIO | None = None
        self._written = 0  # bytes that are in the file
        self._held = bytearray()  # what follows
        self._has_failed = False
        self._place = 0

    def write(self, content: bytes) -> int:
        """Add to the end."""
        self._held += content
        if len(self._held) >= BLOCK and not self._has_failed:
            self._flush()
        return len(content)

    def save(self) -> None:
        """Have all in the file, for those who read that. OSError when it cannot be."""
        self._flush()
        if self._has_failed:
            raise OSError("the spool is in memory")

    def _flush(self) -> None:
        try:
            if self._file is None:
                self._file = self._open()
            self._file.seek(self._written)
            done = 0
            while done < len(self._held):
                done += self._file.write(bytes(self._held[done:]))
        except (OSError, CrashtoolError):
            self._has_failed = True
            return
        self._written += len(self._held)
        self._held.clear()

    def seek(self, place: int) -> int:
        """Go where the next reading begins."""
        self._place = place
        return place

    def read(self, size: int) -> bytes:
        """The next bytes. MachineFault when the disk does not give them back."""
        start = self._place - self._written
        self._place += size
        if start >= 0 or self._file is None:
            return bytes(self._held[start : start + size])
        try:
            self._file.seek(start + self._written)
            content = self._file.read(size)
        except OSError as error:
            raise MachineFault(f"a temporary file cannot be read: {reason_of(error)}") from None
        if len(content) < size:
            raise MachineFault("a temporary file has lost its end")
        return content

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
