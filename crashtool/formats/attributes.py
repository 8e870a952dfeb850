"""Annotations and attachments as text: how they are written, split and named on their way."""

from __future__ import annotations

from collections.abc import Iterable

from crashtool.errors import UsageError
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple


class Attribute(NamedTuple):
    """A key and its value; the server indexes it as an attribute."""

    key: str
    value: str


class Attachment(NamedTuple):
    """A file to send along; `name` is None when it goes by its own.

    `is_folder` is whether the path is known to lead to a folder.
    """

    name: str | None
    path: str
    is_folder: bool = False

    @property
    def base_name(self) -> str:
        """The path's last piece, on whichever platform: behind the last slash or backslash."""
        return base_name(self.path)

    @property
    def text(self) -> str:
        """`[NAME=]PATH`, which parse_attachment reads."""
        return self.path if self.name is None else f"{self.name}={self.path}"


def split_pair(text: str) -> Attribute:
    """`KEY=VALUE` split at the first `=`, as crashpad_handler splits it.

    Nothing is stripped. UsageError when there is no `=`; the key may come out empty.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"'{text}' is not an annotation: it has no '='",
            hint="write KEY=VALUE; VALUE may be empty",
        )
    return Attribute(key, value)


def parse_pair(text: str) -> Attribute:
    """`KEY=VALUE` as the handler takes it: UsageError if KEY is empty or NUL is in it."""
    annotation = split_pair(text)
    if not annotation.key:
        raise UsageError(
            f"'{text}' is not an annotation: its key is empty",
            hint="crashpad_handler exits at once on an empty key; write KEY=VALUE",
        )
    if "\0" in text:
        raise UsageError(
            f"annotation '{annotation.key}' has a NUL character, which ends an argument"
        )
    return annotation


def parse_attachment(text: str) -> Attachment:
    """`[NAME=]PATH`; what stands before a `=` is a path if it holds a slash or a drive's colon."""
    name, equals, path = text.partition("=")
    if not equals or any(sign in name for sign in "/\\:"):
        return Attachment(None, text)
    return Attachment(name, path)


def is_absolute(path: str) -> bool:
    """Whether a path is absolute on POSIX or on Windows, on whichever this runs."""
    return path.startswith(("/", "\\")) or (path[1:2] == ":" and path[2:3] in ("\\", "/"))


def join_annotations(annotations: Iterable[Attribute]) -> dict[str, str]:
    """Annotations as StartHandler's map: of equal keys the last wins; in the byte order of keys."""
    joined = {annotation.key: annotation.value for annotation in annotations}
    return {key: joined[key] for key in sorted(joined, key=_bytes_of)}


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
