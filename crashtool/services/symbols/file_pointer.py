"""file.ptr in a Windows symbol store, for a file that is elsewhere: `symstore add /p` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.services.symbols.identified_file import (
    IdentifiedFile,
    identify_required,
    read_head,
)

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch

POINTER_NAME = "file.ptr"
PATH_MARK, MESSAGE_MARK = "path:", "msg:"  # in any letter case (Debugging Tools for Windows)
NETWORK = ("\\\\", "//")
MAX_MESSAGE = 120  # characters that are shown


def pointer_path(path: str) -> str:
    """Where a store has the pointer that stands for a file: NAME/ID/file.ptr."""
    return f"{path.rpartition('/')[0]}/{POINTER_NAME}"


def follow_pointer(path: str, scratch: Scratch) -> list[IdentifiedFile]:
    """What the file holds that a pointer leads to, or why it is not read.

    A store may be a stranger's: a path of the network is named and not opened, since Windows
    would log in there.
    """
    try:
        text = read_head(path).decode("utf-8", "replace").strip("\ufeff\0 \r\n")
    except InputUnusable as error:
        return [IdentifiedFile(path, path, (), "failed", error.what)]
    target = text.partition("\n")[0].strip()
    if target.lower().startswith(MESSAGE_MARK):
        message = " ".join(text[len(MESSAGE_MARK) :].split())[:MAX_MESSAGE]
        return [IdentifiedFile(path, path, (), "failed", f"the store says: {message}")]
    if target.lower().startswith(PATH_MARK):
        target = target[len(PATH_MARK) :].strip()
    if not target.startswith(NETWORK):
        local = Path(path).parent / target
        if local.is_file():
            return identify_required(str(local), scratch)
    note = f"it leads to {target or 'nothing'}, which is not read from here: give it by --symbols"
    return [IdentifiedFile(path, path, (), "failed", note)]
