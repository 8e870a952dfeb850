"""A folder for files that are unpacked to be read: made when the first comes."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from crashtool.formats.archives.bounds import Allowance
    from crashtool.formats.archives.streams import Stream

BLOCK = 1 << 20  # bytes


class Scratch:
    """The folder; it is deleted when the context ends."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._allowance: Allowance | None = None
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

    @property
    def allowance(self) -> "Allowance":
        """What all that is unpacked to the folder may be beyond what is usual."""
        from crashtool.formats.archives.bounds import Allowance

        self._allowance = self._allowance or Allowance()
        return self._allowance

    def keep(self, stream: "Stream") -> str:
        """Write a stream to a new file; nothing is left of one that cannot be read to its end."""
        from pathlib import Path

        self._count += 1
        target = Path(self.folder(), str(self._count))
        try:
            with target.open("wb") as file:
                while block := stream.read(BLOCK):
                    file.write(block)
        except BaseException:
            self.drop(str(target))
            raise
        return str(target)

    def drop(self, path: str) -> None:
        """Remove a file of the folder before its time."""
        from contextlib import suppress
        from pathlib import Path

        with suppress(OSError):  # the folder goes anyway
            Path(path).unlink()
