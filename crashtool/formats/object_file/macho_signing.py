"""The code signature of a Mach-O file: whether there is one, and its entitlements (cs_blobs.h)."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.macho import find_signature
from crashtool.formats.record import U32, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAGIC_EMBEDDED, MAGIC_ENTITLEMENTS = 0xFADE0CC0, 0xFADE7171
SLOT_CODE_DIRECTORY, SLOT_ENTITLEMENTS, SLOT_CMS = 0, 5, 0x10000
MAX_BLOBS = 64
MAX_ENTITLEMENTS = 1 << 20  # bytes


class SuperBlob(Record):
    """CS_SuperBlob; all of a signature is big-endian."""

    magic: U32
    size: U32
    blob_count: U32


class BlobIndex(Record):
    """CS_BlobIndex."""

    slot: U32
    offset: U32


class Blob(Record):
    """CS_GenericBlob; its content follows."""

    magic: U32
    size: U32


class CodeSignature(NamedTuple):
    """What a file says that it may do. `is_adhoc`: no certificate stands behind it."""

    is_adhoc: bool
    entitlements: dict[str, Any]


def read_signature(data: Content) -> CodeSignature | None:
    """The signature of the first architecture that has one; None of an unsigned file.

    MalformedFile when it does not fit.
    """
    bounds = find_signature(data)
    if bounds is None:
        return None
    start, end = bounds
    head = SuperBlob.read(data, start, big_endian=True)
    if head.magic != MAGIC_EMBEDDED or head.blob_count > MAX_BLOBS or start + head.size > end:
        raise MalformedFile("a code signature that is damaged", offset=start)
    entitlements: dict[str, Any] = {}
    slots = set()
    for index in range(head.blob_count):
        offset = start + SuperBlob.SIZE + index * BlobIndex.SIZE
        entry = BlobIndex.read(data, offset, big_endian=True)
        slots.add(entry.slot)
        if entry.slot == SLOT_ENTITLEMENTS:
            entitlements = _read_entitlements(data, start + entry.offset, end)
    return CodeSignature(SLOT_CMS not in slots, entitlements)


def _read_entitlements(data: Content, offset: int, end: int) -> dict[str, Any]:
    blob = Blob.read(data, offset, big_endian=True)
    stop = offset + blob.size
    if blob.magic != MAGIC_ENTITLEMENTS or stop > end or blob.size > MAX_ENTITLEMENTS:
        raise MalformedFile("entitlements that are damaged", offset=offset)
    content = bytes(data[offset + Blob.SIZE : stop])
    try:
        value = plistlib.loads(content, fmt=plistlib.FMT_XML)
    except Exception as error:  # expat's, ValueError, and whatever else bad XML does to plistlib
        raise MalformedFile("entitlements that are not a property list", offset=offset) from error
    return value if isinstance(value, dict) else {}
