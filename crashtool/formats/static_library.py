"""Static libraries (.lib, .a): the objects in them, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives import ar_file
from crashtool.formats.archives.archive_streams import ArchiveMember
from crashtool.formats.named_tuple import NamedTuple

TABLES = ("", "SYM64", "/SYM64", "__.SYMDEF", "__.SYMDEF SORTED")  # of symbols
NAMES = "/"  # the table of long names, as ar_file gives it: "//" in the file
MAX_MEMBERS = 100_000
MAX_MEMBER = 256 << 20  # bytes; the largest objects of debug builds have some 50 MB


class MemberObject(NamedTuple):
    """An object in a library, with its name there."""

    name: str
    content: bytes


def walk_objects(
    file: IO[bytes], read_elsewhere: Callable[[str], bytes] | None = None
) -> Iterator[MemberObject]:
    """The objects of a library, in order; those larger than MAX_MEMBER are left out.

    `read_elsewhere` gives a file that a thin archive names, relative to the archive's folder; b""
    for one that cannot be read. InputUnusable for what is no library with objects in it,
    MalformedFile for a damaged one.
    """
    magic = file.read(len(ar_file.MAGIC))
    is_thin = magic == ar_file.THIN_MAGIC
    if is_thin:
        yield from _walk_thin(file, read_elsewhere or _read_nothing)
        return
    if magic != ar_file.MAGIC:
        raise InputUnusable("not a static library")
    names = b""
    for count, member in enumerate(ar_file.walk_members(file)):
        if count >= MAX_MEMBERS:
            raise InputUnusable(f"more than {MAX_MEMBERS:,} objects")
        if member.name == NAMES:
            names = _read(member)
        elif member.name not in TABLES:
            content = _read(member)
            name, content = _find_name(member.name, names, content)
            if content and name not in TABLES:
                yield MemberObject(name, content)


def _walk_thin(file: IO[bytes], read: Callable[[str], bytes]) -> Iterator[MemberObject]:
    names, has_symbols = b"", False
    for count, member in enumerate(ar_file.walk_members(file, thin=True)):
        if count >= MAX_MEMBERS:
            raise InputUnusable(f"more than {MAX_MEMBERS:,} objects")
        if member.name == NAMES:
            names = _read(member)
        elif member.name not in TABLES and (member.size or 0) <= MAX_MEMBER:
            name, _ = _find_name(member.name, names, b"")
            if content := read(name):
                has_symbols = True
                yield MemberObject(name, content)
    if not has_symbols:
        raise InputUnusable("a thin archive: it names objects elsewhere, and they are not there")


def _read_nothing(_: str) -> bytes:
    return b""


def _read(member: ArchiveMember) -> bytes:
    size = member.size or 0
    content = member.stream.read(size) if size <= MAX_MEMBER else b""
    if content and len(content) < size:
        raise MalformedFile(f"the member {member.name} is cut short", offset=len(content))
    return content


def _find_name(name: str, names: bytes, content: bytes) -> tuple[str, bytes]:
    """A member's whole name, and its bytes without it where BSD's ar puts it there."""
    if name.startswith("#1/") and name[3:].isdigit():
        length = min(int(name[3:]), len(content))
        return content[:length].rstrip(b"\0").decode("utf-8", "replace"), content[length:]
    if name.startswith("/") and name[1:].isdigit():
        start = int(name[1:])
        long = names[start : start + 4096].partition(b"\0")[0].partition(b"\n")[0]
        return long.rstrip(b"/").decode("utf-8", "replace"), content
    return name, content
