"""A folder for files that are unpacked to be read: made when the first comes."""

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from crashtool.formats.archives.bounds import Allowance
    from crashtool.formats.archives.streams import Stream

BLOCK = 1 << 20  # bytes


class Scratch:
    """The folder; it is deleted when the context ends."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._open = ExitStack()
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
        self._open.close()

    def folder(self) -> str:
        """The folder's path, for files that come from elsewhere."""
        if self._folder is None:
            from crashtool.services.temporary_folder import temporary_folder

            self._folder = str(self._open.enter_context(temporary_folder()))
        return self._folder

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
