"""SquashFS images, as snaps are and AppImages hold: the files in them, read in bounded memory.

Folders are walked as they are listed; links are passed over, and so is what is neither a folder nor
a file. The format: `squashfs_tables.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import IO

from crashtool.errors import MalformedFile
from crashtool.formats.archives.archive_streams import MAX_FILE, ArchiveMember, ArchiveStream
from crashtool.formats.archives.bounds import MAX_MEMBERS, MAX_NAME_LENGTH, Budget
from crashtool.formats.archives.squashfs_blocks import MetadataReader, SquashfsImage
from crashtool.formats.archives.squashfs_tables import (
    BASIC_KINDS,
    BLOCK_SIZE_MASK,
    EMPTY_LISTING,
    FILE,
    FOLDER,
    LARGE_FILE,
    LARGE_FOLDER,
    MAGIC,
    MAX_ENTRIES,
    NO_FRAGMENT,
    DirectoryEntry,
    DirectoryHead,
    FileInode,
    FolderInode,
    Inode,
    InodeHead,
    LargeFileInode,
    LargeFolderInode,
    find_obstacle,
)
from crashtool.formats.record import U32, Record

ENTRY_COST = 512  # bytes that an entry counts, as its header in a tar archive would
MAX_DEPTH = 256  # folders in one another
ROOT_BITS = 16  # an inode's place: its block, then in so many bits its offset there
BAD_NAMES = (b".", b"..")
_NOTHING = BytesIO()


class BlockSize(Record):
    """The packed size of one of a file's blocks; 0 for one of zeros, which is not written."""

    told: U32


def is_squashfs(head: bytes) -> bool:
    """Whether the first bytes are those of an image that can be read here."""
    return head.startswith(MAGIC) and not find_obstacle(head)


def walk_members(file: IO[bytes], budget: Budget, start: int = 0) -> Iterator[ArchiveMember]:
    """The files and folders of the image that begins at `start`; a stream may be left unread.

    NotOpened for what is not read here, MalformedFile for damage, here or while a member is read.
    """
    image = SquashfsImage(file, start, budget)
    yield from _SquashfsWalk(image).walk()


class _SquashfsWalk:
    """One walk; no folder is entered twice, so that it ends whatever points to what."""

    def __init__(self, image: SquashfsImage) -> None:
        self._image = image
        self._entered = bytearray(image.superblock.inode_count // 8 + 1)  # a bit for each inode
        self._count = 0

    def walk(self) -> Iterator[ArchiveMember]:
        root = self._image.superblock.root
        kind, inode, _ = self._read_inode(root >> ROOT_BITS, root & (1 << ROOT_BITS) - 1)
        if kind != FOLDER:
            raise self._image.damaged("its root is not a folder", root >> ROOT_BITS)
        stack = [("", self._enter(inode))]
        while stack:
            prefix, entries = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                continue
            name, kind, inode, sizes = entry
            if kind == FILE:
                content = _SquashfsContent(self._image, inode, sizes)
                yield ArchiveMember(prefix + name, inode.size, content)
                continue
            folder = f"{prefix}{name}/"
            yield ArchiveMember(folder, 0, _NOTHING)
            if len(stack) >= MAX_DEPTH or len(folder) > MAX_NAME_LENGTH:
                raise self._image.damaged("its folders lie too deep in one another", sizes.start)
            stack.append((folder, self._enter(inode)))

    def _enter(self, inode: Inode) -> Iterator[tuple[str, int, Inode, MetadataReader]]:
        """The folders and files that a folder lists: name, kind, inode, what follows the inode."""
        offset = self._image.superblock.directories + inode.start
        byte, bit = inode.number >> 3, 1 << (inode.number & 7)
        if self._entered[byte] & bit:
            raise self._image.damaged("a folder lies in itself, or in two others", offset)
        self._entered[byte] |= bit
        if inode.size <= EMPTY_LISTING:
            return
        listing, left = (
            MetadataReader(self._image, offset, inode.offset),
            inode.size - EMPTY_LISTING,
        )
        while left > 0:
            head = listing.read(DirectoryHead)
            count = head.count_less_one + 1
            if count > MAX_ENTRIES:
                raise self._image.damaged(f"a directory with {count:,} entries", listing.start)
            left -= DirectoryHead.SIZE
            for _ in range(count):
                entry = listing.read(DirectoryEntry)
                name = listing.take(entry.name_size_less_one + 1)
                left -= DirectoryEntry.SIZE + len(name)
                self._check(entry, name, left, listing.start)
                if entry.kind in (FOLDER, FILE):
                    kind, target, sizes = self._read_inode(head.block, entry.offset)
                    if kind != entry.kind:
                        raise self._image.damaged("an entry leads to another inode", listing.start)
                    yield name.decode("utf-8", "surrogateescape"), kind, target, sizes

    def _check(self, entry: DirectoryEntry, name: bytes, left: int, offset: int) -> None:
        """Hold an entry to what it may say, and count it."""
        self._image.spend(ENTRY_COST)
        self._count += 1
        if self._count > MAX_MEMBERS or left < 0:
            raise self._image.damaged("a directory is longer than it says", offset)
        if name in BAD_NAMES or b"/" in name or b"\0" in name:
            raise self._image.damaged("a name that cannot be", offset)
        if not 0 < entry.kind <= BASIC_KINDS:
            raise self._image.damaged(f"an entry of kind {entry.kind}", offset)

    def _read_inode(self, block: int, offset: int) -> tuple[int, Inode, MetadataReader]:
        """A folder's or a file's kind, inode, and what follows that."""
        reader = MetadataReader(self._image, self._image.superblock.inodes + block, offset)
        head = reader.read(InodeHead)
        if not 0 < head.number <= self._image.superblock.inode_count:
            raise self._image.damaged(f"an inode has number {head.number:,}", reader.start)
        if head.kind in (FOLDER, LARGE_FOLDER):
            is_large = head.kind == LARGE_FOLDER
            folder = reader.read(LargeFolderInode) if is_large else reader.read(FolderInode)
            return FOLDER, Inode(head.number, folder.size, folder.block, folder.offset), reader
        if head.kind in (FILE, LARGE_FILE):
            inode = (
                reader.read(LargeFileInode) if head.kind == LARGE_FILE else reader.read(FileInode)
            )
            if inode.size > MAX_FILE:
                raise self._image.damaged(f"a file of {inode.size:,} bytes", reader.start)
            return (
                FILE,
                Inode(head.number, inode.size, inode.start, inode.offset, inode.fragment),
                reader,
            )
        raise self._image.damaged(f"an entry leads to an inode of kind {head.kind}", reader.start)


class _SquashfsContent:
    """A file's bytes: its blocks one after the other, then its end in a fragment, if it has one."""

    def __init__(self, image: SquashfsImage, inode: Inode, sizes: MetadataReader) -> None:
        self._image = image
        self._inode = inode
        self._sizes = sizes
        self._next = inode.start
        self._left = inode.size
        self._block: ArchiveStream = _NOTHING
        self._block_left = 0
        self._place = inode.start  # of the block

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. MalformedFile for damage."""
        if not self._left or size <= 0:
            return b""
        if not self._block_left:
            self._open_block()
        data = self._pull(min(size, self._block_left))
        self._left -= len(data)
        self._block_left -= len(data)
        if not data or (not self._block_left and self._pull(1)):
            raise self._image.damaged("a block is shorter or longer than it should be", self._place)
        return data

    def _pull(self, size: int) -> bytes:
        try:
            return self._block.read(size)
        except MalformedFile as error:
            raise self._image.damaged(error.fault, self._place) from None

    def _open_block(self) -> None:
        block_size = self._image.superblock.block_size
        tail = self._inode.size % block_size
        self._place = self._next
        if self._left == tail and self._inode.fragment != NO_FRAGMENT:
            self._block = self._image.open_fragment(self._inode.fragment, self._inode.offset, tail)
            self._block_left = tail
            return
        told = self._sizes.read(BlockSize).told
        self._block_left = min(block_size, self._left)
        if told:
            self._block = self._image.open_block(self._place, told)
        else:
            self._block = self._image.open_zeros(self._block_left)
        self._next += told & BLOCK_SIZE_MASK
