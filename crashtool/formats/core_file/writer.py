"""Core files written: a header, one segment of notes, one for each range of memory."""

from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from crashtool.formats.core_file import structs
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf_structs
from crashtool.formats.record import Record
from crashtool.formats.user_registers import UserRegsStruct, UserRegsStruct32

PAGE = 0x1000
CORE, LINUX = b"CORE\0", b"LINUX\0"
# Kinds of notes (elf.h)
PRSTATUS, FPREGSET, PRPSINFO, AUXV = 1, 2, 3, 6
SIGINFO, FILE, PRXFPREG, X86_XSTATE = 0x53494749, 0x46494C45, 0x46E62B7F, 0x202
ET_CORE, PT_LOAD, PT_NOTE = 4, 1, 4
READ, WRITE, EXECUTE = 4, 2, 1
BLOCK = 1 << 20
MAX_SEGMENTS = 0xFFFE - 1  # PN_XNUM is 0xffff; one is for the notes
XSTATE_ENABLED_OFFSET = 464  # in FXSAVE's bytes for software: which features the area has
X87_AND_SSE = 3


class CoreMachine(NamedTuple):
    """The structs of one architecture. `number` is e_machine, `width` a pointer's in bytes."""

    number: int
    width: int
    header: type[Record]
    segment: type[Record]
    status: type[Record]
    registers: type[UserRegsStruct | UserRegsStruct32]
    process: type[Record]
    signal: type[Record]
    pair: type[structs.Pair64 | structs.Pair32]
    debug: type[Record]
    link_map: type[Record]
    file_count: type[Record]
    file_row: type[Record]


X86_64 = CoreMachine(
    62, 8, elf_structs.Header64, elf_structs.ElfSegment64, structs.PrStatus64, UserRegsStruct,
    structs.PrPsInfo64,
    structs.SigInfo64, structs.Pair64, structs.Debug64, structs.LinkMap64, structs.Count64,
    structs.MappedFile64,
)  # fmt: skip
X86 = CoreMachine(
    3, 4, elf_structs.Header32, elf_structs.ElfSegment32, structs.PrStatus32, UserRegsStruct32,
    structs.PrPsInfo32,
    structs.SigInfo32, structs.Pair32, structs.Debug32, structs.LinkMap32, structs.Count32,
    structs.MappedFile32,
)  # fmt: skip
MACHINES = {"x86_64": X86_64, "x86": X86}


class CoreSegment(NamedTuple):
    """`size` bytes of memory at `address`; `read(offset, size)` gives as many of them as asked."""

    address: int
    size: int
    read: Callable[[int, int], bytes]
    flags: int = READ | WRITE

    @classmethod
    def of(cls, address: int, content: bytes, flags: int = READ) -> "CoreSegment":
        """A segment of bytes that are there."""
        return cls(
            address, len(content), lambda offset, size: content[offset : offset + size], flags
        )


class MappedFile(NamedTuple):
    """Memory that is the same as a part of a file: from `start` to `end`, at `offset` in bytes."""

    start: int
    end: int
    offset: int
    path: str


def pack_note(owner: bytes, kind: int, content: bytes) -> bytes:
    """One note; owner and content are padded to four bytes each."""
    head = elf_structs.Note(name_size=len(owner), content_size=len(content), note_type=kind).pack()
    return head + _pad(owner) + _pad(content)


def pack_files(machine: CoreMachine, files: Sequence[MappedFile]) -> bytes:
    """The content of NT_FILE."""
    head = machine.file_count(rows=len(files), page_size=PAGE).pack()
    rows = (
        machine.file_row(start=file.start, end=file.end, page=file.offset // PAGE).pack()
        for file in files
    )
    names = (file.path.encode("utf-8", "surrogateescape") + b"\0" for file in files)
    return head + b"".join(rows) + b"".join(names)


def pack_xstate(floating_point: bytes) -> bytes:
    """The content of NT_X86_XSTATE: FXSAVE, which of it holds, and an empty rest."""
    area = bytearray(floating_point.ljust(512, b"\0")[:512])
    mark = X87_AND_SSE.to_bytes(8, "little")
    area[XSTATE_ENABLED_OFFSET : XSTATE_ENABLED_OFFSET + 8] = mark
    return bytes(area) + mark + bytes(56)


def write_core(
    file: BinaryIO, machine: CoreMachine, notes: bytes, segments: Iterable[CoreSegment]
) -> None:
    """Write a core file; segments do not overlap. OSError when it cannot be written."""
    loaded = sorted(segments, key=lambda segment: segment.address)
    if len(loaded) > MAX_SEGMENTS:
        raise OSError(f"{len(loaded):,} ranges of memory, where a core file has {MAX_SEGMENTS:,}")
    offset = machine.header.SIZE + machine.segment.SIZE * (len(loaded) + 1)
    file.write(_pack_header(machine, len(loaded) + 1))
    file.write(
        machine.segment(
            segment_type=PT_NOTE, offset=offset, file_size=len(notes), alignment=4
        ).pack()
    )
    start = place = _align(offset + len(notes))
    for segment in loaded:
        row = machine.segment(
            segment_type=PT_LOAD, flags=segment.flags, offset=place, address=segment.address,
            file_size=segment.size, memory_size=segment.size, alignment=1,
        )  # fmt: skip
        file.write(row.pack())
        place = _align(place + segment.size)
    file.write(notes + bytes(start - offset - len(notes)))
    for segment in loaded:
        for begin in range(0, segment.size, BLOCK):
            size = min(BLOCK, segment.size - begin)
            block = segment.read(begin, size)
            if len(block) != size:  # zeros in their place would be shown as memory
                raise OSError(f"the memory at {segment.address + begin:#x} has become shorter")
            file.write(block)
        file.write(bytes(_align(segment.size) - segment.size))


def _pack_header(machine: CoreMachine, segments: int) -> bytes:
    ident = elf_structs.Identification(
        magic=b"\x7fELF", word_class=machine.width // 4, encoding=1, version=1
    ).pack()
    fields = {
        "identification": ident, "file_type": ET_CORE, "machine": machine.number, "version": 1,
        "segments_offset": machine.header.SIZE, "header_size": machine.header.SIZE,
        "segment_size": machine.segment.SIZE, "segment_count": segments,
    }  # fmt: skip
    return machine.header(**fields).pack()


def _align(size: int) -> int:
    return -(-size // 16) * 16


def _pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
