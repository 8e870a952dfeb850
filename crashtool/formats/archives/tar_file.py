"""Tar archives, read forward: ustar, GNU and pax, with the headers of each bounded.

The format: POSIX.1-2017, pax; GNU tar's manual, "Basic Tar Format". Python's `tarfile` reads a pax
header of any size into memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.errors import MalformedFile
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Counted,
    Portion,
    read_fully,
)
from crashtool.formats.archives.bounds import MAX_MEMBERS, MAX_NAME_LENGTH

BLOCK = 512
MODE_FIELD, PERMISSIONS = slice(100, 108), 0o777
NAME, SIZE_FIELD, CHECK, KIND, MAGIC, PREFIX = (
    slice(0, 100),
    slice(124, 136),
    slice(148, 156),
    slice(156, 157),
    slice(257, 263),
    slice(345, 500),
)
USTAR, GNU = b"ustar\0", b"ustar "
REGULAR = (b"0", b"\0", b"7")
FOLDER, GNU_NAME, GNU_LINK, PAX, PAX_GLOBAL, SPARSE = b"5", b"L", b"K", b"x", b"g", b"S"
MAX_HEADERS = 1 << 20  # bytes of one pax header: extended attributes are in it
BINARY_NUMBER = 0x80
SPARSE_KEYS = "GNU.sparse."
SPARSE_GOES_ON, MAP_GOES_ON = slice(482, 483), slice(504, 505)  # in a header, in a block of its map


def looks_like_tar(head: bytes) -> bool:
    """Whether the first block is a member's header: by its mark, or by its check sum (V7's)."""
    if head[MAGIC] in (USTAR, GNU):
        return True
    return len(head) >= BLOCK and any(head[NAME]) and _has_check(head[:BLOCK])


def walk_members(stream: ArchiveStream) -> Iterator[ArchiveMember]:
    """The plain files and the folders of an archive. A folder's name ends with a slash.

    MalformedFile for damage, and for an archive that is cut short.
    """
    source = Counted(stream)
    shared: dict[str, str] = {}
    for _ in range(MAX_MEMBERS):
        member = _read_member(source, shared)
        if member is None:
            return
        name, size, kind, headers, mode = member
        portion = Portion(source, size)
        if kind == FOLDER:
            yield ArchiveMember(f"{name.rstrip('/')}/", 0, Portion(source, 0), "", headers)
        elif kind == SPARSE or any(key.startswith(SPARSE_KEYS) for key in headers):
            yield ArchiveMember(
                name, size, portion, "a sparse file, which is not read here", headers
            )
        elif kind in REGULAR:
            yield ArchiveMember(name, size, portion, "", headers, mode)
        portion.skip()
        Portion(source, -size % BLOCK).skip()


def _read_member(
    source: Counted, shared: dict[str, str]
) -> tuple[str, int, bytes, dict[str, str], int | None] | None:
    """The next member's name, size, kind, pax headers and mode; None at the end."""
    headers: dict[str, str] = dict(shared)
    long_name = ""
    for _ in range(MAX_MEMBERS):
        offset = source.position
        block = read_fully(source, BLOCK)
        if not block.strip(b"\0"):
            return None  # zeros end an archive; some end without
        if len(block) < BLOCK or not _has_check(block):
            what = "cut short" if len(block) < BLOCK else "damaged: a header's check sum is wrong"
            raise MalformedFile(f"the tar archive is {what}", offset=offset)
        kind = block[KIND]
        size = _read_number(block[SIZE_FIELD], offset)
        if kind == GNU_NAME:
            long_name = _decode(_read_content(source, size, MAX_NAME_LENGTH).partition(b"\0")[0])
        elif kind == GNU_LINK:
            _read_content(source, size, MAX_NAME_LENGTH)
        elif kind in (PAX, PAX_GLOBAL):
            fields = _read_pax(_read_content(source, size, MAX_HEADERS), offset)
            headers |= fields
            if kind == PAX_GLOBAL:
                shared |= fields
        else:
            break
    name = headers.get("path") or long_name or _plain_name(block)
    goes_on = kind == SPARSE and block[SPARSE_GOES_ON] == b"\1"
    while goes_on:  # more of the map of a sparse file
        goes_on = read_fully(source, BLOCK)[MAP_GOES_ON] == b"\1"
    if headers.get("size", "").isdecimal():
        size = int(headers["size"])
    digits = block[MODE_FIELD].strip(b"\0 ")
    mode = int(digits, 8) & PERMISSIONS if digits and not digits.strip(b"01234567") else None
    return name, 0 if kind == FOLDER else size, kind, headers, mode


def _plain_name(block: bytes) -> str:
    name = block[NAME].partition(b"\0")[0]
    prefix = block[PREFIX].partition(b"\0")[0] if block[MAGIC] == USTAR else b""
    return _decode(prefix + b"/" + name if prefix else name)


def _read_content(source: Counted, size: int, most: int) -> bytes:
    """A header's content, with what fills its last block."""
    if size > most:
        raise MalformedFile(
            f"the tar archive has a header of {size:,} bytes", offset=source.position
        )
    content = read_fully(source, size)
    Portion(source, -size % BLOCK).skip()
    return content


def _read_pax(content: bytes, offset: int) -> dict[str, str]:
    r"""The records of a pax header: `LENGTH KEY=VALUE\n` each, the length in decimal digits."""
    fields, at = {}, 0
    while at < len(content) and content[at]:
        digits, _, _ = content[at : at + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[at + len(digits) + 1 : at + length - 1]
        key, mark, value = record.partition(b"=")
        if not mark or at + length > len(content):
            raise MalformedFile("the tar archive has a damaged pax header", offset=offset)
        fields[_decode(key)] = _decode(value)
        at += length
    return fields


def _read_number(field: bytes, offset: int) -> int:
    """A number in octal digits, or, GNU's way, in binary."""
    if field[0] & BINARY_NUMBER:
        value = int.from_bytes(field[1:], "big")
        if field[0] != BINARY_NUMBER or value >> 62:
            raise MalformedFile("the tar archive has a size that cannot be", offset=offset)
        return value
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise MalformedFile("the tar archive has a size that is not a number", offset=offset)
    return int(digits or b"0", 8)


def _has_check(block: bytes) -> bool:
    digits = block[CHECK].strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        return False
    rest = block[: CHECK.start] + b" " * 8 + block[CHECK.stop : BLOCK]
    signed = sum(rest) - 256 * sum(byte > 127 for byte in rest)  # noqa: PLR2004 (old tars' way)
    return int(digits, 8) in (sum(rest), signed)


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
