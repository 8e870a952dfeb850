"""Names of generated code: `perf-PID.map`, as engines write it for perf (V8, .NET, Java agents).

A line a function: its address and size, in hexadecimal, and its name (Linux,
tools/perf/Documentation/jit-interface.txt). Addresses are those of one process: a file of another
process number is never used.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from crashtool.formats.named_tuple import NamedTuple

NAME = re.compile(r"perf-(\d+)\.map")
LINE = re.compile(r"(?:0x)?([0-9a-fA-F]{1,16}) (?:0x)?([0-9a-fA-F]{1,16}) (.+)")
MAX_BYTES = 1 << 26
MAX_LINE_LENGTH = 1 << 12
MAX_OVERLAPPING = 32  # functions that were compiled again at places of earlier ones


class Generated(NamedTuple):
    """A function of generated code: its first address, its bytes, its name; the line tells age."""

    start: int
    size: int
    line: int
    name: str


def split_maps(paths: Sequence[str]) -> tuple[list[str], GeneratedCode]:
    """The paths that are no maps of generated code, and those that are."""
    maps: dict[int, str] = {}
    others: list[str] = []
    for path in paths:
        match = NAME.fullmatch(os.path.basename(path))
        if match and os.path.isfile(path):
            maps[int(match[1])] = path
        else:
            others.append(path)
    return others, GeneratedCode(maps)


class GeneratedCode:
    """The functions of some processes, each process's read when it is first asked for."""

    def __init__(self, maps: dict[int, str]) -> None:
        """`maps`: paths by the number of the process."""
        self._maps = maps
        self._functions: dict[int, list[Generated]] = {}

    def find(self, process: int | None, address: int) -> Generated | None:
        """The function of a process at an address: of several the one that was written last."""
        if process is None or process not in self._maps:
            return None
        if process not in self._functions:
            self._functions[process] = sorted(_read(self._maps[process]))
        functions = self._functions[process]
        last = bisect_right(functions, address, key=lambda function: function.start)
        nearest = functions[max(0, last - MAX_OVERLAPPING) : last]
        inside = [function for function in nearest if address < function.start + function.size]
        return max(inside, key=lambda function: function.line, default=None)


def _read(path: str) -> Iterator[Generated]:
    """What a file says, up to `MAX_BYTES` of it; lines of another form are passed over."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES)
    except OSError:  # it was there when the command began
        return
    for number, line in enumerate(content.splitlines()):
        match = LINE.fullmatch(line[:MAX_LINE_LENGTH].decode("utf-8", "replace"))
        if match:
            yield Generated(int(match[1], 16), int(match[2], 16), number, match[3].strip())
