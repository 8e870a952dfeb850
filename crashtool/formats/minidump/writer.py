"""Streams back into bytes: a whole minidump, or what is put behind the end of one that exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.minidump.structs import (
    SIGNATURE,
    VERSION,
    AnnotationRecord,
    Count,
    CrashpadInfoRecord,
    CrashpadInfoTail,
    Directory,
    LocationRecord,
    MinidumpHeader,
    ModuleCrashpadInfo,
    ModuleLink,
    Rva,
)
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.minidump.crashpad_info import (
        AnnotationObject,
        CrashpadInfo,
        ModuleAnnotations,
        Pairs,
    )
    from crashtool.formats.record import Record

ALIGNMENT = 8
MAX_RVA = 0xFFFFFFFF


class Link(NamedTuple):
    """A reference, `offset` bytes into a block, to another block.

    `kind` is how it is written: Rva, Rva64, or LocationRecord (size and RVA).
    """

    offset: int
    target: Block
    kind: type[Record]


class Block:
    """Bytes that go into a file in one piece, and their references to other blocks.

    A block that several links lead to is written once.
    """

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.links: list[Link] = []

    def add(self, data: bytes) -> int:
        """Append bytes; gives their offset in the block."""
        offset = len(self.data)
        self.data += data
        return offset

    def link(self, offset: int, target: Block | None, kind: type[Record] = Rva) -> None:
        """Have the reference at `offset` filled in with where `target` goes; not so for None."""
        if target is not None:
            self.links.append(Link(offset, target, kind))


def write_minidump_pieces(
    streams: Iterable[tuple[int, Block]], *, timestamp: int = 0, flags: int = 0
) -> Iterator[bytes]:
    """A minidump of (stream type, block) pairs, in their order: header, directory, blocks.

    In pieces, so that no second copy of a large dump is in memory. `timestamp` is in Unix seconds,
    `flags` are MINIDUMP_TYPE's. InputUnusable beyond 4 GiB.
    """
    pairs = list(streams)
    start = MinidumpHeader.SIZE + len(pairs) * Directory.SIZE
    blocks = _collect([block for _, block in pairs])
    rvas = _place(blocks, start)
    header = MinidumpHeader(
        signature=SIGNATURE,
        version=VERSION,
        stream_count=len(pairs),
        directory_rva=MinidumpHeader.SIZE,
        timestamp=timestamp,
        flags=flags,
    )
    directory = b"".join(_pack_entry(kind, block, rvas) for kind, block in pairs)
    return chain((header.pack(), directory), _pack_blocks(blocks, rvas, start))


def pack_behind(block: Block, size: int) -> tuple[int, bytes]:
    """A block, and all that it leads to, as bytes to put behind a file of `size` bytes.

    Gives the block's RVA there and the bytes. InputUnusable beyond 4 GiB.
    """
    blocks = _collect([block])
    rvas = _place(blocks, size)
    return rvas[id(block)], b"".join(_pack_blocks(blocks, rvas, size))


def _pack_entry(stream_type: int, block: Block, rvas: dict[int, int]) -> bytes:
    return Directory(stream_type=stream_type, size=len(block.data), rva=rvas[id(block)]).pack()


def _place(blocks: list[Block], start: int) -> dict[int, int]:
    """Where each block goes, by id()."""
    rvas: dict[int, int] = {}
    offset = start
    for block in blocks:
        offset += -offset % ALIGNMENT
        rvas[id(block)] = offset
        offset += len(block.data)
    if offset + -offset % ALIGNMENT > MAX_RVA:
        raise _refuse_size()
    return rvas


def _pack_blocks(blocks: list[Block], rvas: dict[int, int], start: int) -> Iterator[bytes]:
    """The bytes from `start` on, with all references filled in."""
    offset = start
    for block in blocks:
        yield bytes(-offset % ALIGNMENT)
        data = bytearray(block.data) if block.links else block.data
        for link in block.links:
            packed = _pack_link(link, rvas)
            data[link.offset : link.offset + len(packed)] = packed
        yield bytes(data)
        offset = rvas[id(block)] + len(data)
    yield bytes(-offset % ALIGNMENT)


def _collect(roots: list[Block]) -> list[Block]:
    """All blocks that can be reached, each once, roots first."""
    blocks = {id(block): block for block in roots}
    queue = list(blocks.values())
    for block in queue:
        for link in block.links:
            if id(link.target) not in blocks:
                blocks[id(link.target)] = link.target
                queue.append(link.target)
    return queue


def _pack_link(link: Link, rvas: dict[int, int]) -> bytes:
    rva = rvas[id(link.target)]
    if link.kind is LocationRecord:
        return LocationRecord(size=len(link.target.data), rva=rva).pack()
    return link.kind(rva=rva).pack()


def _refuse_size() -> InputUnusable:
    return InputUnusable(
        "the minidump would pass 4 GiB, which its references cannot reach",
        hint="take a dump with less memory",
    )


def pack_utf16(text: str) -> Block:
    """A MINIDUMP_STRING."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return Block(Count(entry_count=len(raw)).pack() + raw + b"\0\0")


def pack_utf8(text: str) -> Block:
    """A MinidumpUTF8String."""
    raw = text.encode("utf-8", "surrogateescape")
    return Block(Count(entry_count=len(raw)).pack() + raw + b"\0")


def pack_crashpad_info(info: CrashpadInfo) -> Block:
    """A CrashpadInfo stream of 64 bytes with all annotations of the process and its modules."""
    record = CrashpadInfoRecord(
        version=info.version, report_id=info.report_id.bytes_le, client_id=info.client_id.bytes_le
    )
    block = Block(record.pack() + CrashpadInfoTail(address_mask=info.address_mask).pack())
    modules = _pack_module_list(info.modules) if info.modules else None
    _link_last_fields(block, CrashpadInfoRecord.SIZE, pack_pairs(info.annotations), modules)
    return block


def pack_pairs(pairs: Pairs) -> Block | None:
    """A MinidumpSimpleStringDictionary; None, which is how Crashpad writes it, for no pair."""
    if not pairs:
        return None
    block = Block(Count(entry_count=len(pairs)).pack())
    for pair in pairs:
        for text in pair:
            block.link(block.add(Rva().pack()), pack_utf8(text))
    return block


def _pack_module_list(modules: tuple[ModuleAnnotations, ...]) -> Block:
    block = Block(Count(entry_count=len(modules)).pack())
    for module in modules:
        offset = block.add(ModuleLink(module_index=module.module_index).pack())
        position = offset + ModuleLink.SIZE - LocationRecord.SIZE
        block.link(position, _pack_module(module), LocationRecord)
    return block


def _pack_module(module: ModuleAnnotations) -> Block:
    block = Block(ModuleCrashpadInfo(version=1).pack())
    objects_place = block.add(LocationRecord().pack())
    texts = _pack_texts(module.list_annotations)
    pairs = pack_pairs(module.simple_annotations)
    _link_last_fields(block, ModuleCrashpadInfo.SIZE, texts, pairs)
    block.link(objects_place, _pack_objects(module.objects), LocationRecord)
    return block


def _pack_texts(texts: tuple[str, ...]) -> Block | None:
    if not texts:
        return None
    block = Block(Count(entry_count=len(texts)).pack())
    for text in texts:
        block.link(block.add(Rva().pack()), pack_utf8(text))
    return block


def _pack_objects(objects: tuple[AnnotationObject, ...]) -> Block | None:
    if not objects:
        return None
    block = Block(Count(entry_count=len(objects)).pack())
    for annotation in objects:
        offset = block.add(AnnotationRecord(type=annotation.type).pack())
        value = Block(Count(entry_count=len(annotation.value)).pack() + annotation.value)
        block.link(offset, pack_utf8(annotation.name))
        block.link(offset + AnnotationRecord.SIZE - Rva.SIZE, value)
    return block


def _link_last_fields(block: Block, size: int, first: Block | None, second: Block | None) -> None:
    """Link the two locations that end the struct of `size` bytes that opens the block."""
    block.link(size - 2 * LocationRecord.SIZE, first, LocationRecord)
    block.link(size - LocationRecord.SIZE, second, LocationRecord)
