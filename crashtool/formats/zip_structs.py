"""The structs of zip archives, for reading and for writing (PKWARE's APPNOTE.TXT 6.3.9)."""

from __future__ import annotations

from crashtool.formats.record import U16, U32, U64, Bytes4, Record

LOCAL, DESCRIPTOR, CENTRAL = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02"
END, END64, LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
ENCRYPTED, SIZES_FOLLOW, IS_UTF8 = 1 << 0, 1 << 3, 1 << 11  # flags
STORED, DEFLATED = 0, 8  # methods
ZIP64_EXTRA = 1
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF  # look into the larger field


class LocalHeader(Record):
    """What stands before an entry's data."""

    signature: Bytes4
    version: U16
    flags: U16
    method: U16
    time: U16
    date: U16
    crc: U32
    packed_size: U32
    size: U32
    name_size: U16
    extra_size: U16


class Descriptor(Record):
    """What stands behind an entry's data."""

    signature: Bytes4
    crc: U32
    packed_size: U32
    size: U32


class LargeDescriptor(Record):
    """As Descriptor, of an entry whose local header has a zip64 field."""

    signature: Bytes4
    crc: U32
    packed_size: U64
    size: U64


class CentralEntry(Record):
    """An entry in the directory at the archive's end."""

    signature: Bytes4
    made_by: U16
    version: U16
    flags: U16
    method: U16
    time: U16
    date: U16
    crc: U32
    packed_size: U32
    size: U32
    name_size: U16
    extra_size: U16
    comment_size: U16
    disk: U16
    internal: U16
    external: U32
    offset: U32


class End(Record):
    """The end of the archive."""

    signature: Bytes4
    disk: U16
    first_disk: U16
    entries_here: U16
    entries: U16
    size: U32
    offset: U32
    comment_size: U16


class LargeEnd(Record):
    """The zip64 end of the archive, before its locator and the other end."""

    signature: Bytes4
    own_size: U64
    made_by: U16
    version: U16
    disk: U32
    first_disk: U32
    entries_here: U64
    entries: U64
    size: U64
    offset: U64


class Locator(Record):
    """Where the zip64 end is."""

    signature: Bytes4
    disk: U32
    offset: U64
    disks: U32


class Extra(Record):
    """The head of an extra field."""

    kind: U16
    size: U16
