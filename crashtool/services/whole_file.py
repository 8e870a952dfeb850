"""Files that are written whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from crashtool.errors import InputUnusable, reason_of


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its place when the context ends well, and is gone otherwise.

    InputUnusable when the place cannot be written.
    """
    partial = path.with_name(f".{uuid4().hex}.part")
    try:
        with partial.open("xb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise InputUnusable(f"cannot write {path}: {reason_of(error)}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
