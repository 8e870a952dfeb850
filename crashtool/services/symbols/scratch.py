"""A folder for files that are unpacked to be read: made when the first comes."""

from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from crashtool.errors import InputUnusable

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

BLOCK = 1 << 20  # bytes
# DWARF shrinks to a tenth or so; a pack that grows beyond both is made to fill disks.
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

    def keep(self, stream: IO[bytes], name: str, budget: "Budget") -> str:
        """Write a stream to a new file. InputUnusable when that is more than the budget has."""
        from pathlib import Path

        self._count += 1
        target = Path(self.folder(), str(self._count))
        with target.open("wb") as file:
            while block := stream.read(BLOCK):
                budget.spend(len(block), name)
                file.write(block)
        return str(target)


class Budget:
    """How much may come out of a pack of so many bytes, all its members together."""

    def __init__(self, packed_size: int) -> None:
        self._left = max(RATIO_FREE_BYTES, packed_size * MOST_RATIO)

    def spend(self, size: int, name: str) -> None:
        """Take so many bytes of it. InputUnusable when they are not there."""
        self._left -= size
        if self._left < 0:
            raise InputUnusable(
                f"'{name}' expands more than {MOST_RATIO}-fold: not unpacked",
                hint="unpack it by hand if it is what it should be",
            )
