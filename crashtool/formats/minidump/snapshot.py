"""A process as it stood, and the minidump that tells it: what Crashpad's handler would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.formats.minidump import streams
from crashtool.formats.minidump.crashpad_info import CrashpadInfo
from crashtool.formats.minidump.structs import (
    Count,
    ExceptionParameter,
    ExceptionStream,
    LocationRecord,
    MemoryDescriptor,
    MiscInfo1,
    MiscInfo2,
    MiscInfo3,
    MiscInfo4,
    ModuleRecord,
    Rva,
    Rva64,
    SystemInfoRecord,
    ThreadNameRecord,
    ThreadRecord,
    X86CpuInformation,
)
from crashtool.formats.minidump.writer import (
    Block,
    pack_crashpad_info,
    pack_utf16,
    write_minidump_pieces,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import Record

# minidumpapiset.h, minidump_format.h, verrsrc.h
ARCHITECTURES = {"x86": 0, "x86_64": 9}
PLATFORM_LINUX = 0x8201
WORKSTATION = 1
MISC_PROCESS_ID, MISC_PROCESS_TIMES, MISC_TIME_ZONE, MISC_BUILD_STRING = 0x1, 0x2, 0x40, 0x100
VERSION_SIGNATURE, VERSION_STRUCT = 0xFEEF04BD, 0x00010000
TYPE_APPLICATION, TYPE_LIBRARY = 1, 2
CODEVIEW_ELF = b"LEpB"  # 'BpEL' as a number: the build id follows
MAX_PARAMETERS = 15


class MemorySnapshot(NamedTuple):
    """Bytes of the process and where they were."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The address behind them."""
        return self.start + len(self.data)


class ThreadSnapshot(NamedTuple):
    """A thread: `context` is its CONTEXT struct, `stack` None where its stack is out of reach."""

    id: int
    name: str
    context: Record
    stack: MemorySnapshot | None
    thread_pointer: int = 0


class ModuleSnapshot(NamedTuple):
    """An ELF image in memory; `build_id` is empty when it has none."""

    name: str
    base: int
    size: int
    build_id: bytes
    is_program: bool = False


class ExceptionSnapshot(NamedTuple):
    """Why it was looked at: on Linux the signal's number and code, and the fault's address."""

    thread_id: int
    code: int
    flags: int
    address: int
    parameters: tuple[int, ...]
    context: Record


class SystemSnapshot(NamedTuple):
    """What it ran on. `version` is (6, 1, 55) of Linux 6.1.55, `build` the rest of uname.

    `vendor`, `level` and `revision` are the processor's, as in MINIDUMP_SYSTEM_INFO.
    """

    architecture: str
    version: tuple[int, int, int]
    build: str
    full_version: str
    cpu_count: int
    vendor: bytes = b""
    level: int = 0
    revision: int = 0


class TimeZone(NamedTuple):
    """As MINIDUMP_MISC_INFO_3 has it: bias in minutes west of UTC."""

    bias: int
    standard_name: str
    daylight_name: str
    is_daylight: bool


class ProcessSnapshot(NamedTuple):
    """All of it. Times are in seconds, `created` and `taken` Unix times.

    `memory` is what belongs to no stack, without overlaps. `texts` are streams that are copies of
    files in /proc, by type. `writer` is the build string by which readers know who wrote the dump.
    """

    process_id: int
    taken: int
    created: int
    user_time: int
    system_time: int
    machine: SystemSnapshot
    zone: TimeZone
    threads: Sequence[ThreadSnapshot]
    exception: ExceptionSnapshot | None
    modules: Sequence[ModuleSnapshot]
    memory: Sequence[MemorySnapshot]
    crashpad: CrashpadInfo
    texts: dict[int, bytes]
    writer: str
    comment: str


def pack_snapshot(snapshot: ProcessSnapshot) -> Iterator[bytes]:
    """The minidump's bytes in pieces, in the order of the file. InputUnusable beyond 4 GiB."""
    stacks = {thread.id: Block(thread.stack.data) for thread in snapshot.threads if thread.stack}
    contexts = {thread.id: Block(thread.context.pack()) for thread in snapshot.threads}
    typed_streams: list[tuple[int, Block]] = [
        (streams.SYSTEM_INFO, _pack_system(snapshot.machine)),
        (streams.MISC_INFO, _pack_misc(snapshot)),
        (streams.THREAD_LIST, _pack_threads(snapshot.threads, contexts, stacks)),
        (streams.THREAD_NAMES, _pack_names(snapshot.threads)),
        (streams.MODULE_LIST, _pack_modules(snapshot.modules)),
        (streams.CRASHPAD_INFO, pack_crashpad_info(snapshot.crashpad)),
        (streams.COMMENT_A, Block(snapshot.comment.encode() + b"\0")),
        *((kind, Block(text)) for kind, text in snapshot.texts.items()),
        (streams.MEMORY_LIST, _pack_memory(snapshot, stacks)),
    ]
    if snapshot.exception is not None:
        typed_streams.insert(3, (streams.EXCEPTION, _pack_exception(snapshot.exception)))
    return write_minidump_pieces(typed_streams, timestamp=snapshot.taken)


def _pack_system(machine: SystemSnapshot) -> Block:
    major, minor, build = machine.version
    cpu = b""
    if machine.architecture == "x86":
        cpu = X86CpuInformation(vendor=machine.vendor).pack()
    record = SystemInfoRecord(
        architecture=ARCHITECTURES[machine.architecture],
        level=machine.level,
        revision=machine.revision,
        cpu_count=min(machine.cpu_count, 0xFF),
        product_type=WORKSTATION,
        major=major,
        minor=minor,
        build=build,
        platform=PLATFORM_LINUX,
        cpu=cpu,
    )
    block = Block(record.pack())
    block.link(SystemInfoRecord.offset_of("csd_rva"), pack_utf16(machine.build))
    return block


def _pack_misc(snapshot: ProcessSnapshot) -> Block:
    zone = snapshot.zone
    parts = (MiscInfo1, MiscInfo2, MiscInfo3, MiscInfo4)
    head = MiscInfo1(
        size=sum(part.SIZE for part in parts),
        flags=MISC_PROCESS_ID | MISC_PROCESS_TIMES | MISC_TIME_ZONE | MISC_BUILD_STRING,
        process_id=snapshot.process_id,
        process_create_time=snapshot.created,
        process_user_time=snapshot.user_time,
        process_kernel_time=snapshot.system_time,
    )
    times = MiscInfo3(
        time_zone_id=1 + zone.is_daylight,
        time_zone_bias=zone.bias,
        standard_name=_fit(zone.standard_name, 64),
        daylight_name=_fit(zone.daylight_name, 64),
        daylight_bias=-60 if zone.daylight_name != zone.standard_name else 0,
    )
    texts = MiscInfo4(
        build_string=_fit(snapshot.machine.full_version, 520),
        debug_build_string=_fit(snapshot.writer, 80),
    )
    return Block(head.pack() + MiscInfo2().pack() + times.pack() + texts.pack())


def _fit(text: str, size: int) -> bytes:
    """UTF-16 in a buffer of `size` bytes that ends with a zero."""
    return text.encode("utf-16-le", "surrogatepass")[: size - 2].ljust(size, b"\0")


def _pack_threads(
    threads: Sequence[ThreadSnapshot], contexts: dict[int, Block], stacks: dict[int, Block]
) -> Block:
    block = Block(Count(entry_count=len(threads)).pack())
    for thread in threads:
        record = ThreadRecord(
            id=thread.id,
            teb=thread.thread_pointer,
            stack_start=thread.stack.start if thread.stack else 0,
        )
        offset = block.add(record.pack())
        stack = offset + ThreadRecord.offset_of("stack_size")
        block.link(stack, stacks.get(thread.id), LocationRecord)
        context = offset + ThreadRecord.offset_of("context_size")
        block.link(context, contexts[thread.id], LocationRecord)
    return block


def _pack_names(threads: Sequence[ThreadSnapshot]) -> Block:
    block = Block(Count(entry_count=len(threads)).pack())
    for thread in threads:
        position = block.add(ThreadNameRecord(thread_id=thread.id).pack())
        offset = ThreadNameRecord.offset_of("name_rva")
        block.link(position + offset, pack_utf16(thread.name), Rva64)
    return block


def _pack_exception(exception: ExceptionSnapshot) -> Block:
    record = ExceptionStream(
        thread_id=exception.thread_id,
        code=exception.code,
        flags=exception.flags & 0xFFFFFFFF,
        address=exception.address,
        parameter_count=len(exception.parameters[:MAX_PARAMETERS]),
        parameters=b"".join(ExceptionParameter(value=one).pack() for one in exception.parameters),
    )
    block = Block(record.pack())
    offset = ExceptionStream.offset_of("context_size")
    block.link(offset, Block(exception.context.pack()), LocationRecord)
    return block


def _pack_modules(modules: Sequence[ModuleSnapshot]) -> Block:
    block = Block(Count(entry_count=len(modules)).pack())
    for module in modules:
        record = ModuleRecord(
            base=module.base,
            size=min(module.size, 0xFFFFFFFF),
            version_signature=VERSION_SIGNATURE,
            version_struct=VERSION_STRUCT,
            file_type=TYPE_APPLICATION if module.is_program else TYPE_LIBRARY,
        )
        offset = block.add(record.pack())
        block.link(offset + ModuleRecord.offset_of("name_rva"), pack_utf16(module.name), Rva)
        codeview = Block(CODEVIEW_ELF + module.build_id) if module.build_id else None
        block.link(offset + ModuleRecord.offset_of("codeview_size"), codeview, LocationRecord)
    return block


def _pack_memory(snapshot: ProcessSnapshot, stacks: dict[int, Block]) -> Block:
    """All memory, stacks too, each byte in one range: readers drop what overlaps."""
    pieces = [(one.start, one.end, Block(one.data)) for one in snapshot.memory]
    pieces += [
        (thread.stack.start, thread.stack.end, stacks[thread.id])
        for thread in snapshot.threads
        if thread.stack
    ]
    disjoint: list[tuple[int, int, Block]] = []
    for piece in sorted(pieces, key=lambda piece: (piece[0], -piece[1])):
        if not disjoint or piece[0] >= disjoint[-1][1]:  # threads may share a stack: after vfork
            disjoint.append(piece)
    block = Block(Count(entry_count=len(disjoint)).pack())
    for start, _, content in disjoint:
        offset = block.add(MemoryDescriptor(start=start).pack())
        block.link(offset + MemoryDescriptor.offset_of("size"), content, LocationRecord)
    return block
