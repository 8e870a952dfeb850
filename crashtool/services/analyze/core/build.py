"""A core file from a minidump: its threads, its memory, and the files that its modules are.

No value is written that the dump does not hold. What a debugger reads from files are segments that
the process could not write; the rest has no address in the core file at all.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crashtool.errors import InputUnusable, UsageError, cannot_write
from crashtool.formats.core_file import writer
from crashtool.formats.core_file.linux_gate import WaitingPlace, build_linux_gate
from crashtool.formats.core_file.writer import CoreMachine, CoreSegment, pack_note
from crashtool.formats.minidump.context import X86Context, X8664Context
from crashtool.formats.minidump.dump_source import Location
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.core.images import Image, open_image
from crashtool.services.analyze.core.link_map import build_link_map
from crashtool.services.files.whole_file import FOR_THE_OWNER, open_whole

if TYPE_CHECKING:
    from crashtool.formats.minidump.context import Context
    from crashtool.formats.minidump.threads import DumpThread
    from crashtool.model.crash import CrashReport
    from crashtool.model.module import Module
    from crashtool.services.analyze.stacks import SymbolProvider

# Keys of the auxiliary vector (elf.h)
AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_ENTRY, AT_EXECFN = 3, 4, 5, 6, 7, 9, 31
AT_SYSINFO_EHDR = 33
LINUX = ("linux", "android")
CONTEXTS = {"x86_64": X8664Context, "x86": X86Context}
LOADERS = ("ld-linux", "ld-musl", "ld.so", "ld-2.")


class CoreFile(NamedTuple):
    """What was written: to `path`, of `program`, "" when it is not on this disk.

    `without`: names of modules whose files are not there, so that a debugger knows nothing of them.
    """

    path: str
    program: str
    without: tuple[str, ...]


def write_core_file(
    dump: Minidump,
    report: "CrashReport",
    symbols: "SymbolProvider | None",
    path: str,
) -> CoreFile:
    """Write a dump as a core file. `symbols` is where the modules' own files come from.

    UsageError for a dump that no core file can hold, CannotWrite when the place cannot be written.
    """
    machine = find_machine(dump, report)
    images, without = _open_images(report, symbols)
    files = [file for image in images for file in image.files]
    link_map = build_link_map(machine, images)
    memory = list(_walk_memory(dump))
    own = [*link_map.segments, *(CoreSegment.of(image.module.base, image.first_page)
                                 for image in images if image.first_page)]  # fmt: skip
    gate = _find_linux_gate(dump, report)
    own += [CoreSegment.of(gate.base, build_linux_gate(_walk_waiting(dump, gate)))] if gate else []
    segments = [*memory, *_walk_free(own, memory)]
    notes = _pack_notes(dump, report, machine)
    auxiliary = _pack_auxiliary(machine, images, link_map.program_name, gate)
    notes += pack_note(writer.CORE, writer.AUXV, auxiliary)
    notes += pack_note(writer.CORE, writer.FILE, writer.pack_files(machine, files))
    try:
        with open_whole(Path(path), FOR_THE_OWNER) as file:
            writer.write_core(file, machine, notes, segments)
    except OSError as error:
        raise cannot_write(path, error) from None
    return CoreFile(path, images[0].path if images else "", without)


def find_machine(dump: Minidump, report: "CrashReport") -> CoreMachine:
    """The structs of the dump's architecture. UsageError when there are none."""
    system = report.system
    machine = writer.MACHINES.get(system.architecture) if system else None
    if system is None or machine is None or system.platform not in LINUX:
        kind = f"{system.platform} on {system.architecture}" if system else "an unknown system"
        raise UsageError(
            f"a core file is for Linux on x86-64 or x86: this dump is of {kind}",
            hint="lldb and WinDbg open minidumps of Windows and macOS themselves",
        )
    if not dump.threads:
        raise InputUnusable(f"{report.path} holds no thread: there is nothing to debug")
    return machine


def _open_images(
    report: "CrashReport", symbols: "SymbolProvider | None"
) -> tuple[list[Image], tuple[str, ...]]:
    """The modules' files, the program's first, and the names of those that are not there."""
    images, without = [], []
    architecture = report.system.architecture if report.system else ""
    for module in report.modules:
        path = symbols.tables(module, architecture).find_program() if symbols else ""
        image = open_image(module, os.path.realpath(path)) if path else None
        if image:
            images.append(image)
        elif not module.name.startswith(("linux-vdso", "linux-gate")):
            without.append(module.name)
    is_program_known = bool(images) and images[0].module == report.modules[0]
    return (images if is_program_known else []), tuple(without)


def _walk_memory(dump: Minidump) -> Iterator[CoreSegment]:
    """The memory that the dump holds, by address, each byte once."""
    end = 0
    for row in sorted(dump.memory.walk_stored(), key=lambda row: (row.start, -row.size)):
        skipped = max(0, end - row.start)
        if skipped < row.size:
            start, size = row.start + skipped, row.size - skipped
            yield CoreSegment(start, size, _reader(dump, start))
            end = start + size


def _reader(dump: Minidump, start: int) -> Callable[[int, int], bytes]:
    return lambda offset, size: dump.memory.read(start + offset, size) or b""


def _walk_free(
    segments: Iterable[CoreSegment], taken: Sequence[CoreSegment]
) -> Iterator[CoreSegment]:
    """The parts of segments where the dump itself holds nothing: its memory comes first."""
    for segment in segments:
        free = [(segment.address, segment.address + segment.size)]
        for other in taken:
            free = [
                part
                for low, high in free
                for part in ((low, min(high, other.address)),
                             (max(low, other.address + other.size), high))
                if part[0] < part[1]
            ]  # fmt: skip
        for low, high in free:
            content = segment.read(low - segment.address, high - low)
            yield CoreSegment.of(low, content, segment.flags)


def _pack_notes(dump: Minidump, report: "CrashReport", machine: CoreMachine) -> bytes:
    """A note for the process, and those of each thread, the one that crashed first."""
    crash, process = report.crash, report.process
    name = (process.name or (report.modules[0].name if report.modules else "")).encode()
    crashed = crash.thread_id if crash else None
    threads = sorted(dump.threads, key=lambda thread: thread.id != crashed)
    notes = []
    for index, thread in enumerate(threads):
        place = thread.context
        if crash and thread.id == crashed and dump.exception and dump.exception.context.rva:
            place = dump.exception.context
        notes.append(_pack_thread(dump, report, machine, thread, place))
        if index == 0:
            info = machine.process(
                state=b"\0R\0\0", id=process.id or 0, name=name[:15], arguments=name[:79]
            )
            signal = _pack_signal(dump, machine)
            notes.insert(1, pack_note(writer.CORE, writer.PRPSINFO, info.pack()) + signal)
    return b"".join(notes)


def _pack_signal(dump: Minidump, machine: CoreMachine) -> bytes:
    """The signal with the address of a fault; nothing where a process has sent it.

    Who sent it is not in a dump, and would be shown as process 0.
    """
    exception = dump.exception
    if exception is None or _signed(exception.flags) <= 0:
        return b""
    mask = (1 << 8 * machine.width) - 1
    info = machine.signal(
        signal=_signed(exception.code), code=_signed(exception.flags),
        address=exception.address & mask,
    )  # fmt: skip
    return pack_note(writer.CORE, writer.SIGINFO, info.pack())


def _pack_thread(
    dump: Minidump,
    report: "CrashReport",
    machine: CoreMachine,
    thread: "DumpThread",
    place: Location,
) -> bytes:
    record = _read_context(dump, report, place)
    if record is None:
        return b""
    crash = report.crash
    number = crash.code if crash and crash.thread_id == thread.id else 0
    shared = (name for name in machine.registers.FIELDS if hasattr(record, name))
    values = {name: getattr(record, name) for name in shared}
    if machine.width == 8:  # noqa: PLR2004 (bytes: of x86-64)
        values |= {"orig_rax": (1 << 64) - 1, "fs_base": thread.teb}
        area = record.float_save
        extra = pack_note(writer.CORE, writer.FPREGSET, area)
    else:
        values |= {"orig_eax": (1 << 32) - 1}
        area = record.extended_registers
        extra = pack_note(writer.LINUX, writer.PRXFPREG, area)
    state = pack_note(writer.LINUX, writer.X86_XSTATE, writer.pack_xstate(area))
    status = machine.status(
        id=thread.id, signal=number, current_signal=number, has_floating_point=1,
        registers=machine.registers(**values).pack(),
    )  # fmt: skip
    return pack_note(writer.CORE, writer.PRSTATUS, status.pack()) + extra + state


def _read_context(dump: Minidump, report: "CrashReport", place: Location) -> Any:
    """The whole context of a thread; None when it is not there, or of another architecture."""
    assert report.system is not None  # noqa: S101 (there is a machine)
    layout = CONTEXTS[report.system.architecture]
    if place.size < layout.SIZE or dump.context(place) is None:
        return None
    return layout.read(dump.read_bytes(place))


def _find_linux_gate(dump: Minidump, report: "CrashReport") -> "Module | None":
    """The kernel's image in a 32-bit process, if a thread waits there."""
    gate = next((row for row in report.modules if row.name.startswith("linux-gate")), None)
    return gate if gate and any(_walk_waiting(dump, gate)) else None


def _walk_waiting(dump: Minidump, gate: "Module") -> tuple[WaitingPlace, ...]:
    """Where threads wait in it, each place once, as far as it is seen what lies on their stacks."""
    found = set()
    places = [thread.context for thread in dump.threads]
    for place in [*places, *([dump.exception.context] if dump.exception else [])]:
        context = dump.context(place)
        if context is None or not gate.base <= context.instruction_pointer < gate.end:
            continue
        offset = context.instruction_pointer - gate.base
        words = _count_saved(dump, context)
        if words is not None:
            found.add(WaitingPlace(offset, words))
    return tuple(sorted(found))


def _count_saved(dump: Minidump, context: "Context") -> int | None:
    """3 where the kernel's entry has saved ebp, edx and ecx before the return address, 0 where that
    comes first; None when neither is seen.
    """
    content = dump.memory.read(context.stack_pointer, 16)
    if content is None:
        return None
    words = [int.from_bytes(content[at : at + 4], "little") for at in range(0, 16, 4)]
    is_saved = words[1:3] == [context.registers["edx"], context.registers["ecx"]]
    for count in (3, 0) if is_saved else (0,):
        if any(row.base <= words[count] < row.base + row.size for row in dump.modules):
            return count
    return None


def _pack_auxiliary(
    machine: CoreMachine, images: Sequence[Image], name: int, gate: "Module | None"
) -> bytes:
    """The auxiliary vector, by which debuggers find the program's own headers."""
    pairs = [(AT_PAGESZ, writer.PAGE)]
    pairs += [(AT_SYSINFO_EHDR, gate.base)] if gate else []
    if images:
        program = images[0]
        loader = next((image for image in images if image.module.name.startswith(LOADERS)), None)
        pairs += [
            (AT_PHDR, program.headers), (AT_PHENT, machine.segment.SIZE),
            (AT_PHNUM, program.header_count), (AT_ENTRY, program.entry),
        ]  # fmt: skip
        pairs += [(AT_BASE, loader.module.base)] if loader else []
        pairs += [(AT_EXECFN, name)] if name else []
    return b"".join(machine.pair(key=key, value=value).pack() for key, value in [*pairs, (0, 0)])


def _signed(value: int) -> int:
    """A number of 32 bits, as the wire has it."""
    return value - (1 << 32) if value >= 1 << 31 else value
