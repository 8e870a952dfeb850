"""The archive that Backtrace takes: a zip made while it is sent, the same bytes each time.

Every file keeps its own name, which is half of what the server matches by. No path is absolute or
climbs; files of one name stand in folders called like their debug ids.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from time import perf_counter

from crashtool.errors import InputUnusable, reason_of
from crashtool.formats.zip_headers import ZipEntry, pack_descriptor, pack_local, walk_directory
from crashtool.formats.zip_structs import DEFLATED, STORED
from crashtool.model.symbol_upload import SymbolFile, UploadMember
from crashtool.services.transport.balance import Balance
from crashtool.services.transport.deflate import Deflater

BLOCK = 1 << 20  # bytes; what is sent as it is goes fastest in large ones
PACKED_BLOCK = 1 << 16  # what is copied on the way does in those that a cache holds
LEVEL = 2  # on DWARF several times as fast as the usual 6, and 7 % larger
ZIP64_FROM = 2_000_000_000  # bytes; zip's own limit is 2 GiB, and deflate can make data grow
SAMPLE = 1 << 16  # bytes
WORTH_IT = 0.95
NO_IDENTIFIER = "no-id"


def plan_members(files: Sequence[SymbolFile]) -> tuple[UploadMember, ...]:
    """Where each file and its bundle's companions stand in the archive, no two at one place."""
    members: dict[str, UploadMember] = {}  # by name in lower case: it may be unpacked on Windows
    for file in files:
        place = file.layout or file.name
        folder = next(
            folder for folder in _walk_folders(file) if (folder + place).lower() not in members
        )
        rows = [UploadMember(place, file.source, file.size), *file.companions]
        for member in rows:
            name = folder + member.name
            members.setdefault(name.lower(), member._replace(name=name))
    return tuple(members.values())


def _walk_folders(file: SymbolFile) -> Iterator[str]:
    """None at first, then the debug id's, then numbers in that."""
    identifier = file.objects[0].debug_id
    name = identifier.breakpad if identifier else NO_IDENTIFIER
    yield from ("", f"{name}/")
    yield from (f"{name}/{number}/" for number in count(2))


def split_files(
    files: Sequence[SymbolFile], most: int | None
) -> tuple[tuple[SymbolFile, ...], ...]:
    """The files in as many groups as needed for each to hold `most` bytes before compression.

    A bundle stays in one piece; a file larger than `most` goes alone.
    """
    if most is None:
        return (tuple(files),) if files else ()
    groups: list[list[SymbolFile]] = []
    size = 0
    for file in files:
        own = file.size + sum(other.size for other in file.companions)
        if not groups or size + own > most:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += own
    return tuple(map(tuple, groups))


class ZipBody:
    """A zip archive as blocks of bytes; each iteration reads the files anew.

    Files are deflated, unless they are packed already; with `store` none is. They are `hashed` on
    the way if somebody wants to know. A `balanced` archive is for a network: once that is seen to
    take the bytes faster than they can be deflated, the rest goes as it is, also of the same file.

    `advance` hears of each block of the files' own bytes, so that progress can be shown against
    `source_size`. `size` is None: how long the archive gets is known when it is done. `sent` counts
    the archive's bytes, `digests` holds the SHA-256 of each source file, both of the last time.
    """

    size: int | None = None

    def __init__(
        self,
        members: Sequence[UploadMember],
        advance: Callable[[int], None] = lambda _done: None,
        *,
        store: bool = False,
        hashed: bool = True,
        balanced: bool = False,
    ) -> None:
        self._store = store
        self._hashed = hashed
        self._balance = Balance() if balanced and not store else None
        self.members = tuple(members)
        self.source_size = sum(member.size for member in self.members)
        self.sent = 0
        self.digests: dict[str, str] = {}
        self._advance = advance

    def __iter__(self) -> Iterator[bytes]:
        """Blocks of the archive; InputUnusable when a file changed since it was looked at."""
        self.sent = done = 0
        entries: list[ZipEntry] = []
        waiting = _PendingBlocks()
        for member in self.members:
            entry = self._entry(member)._replace(offset=self.sent + waiting.size)
            waiting.add(pack_local(entry))
            deflater = Deflater(LEVEL) if entry.method == DEFLATED else None
            digest = sha256()
            for block in read_blocks(member.source, member.size, PACKED_BLOCK):
                if self._hashed:
                    digest.update(block)
                began = perf_counter()
                entry = self._add(entry, block, deflater, waiting)
                packed = perf_counter()
                done += len(block)
                self._advance(done)
                if waiting.size >= PACKED_BLOCK:
                    yield self._count(waiting.take())
                if self._balance:
                    self._balance.add(len(block), packed - began, perf_counter() - packed)
            last = deflater.finish() if deflater else b""
            entry = entry._replace(packed_size=entry.packed_size + len(last))
            waiting.add(last + pack_descriptor(entry))
            entries.append(entry)
            if self._hashed:
                self.digests[member.source] = digest.hexdigest()
        for block in walk_directory(entries, self.sent + waiting.size):
            waiting.add(block)
        yield self._count(waiting.take())

    def _entry(self, member: UploadMember) -> ZipEntry:
        """The entry of a member; what a try shows to be packed already goes as it is."""
        is_fast = self._balance is not None and self._balance.is_network_faster
        packs = not self._store and not is_fast and shrinks(member.source)
        name = member.name.replace(os.sep, "/")
        return ZipEntry(name, DEFLATED if packs else STORED, member.size > ZIP64_FROM)

    def _add(
        self, entry: ZipEntry, block: bytes, deflater: Deflater | None, waiting: _PendingBlocks
    ) -> ZipEntry:
        is_fast = self._balance is not None and self._balance.is_network_faster
        packed = deflater.pack(block, store=is_fast) if deflater else block
        waiting.add(packed)
        return entry._replace(
            crc=zlib.crc32(block, entry.crc),
            packed_size=entry.packed_size + len(packed),
            size=entry.size + len(block),
        )

    def _count(self, block: bytes) -> bytes:
        self.sent += len(block)
        return block


def shrinks(path: str) -> bool:
    """Whether deflating a file is worth the time, by a try at its beginning and its middle.

    Debug sections may be compressed in the file, and so may be what is in an archive.
    """
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            sample = file.read(SAMPLE)
            file.seek(max(0, size // 2))
            sample += file.read(SAMPLE)
    except OSError:
        return True  # reading it will say why it cannot be read
    return len(zlib.compress(sample, LEVEL)) < WORTH_IT * len(sample)


class SymbolFileBody:
    """One file as it is, as blocks of bytes; each iteration reads it anew."""

    def __init__(
        self,
        source: str,
        size: int,
        advance: Callable[[int], None] = lambda _done: None,
        *,
        hashed: bool = True,
    ) -> None:
        self._hashed = hashed
        self.size: int | None = size
        self.source_size = size
        self.sent = 0
        self.digests: dict[str, str] = {}
        self._source = source
        self._advance = advance

    def __iter__(self) -> Iterator[bytes]:
        """Blocks of the file; InputUnusable when it changed since it was looked at."""
        self.sent = 0
        digest = sha256()
        for block in read_blocks(self._source, self.source_size):
            if self._hashed:
                digest.update(block)
            self.sent += len(block)
            self._advance(self.sent)
            yield block
        if self._hashed:
            self.digests[self._source] = digest.hexdigest()


def read_blocks(path: str, size: int, most: int = BLOCK) -> Iterator[bytes]:
    """A file's bytes, at most `most` at once; InputUnusable when there are not `size` any more."""
    left = size
    try:
        with Path(path).open("rb") as file:
            while block := file.read(most):
                left -= len(block)
                if left < 0:
                    break
                yield block
    except OSError as error:
        raise InputUnusable(f"cannot read {path}: {reason_of(error)}") from None
    if left:
        raise InputUnusable(
            f"{path} changed while it was read", hint="upload when the build has finished"
        )


class _PendingBlocks:
    """Bytes that wait until they are worth a block; `size` of them."""

    def __init__(self) -> None:
        self.size = 0
        self._blocks: list[bytes] = []

    def add(self, data: bytes) -> None:
        self._blocks.append(data)
        self.size += len(data)

    def take(self) -> bytes:
        blocks, self._blocks = self._blocks, []
        self.size = 0
        return b"".join(blocks)
