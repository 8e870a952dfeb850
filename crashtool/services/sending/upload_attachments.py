"""The user's files as parts of a form: named so that no handler and no server loses one."""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from pathlib import Path

from crashtool.errors import InputUnusable, UsageError, reason_of
from crashtool.formats.attributes import Attachment
from crashtool.formats.multipart import FormFile, Readable
from crashtool.formats.regular_file import open_regular
from crashtool.model.submission import MINIDUMP_PART, to_wire

SAFE_NAME = frozenset(string.ascii_letters + string.digits + "_.-")


def make_parts(attachments: Sequence[Attachment], warnings: list[str]) -> dict[str, FormFile]:
    """Parts by their name; what is unusual about them is added to `warnings`.

    A name is the file's own unless given. Characters that handlers refuse become `_`, and a name
    that is taken gets a number, as in Sentry's handler, which loses none. InputUnusable when a file
    cannot be read.
    """
    parts: dict[str, FormFile] = {}
    for attachment in attachments:
        path = Path(attachment.path)
        check_attachment(path)
        wanted = attachment.name or attachment.base_name
        name = _free_name(wanted, parts)
        if name != wanted:
            warnings.append(
                f"the attachment {wanted} is sent as {name}: "
                "names are letters, digits, `_`, `.` and `-`, each once"
            )
        part = form_file(name, name, path)
        if not part.size:
            warnings.append(f"the attachment {name} is empty")
        parts[name] = part
    return parts


def check_attachment(path: Path) -> None:
    """InputUnusable unless a file can be read at `path`."""
    if path.is_dir():
        raise InputUnusable(
            f"the attachment {path} is a folder", hint="attach a file or an archive"
        )
    try:
        open_regular(path).close()
    except OSError as error:
        raise InputUnusable(f"cannot read the attachment {path}: {reason_of(error)}") from None


def form_file(name: str, filename: str, path: Path) -> FormFile:
    """A file on disk as a part of a form; read without a buffer of its own."""

    def open_file() -> Readable:
        return path.open("rb", buffering=0)

    return FormFile(to_wire(name), to_wire(filename), path.stat().st_size, open_file)


def safe_name(name: str) -> str:
    """The name with `_` for each character that handlers refuse (AttachmentNameIsOK)."""
    return "".join(sign if sign in SAFE_NAME else "_" for sign in name)


def _free_name(wanted: str, taken: dict[str, FormFile]) -> str:
    name = safe_name(wanted) or "_"
    if name == MINIDUMP_PART:
        raise UsageError(
            f"an attachment cannot be called {MINIDUMP_PART}", hint="--attachment NAME=PATH"
        )
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 (a name, not a path)
    number = 0
    while name in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name
