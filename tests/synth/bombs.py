"""Archives that unpack to far more than they are, one of each kind."""

import bz2
import gzip
import lzma
import struct
import zlib
from functools import cache

from crashtool.formats.archives.cabinet import BlockHeader, File, Folder, Header
from tests.synth.archives import (
    build_cpio,
    build_deb,
    build_rpm,
    build_seven_zip,
    build_tar,
    build_zip,
    encoded_header,
)

SIZE = 320 << 20  # bytes: beyond what is let out, and beyond the memory that there may be
PIECE = 1 << 20
WINDOW = 1 << 20
HEADS = {
    "symbols": b"MODULE Linux x86_64 0123456789ABCDEF0123456789ABCDEF0 app\n",
    "dump": b"MDMP\x93\xa7\0\0",
}
LZMA_PROPERTIES = b"\x5d" + struct.pack("<I", WINDOW)
CHAINS = {
    "lzma": [{"id": lzma.FILTER_LZMA1, "preset": 1, "dict_size": WINDOW}],
    "lzma2": [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": WINDOW}],
}
CODERS = {
    "lzma": (b"\x03\x01\x01", LZMA_PROPERTIES), "lzma2": (b"\x21", bytes([18])),
    "bzip2": (b"\x04\x02\x02", b""), "deflate": (b"\x04\x01\x08", b""),
    "zstd": (b"\x04\xf7\x11\x01", b""),
}  # fmt: skip
ZIP_METHODS = {"deflate": 8, "bzip2": 12, "lzma": 14, "zstd": 93, "xz": 95}


@cache
def packed(method, head):
    """`head` and zeros, SIZE bytes in all, packed by a method."""
    if method == "zstd":
        return zstd_runs(head)
    packer = {
        "deflate": lambda: zlib.compressobj(9, zlib.DEFLATED, -15),
        "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31), "bzip2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=1),
        "lzma": lambda: lzma.LZMACompressor(lzma.FORMAT_RAW, filters=CHAINS["lzma"]),
        "lzma2": lambda: lzma.LZMACompressor(lzma.FORMAT_RAW, filters=CHAINS["lzma2"]),
        "alone": lambda: lzma.LZMACompressor(lzma.FORMAT_ALONE, preset=1),
    }[method]()  # fmt: skip
    zeros = bytes(PIECE)
    out = bytearray(packer.compress(head + bytes(PIECE - len(head))))
    for _ in range(SIZE // PIECE - 1):
        out += packer.compress(zeros)
    return bytes(out + packer.flush())


def zstd_runs(head, *, window_bits=17):
    """A frame of blocks that are one byte each, repeated: 128 KiB for four bytes."""
    content = head + bytes(-len(head) % 1024)
    blocks = SIZE // (1 << 17) - 1
    left = SIZE - len(content) - (blocks << 17)
    return (
        b"\x28\xb5\x2f\xfd\0" + bytes([window_bits - 10 << 3])
        + _zstd_block(0, len(content)) + content
        + (_zstd_block(1, 1 << 17) + b"\0") * blocks + _zstd_block(1, left, last=True) + b"\0"
    )  # fmt: skip


def _zstd_block(kind, size, *, last=False):
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3]


def zip_bomb(method, head, name="app.sym", size=SIZE):
    content = packed(method, head)
    if method == "lzma":
        content = b"\x09\x04\x05\0" + LZMA_PROPERTIES + content
    return build_zip([(name, ZIP_METHODS[method], content, size, 0)])


def seven_zip_bomb(method, head, name="app.sym", size=SIZE):
    return build_seven_zip(name, CODERS[method], packed(method, head), size)


def cabinet_bomb(head, name="app.sym"):
    """Blocks of MSZIP that are all the same but for the first."""
    first = _block(head + bytes((1 << 15) - len(head)), b"")
    count = min(SIZE >> 15, 0xFFFF)
    blocks = first + _block(bytes(1 << 15), bytes(1 << 15)) * (count - 1)
    row = File(size=count << 15).pack() + name.encode() + b"\0"
    files_offset = Header.SIZE + Folder.SIZE
    folder = Folder(offset=files_offset + len(row), block_count=count, method=1)
    header = Header(signature=b"MSCF", files_offset=files_offset, minor_version=3, major_version=1,
                    folder_count=1, file_count=1)  # fmt: skip
    return header.pack() + folder.pack() + row + blocks


def _block(content, window):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=window) if window else zlib.compressobj(
        9, zlib.DEFLATED, -15)  # fmt: skip
    data = b"CK" + packer.compress(content) + packer.flush()
    return BlockHeader(size=len(data), unpacked_size=len(content)).pack() + data


def overlapping_zip(head, count=20_000):
    """One member that counts many times."""
    content = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = content.compress(head + bytes(PIECE)) + content.flush()
    return build_zip([(f"{n}.sym", 8, data, PIECE + len(head), 0) for n in range(count)], offset=0)


def bombs(head, name):
    """Names and contents; `head` is what the bytes that come out begin with."""
    tar = build_tar({name: head}, sizes={0: SIZE * 4})[:1024]
    rows = {f"{method}.zip": lambda method=method: zip_bomb(method, head, name)
            for method in ZIP_METHODS}  # fmt: skip
    rows |= {f"{method}.7z": lambda method=method: seven_zip_bomb(method, head, name)
             for method in CODERS}  # fmt: skip
    rows |= {
        f"{name}.gz": lambda: packed("gzip", head), f"{name}.xz": lambda: packed("xz", head),
        f"{name}.bz2": lambda: packed("bzip2", head), f"{name}.zst": lambda: packed("zstd", head),
        f"{name}.lzma": lambda: packed("alone", head),
        "mszip.cab": lambda: cabinet_bomb(head, name),
        "member.tar.gz": lambda: packed("gzip", tar), "member.tar.xz": lambda: packed("xz", tar),
        "nested.zip": lambda: _nest(zip_bomb("deflate", head, name), 3),
        "nested.tar.gz": lambda: gzip.compress(build_tar({"in.zip": zip_bomb("xz", head, name)})),
        "overlapping.zip": lambda: overlapping_zip(head),
        "smaller-than-said.zip": lambda: zip_bomb("deflate", head, name, SIZE * 8),
        "larger-than-said.zip": lambda: zip_bomb("deflate", head, name, 4096),
        "larger-than-said.7z": lambda: seven_zip_bomb("lzma", head, name, 4096),
        "dictionary.xz": lambda: _large_xz(head),
        "window.zst": lambda: zstd_runs(head, window_bits=31),
        "dictionary.7z": lambda: build_seven_zip(
            name, (b"\x21", bytes([40])), packed("lzma2", head), 1 << 40),
        "header.7z": lambda: encoded_header(CODERS["lzma"], packed("lzma", b"\x01"), SIZE),
        "pax.tar.gz": lambda: packed("gzip", _pax_header()),
        "data.deb": lambda: build_deb("data.tar.xz", packed("xz", tar)),
        "data.rpm": lambda: build_rpm(packed("zstd", build_cpio({name: head})[:128])),
    }  # fmt: skip
    return rows


def _nest(data, depth):
    for level in range(depth):
        data = build_zip([(f"{level}.zip", 0, data, len(data), zlib.crc32(data))])
    return data


def _large_xz(head):
    """A stream whose block asks for a dictionary of 4 GiB."""
    data = bytearray(packed("xz", head))
    place = data.index(b"\x21\x01", 12)
    data[place + 2] = 40
    size = (data[12] + 1) * 4
    data[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(data[12 : 12 + size - 4]))
    return bytes(data)


def _pax_header():
    """The header of a pax header that is as large as the whole."""
    header = build_tar({"PaxHeader": b""}, sizes={0: SIZE * 2})[:512]
    block = bytearray(header)
    block[156:157] = b"x"
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)
