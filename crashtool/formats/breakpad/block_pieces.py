"""Blocks of a .sym file that overlap: which has which code, and what that leaves of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crashtool.formats.breakpad.symbol_blocks import FORMAT_ROW
from crashtool.formats.named_tuple import NamedTuple

INLINE = "INLINE "
INLINE_WORDS = 5  # before the pieces of code


class BlockPiece(NamedTuple):
    """Code from `start` to before `end` that a block has: number `number` of a part."""

    start: int
    end: int
    part: int
    number: int


def list_pieces(rows: Iterable[tuple[int, int, int, int]]) -> list[BlockPiece]:
    """What each block (its start, size, part, number) has, in the order of addresses.

    Of those that overlap, the one that begins last has the code; of those that begin together the
    longest; of equal ones, which linkers make when they fold functions, the last.
    """
    pieces: list[BlockPiece] = []
    outer: list[BlockPiece] = []  # blocks that have begun, each with what is left of it
    address = 0
    for start, size, part, number in sorted(rows):
        while outer and outer[-1].end <= start:
            address = _end(outer.pop(), address, pieces)
        if outer and address < start:
            pieces.append(outer[-1]._replace(start=address, end=start))
        address = start
        outer.append(BlockPiece(start, start + size, part, number))
    while outer:
        address = _end(outer.pop(), address, pieces)
    return pieces


def _end(piece: BlockPiece, address: int, pieces: list[BlockPiece]) -> int:
    """Give a block what is left of it from an address on; where the next one goes on."""
    if address < piece.end:
        pieces.append(piece._replace(start=max(address, piece.start)))
        return piece.end
    return address


def cut_block(text: str, low: int, high: int) -> str:
    """The INLINE and line records of a block as far as they are of code from `low` to `high`."""
    return "".join(_walk_cut(text, low, high))


def _walk_cut(text: str, low: int, high: int) -> Iterator[str]:
    for record in text.splitlines():
        words = record.split(" ")
        if not record.startswith(INLINE):
            start, size = int(words[0], 16), int(words[1], 16)
            first, last = max(start, low), min(start + size, high)
            if first < last:
                yield FORMAT_ROW((first, last - first, int(words[2]), int(words[3])))
            continue
        pieces = []
        for at in range(INLINE_WORDS, len(words), 2):
            start, size = int(words[at], 16), int(words[at + 1], 16)
            first, last = max(start, low), min(start + size, high)
            if first < last:
                pieces.append(f"{first:x} {last - first:x}")
        if pieces:
            yield " ".join((*words[:INLINE_WORDS], *pieces)) + "\n"
