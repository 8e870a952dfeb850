"""Changing a minidump that exists: a few bytes of it overwritten, what is new behind its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.minidump import streams
from crashtool.formats.minidump.crashpad_info import (
    VERSION,
    CrashpadInfo,
    StoredPair,
    read_stored_pairs,
)
from crashtool.formats.minidump.structs import (
    Count,
    CrashpadInfoRecord,
    Directory,
    LocationRecord,
    StringPair,
)
from crashtool.formats.minidump.writer import Block, pack_behind, pack_crashpad_info, pack_utf8
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.minidump.file import Minidump

NOBODY = UUID(int=0)
ELSEWHERE = "send them along with the dump instead: crashtool send-dump --annotation KEY=VALUE"


class Graft(NamedTuple):
    """A change to a file that keeps all else: (offset, bytes) to overwrite, bytes to append."""

    patches: tuple[tuple[int, bytes], ...] = ()
    tail: bytes = b""

    def walk(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The changed file in pieces, from the pieces of the file, whatever their sizes."""
        start = 0
        for piece in pieces:
            yield self._patch(piece, start)
            start += len(piece)
        yield self.tail

    def _patch(self, piece: bytes, start: int) -> bytes:
        changed = None
        for offset, patch in self.patches:
            low, high = max(offset, start), min(offset + len(patch), start + len(piece))
            if low < high:
                changed = changed or bytearray(piece)
                changed[low - start : high - start] = patch[low - offset : high - offset]
        return piece if changed is None else bytes(changed)


def find_stored_annotations(dump: Minidump) -> tuple[StoredPair, ...] | None:
    """The process's annotations in a dump, in file order; None without a CrashpadInfo stream.

    MalformedFile when one of them cannot be read.
    """
    if dump.find_place(streams.CRASHPAD_INFO) is None:
        return None
    return dump.read_faultless(streams.CRASHPAD_INFO, read_stored_pairs)


def graft_annotations(dump: Minidump, annotations: Mapping[str, str]) -> Graft:
    """What to change so that a dump has these annotations of the process besides its others.

    An annotation of the same key is replaced where it stands; new ones follow. The list and the new
    texts go behind the file's end, and the CrashpadInfo stream, which stays where it is, points
    there. Where there is none it is made, by nobody: with ids of zeros. Nothing changes when all
    are there. MalformedFile for a dump that is cut short, where what is appended would be taken
    for what is missing; InputUnusable beyond 4 GiB.
    """
    _refuse_cut(dump)
    location, stored = dump.find_place(streams.CRASHPAD_INFO), find_stored_annotations(dump)
    if location is None or stored is None:
        info = CrashpadInfo(VERSION, NOBODY, NOBODY, tuple(annotations.items()), (), 0)
        return graft_stream(dump, streams.CRASHPAD_INFO, pack_crashpad_info(info))
    if _has_all(stored, annotations):
        return Graft()
    block = _pack_pairs(stored, annotations)
    rva, tail = _pack_behind(block, dump)
    offset = location.rva + CrashpadInfoRecord.offset_of("simple_annotations_size")
    return Graft(((offset, LocationRecord(size=len(block.data), rva=rva).pack()),), tail)


def graft_stream(dump: Minidump, stream_type: int, block: Block) -> Graft:
    """What to change in a file so that `block` is its stream of that type.

    The block goes behind the file's end. A directory entry of the type is redirected, or one that
    is unused is taken; where there is neither, a longer directory goes behind the block.
    InputUnusable beyond 4 GiB.
    """
    rva, body = _pack_behind(block, dump)
    entry = Directory(stream_type=stream_type, size=len(block.data), rva=rva).pack()
    types = [directory_entry.stream_type for directory_entry in dump.directory]
    for wanted in (stream_type, streams.UNUSED):
        if wanted in types:
            offset = dump.header.directory_rva + types.index(wanted) * Directory.SIZE
            return Graft(((offset, entry),), body)
    rows = b"".join(directory_entry.pack() for directory_entry in dump.directory)
    directory = Block(rows + entry)
    directory_rva, tail = _pack_behind(directory, dump, len(body))
    header = dump.header.replace(stream_count=len(types) + 1, directory_rva=directory_rva)
    return Graft(((0, header.pack()),), body + tail)


def _has_all(stored: Iterable[StoredPair], annotations: Mapping[str, str]) -> bool:
    pairs = [(pair.key, pair.value) for pair in stored if pair.key in annotations]
    return sorted(pairs) == sorted(annotations.items())


def _pack_pairs(stored: tuple[StoredPair, ...], annotations: Mapping[str, str]) -> Block:
    """A MinidumpSimpleStringDictionary of the stored pairs, whose texts stay where they are."""
    left = dict(annotations)
    pairs = [
        pair
        for pair in stored
        if pair.key not in annotations or left.pop(pair.key, None) is not None
    ]
    block = Block(Count(entry_count=len(pairs) + len(left)).pack())
    for packed_pair in pairs:
        value = annotations.get(packed_pair.key, packed_pair.value)
        offset = block.add(packed_pair.record.pack())
        if value != packed_pair.value:
            block.link(offset + StringPair.offset_of("value_rva"), pack_utf8(value))
    for key, value in left.items():
        offset = block.add(StringPair().pack())
        block.link(offset, pack_utf8(key))
        block.link(offset + StringPair.offset_of("value_rva"), pack_utf8(value))
    return block


def _pack_behind(block: Block, dump: Minidump, more: int = 0) -> tuple[int, bytes]:
    try:
        return pack_behind(block, dump.size + more)
    except InputUnusable as error:
        raise InputUnusable(error.what, hint=ELSEWHERE) from None


def _refuse_cut(dump: Minidump) -> None:
    """MalformedFile when something that the file should hold lies behind its end."""
    if dump.needed_size > dump.size:
        raise MalformedFile(
            f"the minidump is cut short or damaged: it speaks of what goes on to "
            f"{dump.needed_size:#x}, and ends",
            offset=dump.size,
            hint=ELSEWHERE,
        )
