"""A folder for files that are unpacked to be read: made when the first comes."""

from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from crashtool.errors import InputUnusable

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

BLOCK = 1 << 20  # bytes
# DWARF shrinks to a tenth or so; a member beyond both is made to fill disks.
MOST_RATIO, RATIO_FREE_BYTES = 200, 256 << 20


class Scratch:
    """The folder; it is deleted when the context ends."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder:
            self._folder.cleanup()

    def folder(self) -> str:
        """The folder's path, for files that come from elsewhere."""
        from tempfile import TemporaryDirectory

        self._folder = self._folder or TemporaryDirectory(prefix="crashtool-")
        return self._folder.name

    def make_folder(self) -> str:
        """A new empty folder in it."""
        from pathlib import Path

        self._count += 1
        target = Path(self.folder(), f"folder{self._count}")
        target.mkdir()
        return str(target)

    def keep(self, stream: IO[bytes], name: str, packed_size: int) -> str:
        """Write a stream to a new file. InputUnusable when it grows out of all proportion."""
        from pathlib import Path

        self._count += 1
        target = Path(self.folder(), str(self._count))
        size = 0
        with target.open("wb") as file:
            while block := stream.read(BLOCK):
                size += len(block)
                insist_on_proportion(name, size, packed_size)
                file.write(block)
        return str(target)


def insist_on_proportion(name: str, size: int, packed_size: int) -> None:
    """InputUnusable when something is made to fill disks; sizes in bytes."""
    if size > max(RATIO_FREE_BYTES, packed_size * MOST_RATIO):
        raise InputUnusable(
            f"'{name}' expands more than {MOST_RATIO}-fold: not unpacked",
            hint="unpack it by hand if it is what it should be",
        )
