"""A module: an image that a process had mapped, and the identifiers that find its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.identifiers import DebugId


class Module(NamedTuple):
    """An image in the process: `base` and `size` in bytes, `name` without its folder."""

    base: int
    size: int
    name: str
    code_file: str
    code_id: str | None = None
    debug_file: str | None = None
    debug_id: DebugId | None = None
    version: str | None = None

    @property
    def end(self) -> int:
        """The first address behind the module."""
        return self.base + self.size
