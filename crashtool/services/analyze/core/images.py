"""The program files of a dump's modules, as far as they are on this disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError
from crashtool.formats.core_file.system_image import Cover
from crashtool.formats.core_file.writer import PAGE, PT_LOAD, PT_NOTE, WRITE, MappedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import HeaderRow, SegmentRow, read_segments
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.core_file.machines import CoreMachine
    from crashtool.formats.object_kinds import Content
    from crashtool.model.module import Module

PT_DYNAMIC = 2
DT_TEXTREL, DT_DEBUG, DT_FLAGS = 22, 21, 30
DF_TEXTREL = 4


class Image(NamedTuple):
    """A module's file. Addresses are in the process: `bias` is what is added to the file's, and
    wraps round where the process has it lower than the file says.

    `entry` is the program's first instruction, `headers` and `header_count` its program headers,
    `dynamic` the address of its dynamic section and `debug` that of DT_DEBUG in it, 0 without one.
    `files` is what is the file's own in memory, `covers` what the process could write, `head` the
    file's first bytes as far as it names itself.
    """

    module: Module
    path: str
    bias: int
    entry: int
    headers: int
    header_count: int
    dynamic: int
    debug: int
    files: tuple[MappedFile, ...]
    covers: tuple[Cover, ...]
    head: bytes


def open_image(machine: CoreMachine, module: Module, path: str) -> Image | None:
    """A module's file at `path`; None when it cannot be read, or is not its kind."""
    try:
        data = map_file(path)
        header, segments, big_endian = read_segments(data)
    except CrashtoolError:
        return None
    loaded = [segment for segment in segments if segment.segment_type == PT_LOAD]
    if big_endian or not loaded or header.machine != machine.number:
        return None
    bias = module.base - min(segment.address for segment in loaded) // PAGE * PAGE
    limit = 1 << 8 * machine.width
    if bias + max(segment.address + segment.memory_size for segment in loaded) > limit:
        return None  # a damaged dump says where it lies
    first = loaded[0]
    dynamic, pairs = _read_dynamic(machine, data, segments)
    keys = [key for key, _ in pairs]
    is_relocated = DT_TEXTREL in keys or any(
        key == DT_FLAGS and value & DF_TEXTREL for key, value in pairs
    )
    debug = dynamic + machine.pair.SIZE * keys.index(DT_DEBUG) if DT_DEBUG in keys else 0
    return Image(
        module,
        path,
        bias % limit,
        (bias + header.entry) % limit,
        (bias + first.address - first.offset + header.segments_offset) % limit,
        header.segment_count,
        (bias + dynamic) % limit if dynamic else 0,
        (bias + debug) % limit if debug else 0,
        () if is_relocated else tuple(_walk_read_only(loaded, bias, path)),
        tuple(
            Cover((bias + segment.address) % limit, segment.memory_size)
            for segment in loaded
            if segment.flags & WRITE and segment.memory_size
        ),
        _read_head(data, header, segments, first),
    )


def _walk_read_only(segments: Sequence[SegmentRow], bias: int, path: str) -> Iterator[MappedFile]:
    """What is the file's own in memory: never a segment that the process may have written.

    Where one that it could write shares a page with it, it lies above: the page is not the file's.
    """
    written = [
        (segment.address // PAGE * PAGE, -(-(segment.address + segment.memory_size) // PAGE) * PAGE)
        for segment in segments
        if segment.flags & WRITE
    ]
    for program_header in segments:
        if program_header.flags & WRITE:
            continue
        low, high = (
            program_header.address // PAGE * PAGE,
            program_header.address + program_header.file_size,
        )
        shift = program_header.offset // PAGE * PAGE - low
        for first, last in sorted(written):
            if first < high and last > low:
                if low < first:
                    yield MappedFile(
                        bias + low, bias + first, low + shift, path, program_header.flags
                    )
                low = last
        if low < high:
            yield MappedFile(bias + low, bias + high, low + shift, path, program_header.flags)


def _read_head(
    data: Content, header: HeaderRow, segments: Sequence[SegmentRow], first: SegmentRow
) -> bytes:
    """The file's and the program's headers, and the notes with the build id, of the first page."""
    limit = min(PAGE, first.offset + first.file_size)
    if first.offset >= PAGE or first.flags & WRITE:
        return b""
    ends = [header.segments_offset + header.segment_size * header.segment_count]
    ends += [
        segment.offset + segment.file_size
        for segment in segments
        if segment.segment_type == PT_NOTE
    ]
    return bytes(data[: max((end for end in ends if end <= limit), default=0)])


def _read_dynamic(
    machine: CoreMachine, data: Content, segments: Sequence[SegmentRow]
) -> tuple[int, list[tuple[int, int]]]:
    """The address of the dynamic section in the file, and its rows up to the one that ends it."""
    for segment in segments:
        if segment.segment_type == PT_DYNAMIC and segment.offset + segment.file_size <= len(data):
            count = segment.file_size // machine.pair.SIZE
            pairs = []
            for pair in machine.pair.read_array(data, segment.offset, count):
                if not pair.key:
                    break
                pairs.append((pair.key, pair.value))
            return segment.address, pairs
    return 0, []
