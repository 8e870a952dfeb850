"""The program files of a dump's modules, as far as they are on this disk."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError
from crashtool.formats.core_file.writer import PAGE, PT_LOAD, WRITE, MappedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import SegmentRow, read_segments
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content
    from crashtool.model.module import Module

PT_DYNAMIC = 2


class Image(NamedTuple):
    """A module's file. Addresses are in the process: `bias` is what is added to the file's.

    `entry` is the program's first instruction, `headers` and `header_count` its program headers,
    `dynamic` the address and the bytes of its dynamic section, (0, b"") without one.
    """

    module: "Module"
    path: str
    bias: int
    entry: int
    headers: int
    header_count: int
    dynamic: tuple[int, bytes]
    files: tuple[MappedFile, ...]
    first_page: bytes


def open_image(module: "Module", path: str) -> Image | None:
    """A module's file at `path`; None when it cannot be read, or is not its kind."""
    try:
        data = map_file(path)
        header, segments, big_endian = read_segments(data)
    except CrashtoolError:
        return None
    loaded = [row for row in segments if row.segment_type == PT_LOAD]
    if big_endian or not loaded:
        return None
    bias = module.base - min(row.address for row in loaded) // PAGE * PAGE
    first = loaded[0]
    files = tuple(_walk_read_only(loaded, bias, path))
    is_mapped = first.offset < PAGE and not first.flags & WRITE
    page = bytes(data[: min(PAGE, first.offset + first.file_size)]) if is_mapped else b""
    return Image(
        module, path, bias, bias + header.entry,
        bias + first.address - first.offset + header.segments_offset, header.segment_count,
        _read_dynamic(data, segments, bias), files, page,
    )  # fmt: skip


def _walk_read_only(rows: list[SegmentRow], bias: int, path: str) -> Iterator[MappedFile]:
    """What is the file's own in memory: never a segment that the process may have written."""
    for row in rows:
        if row.flags & WRITE or not row.file_size:
            continue
        start = (bias + row.address) // PAGE * PAGE
        end = -(-(bias + row.address + row.file_size) // PAGE) * PAGE
        yield MappedFile(start, end, row.offset // PAGE * PAGE, path)


def _read_dynamic(data: "Content", segments: list[SegmentRow], bias: int) -> tuple[int, bytes]:
    for row in segments:
        if row.segment_type == PT_DYNAMIC and row.offset + row.file_size <= len(data):
            return bias + row.address, bytes(data[row.offset : row.offset + row.file_size])
    return 0, b""
