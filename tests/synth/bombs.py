"""Archives that unpack to far more than they are, one of each kind."""

import bz2
import gzip
import lzma
import struct
import zlib
from functools import cache, partial

from crashtool.formats.archives.cabinet import BlockHeader, CfFile, CfFolder, CfHeader
from tests.synth.archives import (
    build_cpio,
    build_deb,
    build_rpm,
    build_seven_zip,
    build_tar,
    build_zip,
    encoded_header,
)
from tests.synth.squashfs import Sparse, build_appimage, build_squashfs

SIZE = 256 << 20  # bytes: beyond what is let out, and beyond the memory that there may be
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
    "lzma": (b"\x03\x01\x01", LZMA_PROPERTIES),
    "lzma2": (b"\x21", bytes([18])),
    "bzip2": (b"\x04\x02\x02", b""),
    "deflate": (b"\x04\x01\x08", b""),
    "zstd": (b"\x04\xf7\x11\x01", b""),
}
ZIP_METHODS = {"deflate": 8, "bzip2": 12, "lzma": 14, "zstd": 93, "xz": 95}


@cache
def packed(method, head, size=SIZE):
    """`head` and zeros, `size` bytes in all, packed by a method."""
    if method == "zstd":
        return zstd_runs(head, size)
    packer = {
        "deflate": lambda: zlib.compressobj(9, zlib.DEFLATED, -15),
        "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
        "bzip2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=1),
        "lzma": lambda: lzma.LZMACompressor(lzma.FORMAT_RAW, filters=CHAINS["lzma"]),
        "lzma2": lambda: lzma.LZMACompressor(lzma.FORMAT_RAW, filters=CHAINS["lzma2"]),
        "alone": lambda: lzma.LZMACompressor(lzma.FORMAT_ALONE, preset=1),
    }[method]()
    zeros = bytes(PIECE)
    out = bytearray(packer.compress(head + bytes(PIECE - len(head))))
    for _ in range(size // PIECE - 1):
        out += packer.compress(zeros)
    return bytes(out + packer.flush())


def zstd_runs(head, size=SIZE, *, window_bits=17):
    """A frame of blocks that are one byte each, repeated: 128 KiB for four bytes."""
    content = head + bytes(-len(head) % 1024)
    blocks = size // (1 << 17) - 1
    left = size - len(content) - (blocks << 17)
    return (
        b"\x28\xb5\x2f\xfd\0"
        + bytes([window_bits - 10 << 3])
        + _zstd_block(0, len(content))
        + content
        + (_zstd_block(1, 1 << 17) + b"\0") * blocks
        + _zstd_block(1, left, last=True)
        + b"\0"
    )


def _zstd_block(kind, size, *, last=False):
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3]


def cabinet_bomb(head, name, size):
    """Blocks of MSZIP that are all the same but for the first."""
    first = _block(head + bytes((1 << 15) - len(head)), b"")
    count = min(size >> 15, 0xFFFF)
    blocks = first + _block(bytes(1 << 15), bytes(1 << 15)) * (count - 1)
    row = CfFile(size=count << 15).pack() + name.encode() + b"\0"
    files_offset = CfHeader.SIZE + CfFolder.SIZE
    folder = CfFolder(offset=files_offset + len(row), block_count=count, method=1)
    header = CfHeader(
        signature=b"MSCF",
        files_offset=files_offset,
        minor_version=3,
        major_version=1,
        folder_count=1,
        file_count=1,
    )
    return header.pack() + folder.pack() + row + blocks


def _block(content, window):
    packer = (
        zlib.compressobj(9, zlib.DEFLATED, -15, zdict=window)
        if window
        else zlib.compressobj(9, zlib.DEFLATED, -15)
    )
    data = b"CK" + packer.compress(content) + packer.flush()
    return BlockHeader(size=len(data), unpacked_size=len(content)).pack() + data


def overlapping_zip(head, count=20_000):
    """One member that counts many times."""
    content = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = content.compress(head + bytes(PIECE)) + content.flush()
    return build_zip([(f"{n}.sym", 8, data, PIECE + len(head), 0) for n in range(count)], offset=0)


class Bombs:
    """What unpacks to `size` bytes, all beginning with `head`, in a member called `name`."""

    def __init__(self, head, name, size=SIZE):
        self.head, self.name, self.size = head, name, size

    def packed(self, method, head=None):
        return packed(method, head or self.head, self.size)

    def zip(self, method, told=None):
        content = self.packed(method)
        if method == "lzma":
            content = b"\x09\x04\x05\0" + LZMA_PROPERTIES + content
        return build_zip([(self.name, ZIP_METHODS[method], content, told or self.size, 0)])

    def seven_zip(self, method):
        return build_seven_zip(self.name, CODERS[method], self.packed(method), self.size)

    def build(self):
        """The functions that make each, by its file's name."""
        tar = build_tar({self.name: self.head}, sizes={0: self.size * 4})[:1024]
        cpio = build_cpio({self.name: self.head}, size=self.size * 2)[: 128 + len(self.head)]
        suffixes = {"gz": "gzip", "xz": "xz", "bz2": "bzip2", "zst": "zstd", "lzma": "alone"}
        rows = {f"{row}.zip": partial(self.zip, row) for row in ZIP_METHODS}
        rows |= {f"{row}.7z": partial(self.seven_zip, row) for row in CODERS}
        rows |= {
            f"{self.name}.{suffix}": partial(self.packed, row) for suffix, row in suffixes.items()
        }
        return rows | {
            "mszip.cab": lambda: cabinet_bomb(self.head, self.name, self.size),
            "member.tar.gz": lambda: self.packed("gzip", tar),
            "member.tar.xz": lambda: self.packed("xz", tar),
            "nested.zip": lambda: _nest(self.zip("deflate"), 2),
            "nested.tar.gz": lambda: gzip.compress(build_tar({"in.zip": self.zip("xz")})),
            "overlapping.zip": lambda: overlapping_zip(self.head),
            "smaller-than-said.zip": lambda: self.zip("deflate", self.size * 8),
            "larger-than-said.zip": lambda: self.zip("deflate", 4096),
            "dictionary.xz": lambda: _large_xz(self.packed("xz")),
            "window.zst": lambda: zstd_runs(self.head, window_bits=31),
            "dictionary.7z": lambda: build_seven_zip(
                self.name, (b"\x21", bytes([40])), self.packed("lzma2"), 1 << 40
            ),
            "header.7z": lambda: encoded_header(CODERS["lzma"], b"\0" * 64, SIZE),
            "pax.tar.gz": lambda: self.packed("gzip", _pax_header()),
            **{
                f"{row}.snap": partial(squashfs_bomb, self.head, self.name, self.size, method=row)
                for row in ("gzip", "xz", "zstd", "lzma")
            },
            "sparse.snap": partial(squashfs_bomb, self.head, self.name, 1 << 40, sparse=True),
            "app.AppImage": lambda: build_appimage(squashfs_bomb(self.head, self.name, self.size)),
            "data.deb": lambda: build_deb("data.tar.xz", self.packed("xz", tar)),
            "data.rpm": lambda: build_rpm(self.packed("zstd", cpio)),
        }


def squashfs_bomb(head, name, size, **wishes):
    """A file of zeros behind a head, in blocks of 1 MiB."""
    head = head + bytes(PIECE - len(head))
    content = Sparse(head, size) if wishes.pop("sparse", False) else head + bytes(size - PIECE)
    return build_squashfs({name: content}, block_size=PIECE, fragments=False, **wishes)


def _nest(data, depth):
    for level in range(depth):
        data = build_zip([(f"{level}.zip", 0, data, len(data), zlib.crc32(data))])
    return data


def _large_xz(data):
    """A stream whose block asks for a dictionary of 4 GiB."""
    data = bytearray(data)
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
