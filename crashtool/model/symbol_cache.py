"""What the symbol cache holds, in figures."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class CacheGroup(NamedTuple):
    """Files of one sort: how many, and their bytes."""

    name: str
    files: int
    size: int


class CacheState(NamedTuple):
    """The cache in `folder`: what is in it now, what was just removed, and its `limit` in bytes."""

    folder: str
    limit: int
    groups: tuple[CacheGroup, ...]
    removed: CacheGroup

    @property
    def files(self) -> int:
        """How many files there are."""
        return sum(group.files for group in self.groups)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(group.size for group in self.groups)
