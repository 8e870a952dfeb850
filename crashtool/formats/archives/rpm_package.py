"""RPM packages: where the packed cpio archive begins behind lead, signature and header.

The format: rpm.org, "RPM V4 Package format". All numbers are big-endian.
"""

from __future__ import annotations

from typing import IO

from crashtool.errors import MalformedFile
from crashtool.formats.record import U32, Bytes4, Record

MAGIC = b"\xed\xab\xee\xdb"
LEAD_SIZE = 96
HEADER_MAGIC = b"\x8e\xad\xe8\x01"
INDEX_SIZE = 16  # bytes of a tag's row
ALIGNMENT = 8  # of what follows the signature


class RpmHeader(Record):
    """The intro of a header structure: rows of tags, then the bytes that they point to."""

    magic: Bytes4
    reserved: U32
    row_count: U32
    data_size: U32


def find_payload(file: IO[bytes]) -> int:
    """Where the packed archive begins, in bytes. MalformedFile when the headers do not hold."""
    signature_end = _skip_header(file, LEAD_SIZE)
    return _skip_header(file, signature_end + -signature_end % ALIGNMENT)


def _skip_header(file: IO[bytes], offset: int) -> int:
    file.seek(offset)
    header = RpmHeader.read(file.read(RpmHeader.SIZE), big_endian=True)
    if header.magic != HEADER_MAGIC:
        raise MalformedFile("the RPM package has a damaged header", offset=offset)
    return offset + RpmHeader.SIZE + header.row_count * INDEX_SIZE + header.data_size
