"""The notes of a core file: the process, its threads with their registers, where the program is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crashtool.formats.core_file import writer
from crashtool.formats.core_file.notes import CORE, pack_note

if TYPE_CHECKING:
    from crashtool.formats.core_file.machines import CoreMachine
    from crashtool.formats.minidump.dump_source import Location
    from crashtool.formats.minidump.file import Minidump
    from crashtool.formats.minidump.threads import DumpThread
    from crashtool.model.crash import CrashReport
    from crashtool.services.analyze.core.images import Image

# Keys of the auxiliary vector (elf.h)
AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_ENTRY, AT_EXECFN = 3, 4, 5, 6, 7, 9, 31
AT_SYSINFO_EHDR = 33
MAX_SIGNAL = 64  # _NSIG; a dump that was asked for without one has other numbers there
LOADERS = ("ld-linux", "ld-musl", "ld.so", "ld-2.", "linker")


def pack_process(dump: Minidump, report: CrashReport, machine: CoreMachine) -> bytes:
    """A note for the process, and those of each thread, the one that crashed first."""
    crash, process = report.crash, report.process
    name = (process.name or (report.modules[0].name if report.modules else "")).encode()
    info = machine.process(
        state=b"\0R\0\0", id=_signed(process.id or 0), name=name[:15], arguments=name[:79]
    )
    about = pack_note(CORE, writer.PRPSINFO, info.pack()) + _pack_signal(dump, machine)
    crashed = crash.thread_id if crash else None
    notes = []
    for thread in sorted(dump.threads, key=lambda thread: thread.id != crashed):
        number, location = 0, thread.context
        if crash and thread.id == crashed:
            number = crash.code if crash.code <= MAX_SIGNAL else 0
            if dump.exception and dump.exception.context.rva:
                location = dump.exception.context
        notes.append(_pack_thread(dump, report, machine, thread, location, number))
    return b"".join([*notes[:1], about, *notes[1:]])


def _pack_signal(dump: Minidump, machine: CoreMachine) -> bytes:
    """The signal with the address of a fault; nothing where a process has sent it.

    Who sent it is not in a dump, and would be shown as process 0.
    """
    exception = dump.exception
    if exception is None or _signed(exception.flags) <= 0:
        return b""
    mask = (1 << 8 * machine.width) - 1
    info = machine.signal(
        signal=_signed(exception.code),
        code=_signed(exception.flags),
        address=exception.address & mask,
    )
    return pack_note(CORE, writer.SIGINFO, info.pack())


def _pack_thread(
    dump: Minidump,
    report: CrashReport,
    machine: CoreMachine,
    thread: DumpThread,
    location: Location,
    number: int,
) -> bytes:
    """A thread's registers and its signal's number; nothing where the dump lacks its registers."""
    record = _read_context(dump, report, machine, location)
    if record is None:
        return b""
    floating_point = machine.floating_point(record)
    status = machine.status(id=_signed(thread.id), signal=number, current_signal=number).pack()
    status += machine.registers(record, thread.teb)
    status += bool(floating_point).to_bytes(machine.width, "little")
    others = floating_point + machine.others(thread.teb)
    return pack_note(CORE, writer.PRSTATUS, status) + others


def _read_context(
    dump: Minidump, report: CrashReport, machine: CoreMachine, location: Location
) -> Any:
    """The whole context of a thread; None when it is not there, or of another architecture."""
    assert report.system is not None  # noqa: S101 (there is a machine)
    context = dump.context(location)
    if context is None or context.architecture != report.system.architecture:
        return None
    layout = next((layout for layout in machine.contexts if location.size >= layout.SIZE), None)
    return layout.read(dump.read_bytes(location)) if layout else None


def pack_auxiliary(
    machine: CoreMachine, images: Sequence[Image], name: int, system_image: int
) -> bytes:
    """The auxiliary vector, by which debuggers find the program's own headers."""
    pairs = [(AT_PAGESZ, writer.PAGE)]
    pairs += [(AT_SYSINFO_EHDR, system_image)] if system_image else []
    if images:
        program = images[0]
        loader = next((image for image in images if image.module.name.startswith(LOADERS)), None)
        pairs += [
            (AT_PHDR, program.headers),
            (AT_PHENT, machine.segment.SIZE),
            (AT_PHNUM, program.header_count),
            (AT_ENTRY, program.entry),
        ]
        pairs += [(AT_BASE, loader.module.base)] if loader else []
        pairs += [(AT_EXECFN, name)] if name else []
    return b"".join(machine.pair(key=key, value=value).pack() for key, value in [*pairs, (0, 0)])


def _signed(value: int) -> int:
    """A number of 32 bits, as the wire has it."""
    return value - (1 << 32) if value >= 1 << 31 else value
