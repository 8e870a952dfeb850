"""SquashFS images and AppImages built from the reader's own tables, whole or with wrong fields."""

import lzma
import struct
import zlib
from functools import lru_cache

from crashtool.formats.archives.squashfs_tables import (
    FILE,
    FOLDER,
    MAX_ENTRIES,
    METADATA_SIZE,
    NO_FRAGMENT,
    STORED_BLOCK,
    STORED_METADATA,
    DirectoryEntry,
    DirectoryHead,
    FileInode,
    FolderInode,
    Fragment,
    InodeHead,
    LargeFileInode,
    LargeFolderInode,
    Superblock,
)
from crashtool.formats.object_file.elf_structs import ElfSection64, Header64

ABSENT = (1 << 64) - 1  # of a table
IDS = {"gzip": 1, "lzma": 2, "lzo": 3, "xz": 4, "lz4": 5, "zstd": 6, "stored": 1}


def _zstd(data):
    import zstandard

    return zstandard.compress(data)


PACKERS = {
    "gzip": zlib.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


class Sparse:
    """A file's content of so many zeros behind a head of one block."""

    def __init__(self, head, size):
        self.head, self.size = head, size


def build_squashfs(files, **wishes):
    """An image of files by their paths; a folder for each slash. Wishes as `_Builder` has them."""
    return _Builder(**wishes).build(files)


def build_appimage(image):
    """A runtime, of which nothing but headers is there, and an image behind it."""
    header = Header64(
        identification=b"\x7fELF\2\1\1\0AI\2".ljust(16, b"\0"),
        file_type=2,
        machine=62,
        version=1,
        sections_offset=Header64.SIZE,
        header_size=Header64.SIZE,
        section_size=ElfSection64.SIZE,
        section_count=2,
    )
    end = Header64.SIZE + 2 * ElfSection64.SIZE
    last = ElfSection64(section_type=3, offset=end, size=9)
    return header.pack() + ElfSection64().pack() + last.pack() + b"\0.strtab\0" + image


class _Table:
    """Metadata blocks; places are (bytes of blocks before, bytes in the block)."""

    def __init__(self, pack):
        self._pack = pack
        self.blocks = bytearray()
        self._open = bytearray()

    def place(self):
        return len(self.blocks), len(self._open)

    def add(self, data):
        self._open += data
        while len(self._open) >= METADATA_SIZE:
            self._flush()

    def _flush(self):
        block = bytes(self._open[:METADATA_SIZE])
        del self._open[:METADATA_SIZE]
        packed = self._pack(block)
        size = len(packed) if len(packed) < len(block) else len(block) | STORED_METADATA
        self.blocks += struct.pack("<H", size) + min(block, packed, key=len)

    def finish(self):
        if self._open:
            self._flush()
        return bytes(self.blocks)


class _Builder:
    """Writes an image. Method "stored" packs nothing; `fragments`: the ends of files share blocks;
    `large`: with the inodes of large files; `edit` may change each struct before it is written.
    """

    def __init__(self, method="gzip", block_size=4096, *, fragments=True, large=False, edit=None):
        self.method, self.block_size, self.fragments = method, block_size, fragments
        self.large = large
        self.edit = edit or (lambda row: row)
        self.pack = lru_cache(4)(PACKERS.get(method, bytes))  # of zeros there are hundreds
        self.data = bytearray()
        self.seen = {}
        self.inodes, self.listings = _Table(self.pack), _Table(self.pack)
        self.ends, self.fragment_rows = bytearray(), []
        self.count = 0

    def build(self, files):
        root = self._add_folder(_tree(files))
        self._flush_ends()
        places, inodes, listings = {}, self.inodes.finish(), self.listings.finish()
        body = Superblock.SIZE + len(self.data)
        places["inodes"] = body
        places["directories"] = body + len(inodes)
        place = places["directories"] + len(listings)
        table = _Table(self.pack)
        starts = []
        for index, row in enumerate(self.fragment_rows):
            if index % (METADATA_SIZE // Fragment.SIZE) == 0:
                starts.append(place + len(table.blocks))
            table.add(self.edit(row).pack())
        rows = table.finish()
        places["fragments"] = place + len(rows)
        index = b"".join(struct.pack("<Q", start) for start in starts)
        ids = _Table(self.pack)
        ids.add(struct.pack("<I", 0))
        owners = places["fragments"] + len(index)
        index += ids.finish()
        places["ids"] = places["fragments"] + len(index)
        index += struct.pack("<Q", owners)
        end = places["fragments"] + len(index)
        superblock = Superblock(
            magic=b"hsqs",
            inode_count=self.count,
            block_size=self.block_size,
            block_log=self.block_size.bit_length() - 1,
            fragment_count=len(self.fragment_rows),
            compressor=IDS[self.method],
            id_count=1,
            attributes=ABSENT,
            exports=ABSENT,
            major=4,
            root=root[0] << 16 | root[1],
            size=end,
            **places,
        )
        head = self.edit(superblock).pack()
        return head + bytes(self.data) + inodes + listings + rows + index

    def _add_folder(self, tree):
        rows = [
            (name.encode(), FOLDER if isinstance(node, dict) else FILE, self._add(node))
            for name, node in sorted(tree.items())
        ]
        place, size = self.listings.place(), 3
        for block, group in _groups(rows):
            head = DirectoryHead(count_less_one=len(group) - 1, block=block)
            entries = [
                self.edit(
                    DirectoryEntry(offset=found[1], kind=kind, name_size_less_one=len(name) - 1)
                ).pack()
                + name
                for name, kind, found in group
            ]
            data = self.edit(head).pack() + b"".join(entries)
            size += len(data)
            self.listings.add(data)
        fields = {"block": place[0], "offset": place[1], "size": size}
        if self.large or size > 0xFFFF:
            return self._add_inode(8, LargeFolderInode(**fields))
        return self._add_inode(FOLDER, FolderInode(**fields))

    def _add(self, node):
        return self._add_folder(node) if isinstance(node, dict) else self._add_file(node)

    def _add_file(self, content):
        size = content.size if isinstance(content, Sparse) else len(content)
        data = content.head if isinstance(content, Sparse) else content
        start, told = len(Superblock().pack()) + len(self.data), []
        whole = size // self.block_size * self.block_size if self.fragments else size
        key = data[:whole]
        if key and key in self.seen:
            start, told = self.seen[key]
        else:
            told = [
                self._add_block(data[at : at + self.block_size])
                for at in range(0, min(whole, len(data)), self.block_size)
            ]
            self.seen[key] = start, told
        told = told + [0] * (-(-whole // self.block_size) - len(told))
        fields = {"start": start, "size": size, "fragment": NO_FRAGMENT}
        if whole < size and not isinstance(content, Sparse):
            if len(self.ends) + size - whole > self.block_size:
                self._flush_ends()
            fields |= {"fragment": len(self.fragment_rows), "offset": len(self.ends)}
            self.ends += data[whole:]
        is_large = self.large or size >= 1 << 32
        row = LargeFileInode(**fields) if is_large else FileInode(**fields)
        return self._add_inode(9 if is_large else FILE, row, struct.pack(f"<{len(told)}I", *told))

    def _add_block(self, block):
        packed = self.pack(block)
        self.data += min(block, packed, key=len)
        return len(packed) if len(packed) < len(block) else len(block) | STORED_BLOCK

    def _flush_ends(self):
        if self.ends:
            start = Superblock.SIZE + len(self.data)
            told = self._add_block(bytes(self.ends))
            self.fragment_rows.append(Fragment(start=start, size=told))
            self.ends.clear()

    def _add_inode(self, kind, row, more=b""):
        self.count += 1
        place = self.inodes.place()
        head = self.edit(InodeHead(kind=kind, mode=0o755, number=self.count))
        self.inodes.add(head.pack() + self.edit(row).pack() + more)
        return place


def _groups(rows):
    """The entries that can stand behind one head: their inodes are in one block."""
    group = []
    for row in rows:
        if group and (row[2][0] != group[0][2][0] or len(group) == MAX_ENTRIES):
            yield group[0][2][0], group
            group = []
        group.append(row)
    if group:
        yield group[0][2][0], group


def _tree(files):
    tree = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = content
    return tree
