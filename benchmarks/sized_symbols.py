"""Makes .sym files of any size from a real one: fewer functions of it, or more like them.

The functions that a dump needs stay as they are. A smaller file has some of the others; a larger
one has all of them again and again, at addresses after the real ones, with their lines, inlined
calls and unwind rules, in the order of addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from symbol_stores import store_place

MARK = b"\x01"  # stands for the leading digits of addresses until these are known
DIGITS = 8  # of the addresses of the real file, once they are padded
PREFIX = b"%x"
NO_CODE = b"STACK CFI"


class Parts(NamedTuple):
    """A .sym file taken apart. `functions` and `rules`: (address, size, whole text) in order."""

    head: bytes
    functions: list[tuple[int, int, bytes]]
    publics: bytes
    rules: list[tuple[int, int, bytes]]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        blocks = sum(len(text) for _, _, text in [*self.functions, *self.rules])
        return len(self.head) + len(self.publics) + blocks


def take_apart(text: bytes) -> Parts:
    """Split a .sym file with FUNC records and STACK CFI rules; STACK WIN is left out."""
    head: list[bytes] = []
    functions: list[list[bytes]] = []
    publics: list[bytes] = []
    rules: list[list[bytes]] = []
    last = head
    for line in text.splitlines(keepends=True):
        word = line.split(b" ", 1)[0]
        if word == b"FUNC":
            functions.append(last := [])
        elif line.startswith(b"STACK CFI INIT"):
            rules.append(last := [])
        elif word == b"PUBLIC":
            last = publics
        elif word in {b"MODULE", b"INFO", b"FILE", b"INLINE_ORIGIN"}:
            last = head
        if not line.startswith(b"STACK WIN"):
            last.append(line)
    return Parts(
        b"".join(head),
        sorted(_block(lines, place=1) for lines in functions),
        b"".join(publics),
        sorted(_block(lines, place=3) for lines in rules),
    )


def _block(lines: list[bytes], place: int) -> tuple[int, int, bytes]:
    words = lines[0].split(b" ")
    if words[1] == b"m":
        place += 1
    return int(words[place], 16), int(words[place + 1], 16), b"".join(lines)


def write_sized(parts: Parts, target: Path, size: int, needed: Iterable[int]) -> int:
    """Write a .sym file of about `size` bytes that still has what covers the `needed` addresses.

    Gives its true size.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        if size < parts.size:
            file.writelines(_fewer(parts, size, sorted(needed)))
        else:
            file.writelines(_more(parts, max(1, round(size / parts.size))))
        return file.tell()


def _fewer(parts: Parts, size: int, needed: list[int]) -> Iterator[bytes]:
    share = (size - len(parts.head) - len(parts.publics)) / parts.size
    yield parts.head
    yield from _some(parts.functions, share, needed)
    yield parts.publics
    yield from _some(parts.rules, share, needed)


def _some(blocks: list[tuple[int, int, bytes]], share: float, needed: list[int]) -> Iterator[bytes]:
    """Evenly chosen blocks, and those that are needed."""
    owed = 0.0
    for start, length, text in blocks:
        owed += share
        if owed >= 1 or any(start <= address < start + length for address in needed):
            owed = max(owed - 1, 0.0)
            yield text


def _more(parts: Parts, copies: int) -> Iterator[bytes]:
    functions = b"".join(_movable(text) for _, _, text in parts.functions)
    rules = b"".join(_movable_rules(text) for _, _, text in parts.rules)
    yield parts.head
    yield b"".join(text for _, _, text in parts.functions)
    for copy in range(1, copies):
        yield functions.replace(MARK, PREFIX % copy)
    yield parts.publics
    yield b"".join(text for _, _, text in parts.rules)
    for copy in range(1, copies):
        yield rules.replace(MARK, PREFIX % copy)


def _movable(block: bytes) -> bytes:
    """A FUNC record and its lines and inlined calls, with marks before the padded addresses."""
    lines = block.splitlines()
    words = lines[0].split(b" ")
    place = 2 if words[1] == b"m" else 1
    words[place] = _padded(words[place])
    moved = [b" ".join(words)]
    for line in lines[1:]:
        words = line.split(b" ")
        for place in range(5, len(words), 2) if words[0] == b"INLINE" else (0,):
            words[place] = _padded(words[place])
        moved.append(b" ".join(words))
    return b"\n".join(moved) + b"\n"


def _movable_rules(block: bytes) -> bytes:
    lines = block.splitlines()
    moved = []
    for number, line in enumerate(lines):
        words = line.split(b" ")
        place = 2 if number else 3
        words[place] = _padded(words[place])
        moved.append(b" ".join(words))
    return b"\n".join(moved) + b"\n"


def _padded(address: bytes) -> bytes:
    return MARK + address.rjust(DIGITS, b"0")


def write_store(parts: Parts, store: Path, size: int, needed: Iterable[int]) -> int:
    """A store with one .sym file of about that size; its true size."""
    place = store_place(parts.head)
    assert place is not None
    return write_sized(parts, store / place, size, needed)
