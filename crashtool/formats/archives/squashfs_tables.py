"""SquashFS 4.0 as tables: the superblock, inodes, directories, fragments; what they may say.

The format: Linux, Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h. All numbers
are little-endian.
"""

from __future__ import annotations

from typing import IO

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.bounds import MAX_MEMBERS
from crashtool.formats.archives.codecs import LZMA_ALONE, XZ, ZLIB, Method
from crashtool.formats.archives.refusals import FOLDER_HINT, NotOpened
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import I16, U16, U32, U64, Bytes4, Record

MAGIC = b"hsqs"
VERSION = (4, 0)
SMALLEST_BLOCK_LOG, MAX_BLOCK_LOG = 12, 20
METADATA_SIZE = 8192  # bytes of a metadata block, unpacked
STORED_METADATA = 0x8000
STORED_BLOCK, BLOCK_SIZE_MASK = 1 << 24, (1 << 24) - 1
NO_FRAGMENT = 0xFFFFFFFF
FOLDER, FILE, LARGE_FOLDER, LARGE_FILE = 1, 2, 8, 9
BASIC_KINDS = 7  # a large inode has the number of the basic one and so many more
EMPTY_LISTING = 3  # bytes that a folder's size counts for "." and "..", which are not written
MAX_ENTRIES = 256  # behind one head of a directory
GZIP_ID, LZMA_ID, XZ_ID, ZSTD_ID = 1, 2, 4, 6
METHODS = {GZIP_ID: ZLIB, LZMA_ID: LZMA_ALONE, XZ_ID: XZ}
UNREAD_METHODS = {3: "LZO", 5: "LZ4"}
UNPACK_HINT = f"unpack it (unsquashfs) and {FOLDER_HINT}"


class Superblock(Record):
    """The head of an image; all places count from its first byte."""

    magic: Bytes4
    inode_count: U32
    time: U32
    block_size: U32
    fragment_count: U32
    compressor: U16
    block_log: U16
    flags: U16
    id_count: U16
    major: U16
    minor: U16
    root: U64
    size: U64
    ids: U64
    attributes: U64
    inodes: U64
    directories: U64
    fragments: U64
    exports: U64


class InodeHead(Record):
    """What all inodes begin with."""

    kind: U16
    mode: U16
    owner: U16
    group: U16
    time: U32
    number: U32


class FolderInode(Record):
    """A folder, behind the head; `block` counts from the directories' start."""

    block: U32
    link_count: U32
    size: U16
    offset: U16
    parent: U32


class LargeFolderInode(Record):
    """A folder with an index or extended attributes, behind the head."""

    link_count: U32
    size: U32
    block: U32
    parent: U32
    index_count: U16
    offset: U16
    attributes: U32


class FileInode(Record):
    """A file, behind the head; the sizes of its blocks follow."""

    start: U32
    fragment: U32
    offset: U32
    size: U32


class LargeFileInode(Record):
    """A file that is large, sparse or linked, behind the head; the sizes of its blocks follow."""

    start: U64
    size: U64
    sparse: U64
    link_count: U32
    fragment: U32
    offset: U32
    attributes: U32


class DirectoryHead(Record):
    """What stands before up to 256 entries, whose inodes lie in one metadata block."""

    count_less_one: U32
    block: U32
    number: U32


class DirectoryEntry(Record):
    """An entry up to its name; `kind` is that of a basic inode."""

    offset: U16
    number_step: I16
    kind: U16
    name_size_less_one: U16


class Fragment(Record):
    """Where a block of the ends of files is, and its packed size as a file's blocks have it."""

    start: U64
    size: U32
    unused: U32


class Inode(NamedTuple):
    """A folder or a file: `start` and `offset` are where its listing or its blocks begin.

    The end of a file lies `offset` bytes into the block of the fragment, if it has one.
    """

    number: int
    size: int
    start: int
    offset: int
    fragment: int = NO_FRAGMENT


def find_obstacle(head: bytes) -> str:
    """Why an image that begins so is not read here, as words behind "a SquashFS image"; or ""."""
    if len(head) < Superblock.SIZE:
        return ""
    superblock = Superblock.read(head)
    if (superblock.major, superblock.minor) != VERSION:
        return f" of version {superblock.major}.{superblock.minor}"
    if superblock.compressor == ZSTD_ID or superblock.compressor in METHODS:
        return ""
    return (
        f" packed by {UNREAD_METHODS.get(superblock.compressor, f'method {superblock.compressor}')}"
    )


def read_superblock(file: IO[bytes], start: int) -> Superblock:
    """The superblock of the image that begins at `start`, all of whose fields can be believed.

    NotOpened when it is of a kind that is not read here; MalformedFile for damage.
    """
    size = file.seek(0, 2) - start
    file.seek(start)
    head = file.read(Superblock.SIZE)
    superblock = Superblock.read(head)
    if superblock.magic != MAGIC:
        raise MalformedFile("not a SquashFS image", offset=start)
    if obstacle := find_obstacle(head):
        raise NotOpened(f"a SquashFS image{obstacle}, which is not read here", hint=UNPACK_HINT)
    is_block = SMALLEST_BLOCK_LOG <= superblock.block_log <= MAX_BLOCK_LOG
    if not is_block or superblock.block_size != 1 << superblock.block_log:
        raise MalformedFile(
            f"the SquashFS image has blocks of {superblock.block_size:,} bytes",
            offset=start + Superblock.offset_of("block_size"),
        )
    if superblock.size > size:
        raise MalformedFile("the SquashFS image is cut short", offset=start + size)
    if superblock.inode_count > MAX_MEMBERS:
        raise InputUnusable(
            f"a SquashFS image of {superblock.inode_count:,} files", hint=UNPACK_HINT
        )
    return superblock


def method_of(superblock: Superblock) -> Method | None:
    """How the blocks are packed; None for Zstandard."""
    return METHODS.get(superblock.compressor)
