"""Unwind rules as all tables give them, whatever format they were read from: Breakpad's text."""

from __future__ import annotations

from typing import Protocol

from crashtool.formats.named_tuple import NamedTuple

FRAME_DATA, FPO = 4, 0  # kinds of STACK WIN records


class CfiText(NamedTuple):
    """The rules for one address, of the function that has `size` bytes from `start` on.

    `rules`: the initial rules, then those that replace them on the way to the address.
    """

    start: int
    size: int
    rules: str


class FrameData(NamedTuple):
    """A STACK WIN record; sizes in bytes. `kind`: 4 for frame data, 0 for FPO data.

    `program` is "" where there is none; then `allocates_base_pointer` says whether the function
    uses ebp for itself.
    """

    kind: int
    start: int
    size: int
    prologue_size: int
    epilogue_size: int
    parameter_size: int
    saved_register_size: int
    local_size: int
    max_stack_size: int
    program: str
    allocates_base_pointer: bool


class UnwindTables(Protocol):
    """Unwind tables in the file's own bytes; `covers` is whether `find_cfi` finds rules."""

    def find_cfi(self, address: int) -> CfiText | None: ...  # noqa: D102
    def covers(self, address: int) -> bool: ...  # noqa: D102
