"""An ELF image as a process has it in memory, where there may be no file and no section."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import (
    CLASS_32,
    CLASS_64,
    GNU_OWNER,
    LITTLE,
    MAGIC,
    MAX_BUILD_ID,
    MAX_NAME,
    NOTE_BUILD_ID,
    PAGE,
    SEGMENT_LOAD,
    SEGMENT_NOTE,
)
from crashtool.formats.object_file.elf_identity import MAX_NOTE, read_note
from crashtool.formats.object_file.elf_structs import (
    Dynamic32,
    Dynamic64,
    ElfSegment32,
    ElfSegment64,
    Header32,
    Header64,
    Identification,
)

Read: TypeAlias = Callable[[int, int], bytes]
SegmentRow: TypeAlias = ElfSegment32 | ElfSegment64

SEGMENT_DYNAMIC = 2
DYNAMIC_STRINGS, DYNAMIC_NAME = 5, 14  # DT_STRTAB, DT_SONAME
MAX_SEGMENTS = 256
MAX_DYNAMIC = 8192  # bytes


class ElfImage(NamedTuple):
    """What an image says of itself. `base` is where its first page is, `size` is in bytes.

    `build_id` is empty, and `name` (DT_SONAME) too, when it has none.
    """

    base: int
    size: int
    build_id: bytes
    name: str


def find_image(read: Read, base: int) -> ElfImage | None:
    """The image whose ELF header is at `base`; None when there is none.

    `read` gives at most so many bytes at an address, and OSError when there are none; what it
    cannot give is left out.
    """
    try:
        head = read(base, Header64.SIZE)
        if not head.startswith(MAGIC) or len(head) < Header64.SIZE:
            return None
        segments = _read_segments(read, base, head)
    except OSError:
        return None
    loads = [
        segment
        for segment in segments
        if segment.segment_type == SEGMENT_LOAD and segment.memory_size
    ]
    if not loads:
        return None
    first = min(segment.address for segment in loads)
    bias = base - (first & -PAGE)
    end = max(segment.address + segment.memory_size for segment in loads)
    return ElfImage(
        base,
        end - (first & -PAGE),
        _find_build_id(read, segments, bias),
        _find_name(read, segments, bias),
    )


def _read_segments(read: Read, base: int, head: bytes) -> list[SegmentRow]:
    identification = Identification.read(head)
    if identification.encoding != LITTLE or identification.word_class not in (CLASS_32, CLASS_64):
        return []
    is_wide = identification.word_class == CLASS_64
    header = Header64.read(head) if is_wide else Header32.read(head)
    kind: type[SegmentRow] = ElfSegment64 if is_wide else ElfSegment32
    stride = max(header.segment_size, kind.SIZE)
    count = min(header.segment_count, MAX_SEGMENTS)
    if not count:
        return []
    table = read(base + header.segments_offset, count * stride)
    return list(kind.read_array(table, 0, len(table) // stride, stride=stride))


def _find_build_id(read: Read, segments: list[SegmentRow], bias: int) -> bytes:
    for segment in segments:
        if segment.segment_type != SEGMENT_NOTE:
            continue
        try:
            data = read(bias + segment.address, min(segment.file_size, MAX_NOTE))
        except OSError:
            continue
        content = read_note(data, range(len(data)), GNU_OWNER, NOTE_BUILD_ID, big_endian=False)
        if content:
            return content[:MAX_BUILD_ID]
    return b""


def _find_name(read: Read, segments: list[SegmentRow], bias: int) -> str:
    segment = next((entry for entry in segments if entry.segment_type == SEGMENT_DYNAMIC), None)
    if segment is None:
        return ""
    kind = Dynamic64 if isinstance(segment, ElfSegment64) else Dynamic32
    try:
        table = read(bias + segment.address, min(segment.memory_size, MAX_DYNAMIC))
        rows = kind.read_array(table, 0, len(table) // kind.SIZE)
        values = {entry.tag: entry.value for entry in rows}
        if DYNAMIC_NAME not in values or DYNAMIC_STRINGS not in values:
            return ""
        # The dynamic linker has added the bias, but not in what it may not write (the vDSO).
        strings = values[DYNAMIC_STRINGS]
        strings += bias if strings < bias else 0
        raw = read(strings + values[DYNAMIC_NAME], MAX_NAME)
    except OSError:
        return ""
    return raw.partition(b"\0")[0].decode("utf-8", "replace")
