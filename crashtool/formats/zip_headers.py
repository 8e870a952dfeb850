"""The headers of a zip archive that is made while it is sent (PKWARE's APPNOTE.TXT 6.3.9).

An entry's sizes follow its data, for they are not known before. Written here, not by zipfile: its
headers differ between patch versions of Python, and no public name of it lets an entry store some
blocks and deflate others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.zip_structs import (
    CENTRAL,
    DESCRIPTOR,
    END,
    END64,
    FULL16,
    FULL32,
    IS_UTF8,
    LOCAL,
    LOCATOR64,
    SIZES_FOLLOW,
    STORED,
    ZIP64_EXTRA,
    CentralEntry,
    Descriptor,
    End,
    Extra,
    LargeDescriptor,
    LargeEnd,
    LocalHeader,
    Locator,
)

PLAIN_VERSION, ZIP64_VERSION = 20, 45
UNIX = 3 << 8  # whose permissions an entry has
OWNER_FILE = 0o600 << 16
NEW_YEAR_1980 = 1 << 5 | 1  # the first day that zip knows


class ZipEntry(NamedTuple):
    """One file of an archive; sizes in bytes, `offset` of its local header.

    `is_large`: it may turn out to have more than 4 GiB, deflated or not.
    """

    name: str
    method: int = STORED
    is_large: bool = False
    crc: int = 0
    packed_size: int = 0
    size: int = 0
    offset: int = 0


def pack_local(entry: ZipEntry) -> bytes:
    """What stands before the data of an entry."""
    name, flags = _name(entry)
    extra = _zip64_extra(0, 0) if entry.is_large else b""
    later = FULL32 if entry.is_large else 0
    header = LocalHeader(
        signature=LOCAL,
        version=ZIP64_VERSION if entry.is_large else PLAIN_VERSION,
        flags=flags,
        method=entry.method,
        date=NEW_YEAR_1980,
        packed_size=later,
        size=later,
        name_size=len(name),
        extra_size=len(extra),
    )
    return header.pack() + name + extra


def pack_descriptor(entry: ZipEntry) -> bytes:
    """What stands behind the data of an entry, whose sizes are known by then."""
    kind = LargeDescriptor if entry.is_large else Descriptor
    return kind(
        signature=DESCRIPTOR, crc=entry.crc, packed_size=entry.packed_size, size=entry.size
    ).pack()


def walk_directory(entries: Sequence[ZipEntry], offset: int) -> Iterator[bytes]:
    """The directory and the archive's end, in pieces; the directory stands at `offset`."""
    size = 0
    for entry in entries:
        block = _pack_central(entry)
        size += len(block)
        yield block
    count = len(entries)
    if count >= FULL16 or offset >= FULL32 or size >= FULL32:
        yield LargeEnd(
            signature=END64,
            own_size=LargeEnd.SIZE - 12,
            made_by=ZIP64_VERSION | UNIX,
            version=ZIP64_VERSION,
            entries_here=count,
            entries=count,
            size=size,
            offset=offset,
        ).pack()
        yield Locator(signature=LOCATOR64, offset=offset + size, disks=1).pack()
    count = min(count, FULL16)
    yield End(
        signature=END,
        entries_here=count,
        entries=count,
        size=min(size, FULL32),
        offset=min(offset, FULL32),
    ).pack()


def _pack_central(entry: ZipEntry) -> bytes:
    name, flags = _name(entry)
    values = (entry.size, entry.packed_size, entry.offset)
    extra = _zip64_extra(*(value for value in values if value >= FULL32))
    version = ZIP64_VERSION if entry.is_large or extra else PLAIN_VERSION
    size, packed_size, offset = (min(value, FULL32) for value in values)
    header = CentralEntry(
        signature=CENTRAL,
        made_by=version | UNIX,
        version=version,
        flags=flags,
        method=entry.method,
        date=NEW_YEAR_1980,
        crc=entry.crc,
        packed_size=packed_size,
        size=size,
        name_size=len(name),
        extra_size=len(extra),
        external=OWNER_FILE,
        offset=offset,
    )
    return header.pack() + name + extra


def _name(entry: ZipEntry) -> tuple[bytes, int]:
    """An entry's name as bytes, and its flags; a name that is no UTF-8 stays as it is."""
    try:
        name = entry.name.encode()
    except UnicodeEncodeError:
        return entry.name.encode("utf-8", "surrogateescape"), SIZES_FOLLOW
    return name, SIZES_FOLLOW | (0 if name.isascii() else IS_UTF8)


def _zip64_extra(*values: int) -> bytes:
    if not values:
        return b""
    data = b"".join(value.to_bytes(8, "little") for value in values)
    return Extra(kind=ZIP64_EXTRA, size=len(data)).pack() + data
