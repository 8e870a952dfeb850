"""Microsoft cabinets of one folder, packed by MSZIP or stored."""

import zlib

from crashtool.formats.archives.cabinet import (
    BLOCK_MARK,
    BLOCK_SIZE,
    MAGIC,
    MSZIP,
    BlockHeader,
    CfFile,
    CfFolder,
    CfHeader,
    checksum,
)


def build_cabinet(files, *, method=MSZIP, header=None, checksums=True):
    """`files`: names and contents; `header`: fields that are to be wrong."""
    whole = b"".join(files.values())
    blocks = [
        _pack(whole[at : at + BLOCK_SIZE], whole[max(0, at - BLOCK_SIZE) : at], method)
        for at in range(0, len(whole), BLOCK_SIZE)
    ]
    rows, start = b"", 0
    for name, content in files.items():
        rows += CfFile(size=len(content), start=start).pack() + name.encode() + b"\0"
        start += len(content)
    files_offset = CfHeader.SIZE + CfFolder.SIZE
    data = b""
    for packed, size in blocks:
        sizes = len(packed) | size << 16
        value = checksum(packed) ^ sizes if checksums else 0
        data += BlockHeader(checksum=value, size=len(packed), unpacked_size=size).pack() + packed
    folder = CfFolder(offset=files_offset + len(rows), block_count=len(blocks), method=method)
    fields = {
        "signature": MAGIC,
        "files_offset": files_offset,
        "minor_version": 3,
        "major_version": 1,
        "folder_count": 1,
        "file_count": len(files),
    }
    return CfHeader(**(fields | (header or {}))).pack() + folder.pack() + rows + data


def _pack(block, window, method):
    if method != MSZIP:
        return block, len(block)
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=window)
    return BLOCK_MARK + packer.compress(block) + packer.flush(), len(block)
