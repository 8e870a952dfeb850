"""A file's bytes without reading it: mapped into memory."""

from __future__ import annotations

import os
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, reason_of

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content


class CannotRead(InputUnusable):
    """A file whose bytes the system does not give."""


def map_file(path: str) -> Content:
    """A file's bytes, mapped. CannotRead when the system does not give them."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib costs start-up time)
            if not os.fstat(file.fileno()).st_size:
                return b""
            try:
                return mmap(file.fileno(), 0, access=ACCESS_READ)
            except OSError:  # a file system that maps nothing, or no address space for it
                return file.read()
    except (OSError, ValueError) as error:
        raise CannotRead(f"{path} cannot be read: {reason_of(error)}") from None
