"""The values of environment variables in a minidump: of its stream, and of blocks in memory."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.services.scrub.file_bytes import FileBytes

BLOCK_ENTRIES = 3  # so many NAME=VALUE in a row are an environment
MAX_NAME_LENGTH = 255  # characters
MAX_VALUE = 32767  # characters: as long as Windows takes
AFTER_FIRST = (digits + "().:-").encode()
NAME = (ascii_letters + "_").encode() + AFTER_FIRST


class _EnvironmentEntry(NamedTuple):
    """NAME=VALUE with its NUL: from `start` to before `end`, its value from `value`."""

    start: int
    value: int
    end: int


def walk_values(data: FileBytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(start, end) of what stands behind the first `=` of each text, in texts that end with NUL."""
    offset = start
    for entry in bytes(data[start:end]).split(b"\0"):
        name = entry.find(b"=", 1)
        if 0 < name < len(entry) - 1:
            yield offset + name + 1, offset + len(entry)
        offset += len(entry) + 1


def walk_block_values(
    data: FileBytes, start: int, end: int, width: int
) -> Iterator[tuple[int, int]]:
    """(start, end) of the values of each block of variables in memory, of `width` bytes a letter.

    Entries are found from their `=`, not by one pattern for a block: Python before 3.11.5 matches
    possessive groups wrongly, and others keep a state for each letter.
    """
    block: list[_EnvironmentEntry] = []
    for entry in _walk_entries(data, start, end, width):
        if block and entry.start != block[-1].end:
            yield from _values(block, width)
            block = []
        block.append(entry)
    yield from _values(block, width)


def _values(block: list[_EnvironmentEntry], width: int) -> Iterator[tuple[int, int]]:
    if len(block) >= BLOCK_ENTRIES:
        for entry in block:
            if entry.value < entry.end - width:
                yield entry.value, entry.end - width


def _walk_entries(data: FileBytes, start: int, end: int, width: int) -> Iterator[_EnvironmentEntry]:
    """Each entry, in order; none reads what another has taken."""
    equals = b"=".ljust(width, b"\0")
    free = start
    offset = data.find(equals, start, end)
    while offset >= 0:
        first = _find_name(data, free, offset, width)
        if first >= 0 and (width > 1 or first == start or data[first - 1 : first] == b"\0"):
            value = offset + width
            last = _find_nul(data, value, min(end, value + (MAX_VALUE + 1) * width), width)
            if last >= 0:
                free = last + width
                yield _EnvironmentEntry(first, value, free)
        offset = data.find(equals, max(free, offset + 1), end)


def _find_name(data: FileBytes, free: int, end: int, width: int) -> int:
    """Where the name that ends at `end` starts, with the `=` in front of Windows' own; or -1."""
    size = min(MAX_NAME_LENGTH, (end - free) // width) * width
    letters = bytes(data[end - size : end : width])
    count = len(letters) - len(letters.rstrip(NAME))
    if width > 1:
        others = bytes(data[end - size + 1 : end : width])
        count = min(count, len(others) - len(others.rstrip(b"\0")))
    count = len(letters[len(letters) - count :].lstrip(AFTER_FIRST))
    if not count:
        return -1
    first = end - count * width
    front = first - width
    is_drive = front >= free and bytes(data[front:first]) == b"=".ljust(width, b"\0")
    return front if is_drive else first


def _find_nul(data: FileBytes, start: int, end: int, width: int) -> int:
    """Where the next letter that is NUL is, of letters counted from `start`; or -1."""
    nul = bytes(width)
    offset = data.find(nul, start, end)
    while offset >= 0 and (offset - start) % width:
        offset = data.find(nul, offset + 1, end)
    return offset
