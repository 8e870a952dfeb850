"""A core file from a minidump: its threads, its memory, and the files that its modules are.

No value is written that the dump does not hold. What a debugger reads from files are segments that
the process could not write; the rest has no address in the core file at all.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, UsageError, cannot_write
from crashtool.formats.core_file import writer
from crashtool.formats.core_file.machines import MACHINES, CoreMachine
from crashtool.formats.core_file.notes import CORE, pack_note
from crashtool.formats.core_file.system_image import build_system_image
from crashtool.formats.core_file.writer import PAGE, CoreSegment, MappedFile
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.core.images import Image, open_image
from crashtool.services.analyze.core.link_map import PLACES, build_link_map
from crashtool.services.analyze.core.process_notes import pack_auxiliary, pack_process
from crashtool.services.analyze.core.system import describe_system_image
from crashtool.services.files.whole_file import FOR_THE_OWNER, open_whole

if TYPE_CHECKING:
    from crashtool.model.crash import CrashReport
    from crashtool.services.analyze.stacks import SymbolProvider

LINUX = ("linux", "android")
NO_FILE = "/dev/null"


class CoreFile(NamedTuple):
    """What was written: to `path`, of `program`, "" when it is not on this disk.

    `without`: names of modules whose files are not there, so that a debugger knows nothing of them.
    """

    path: str
    program: str
    without: tuple[str, ...]


def write_core_file(
    dump: Minidump,
    report: CrashReport,
    symbols: SymbolProvider | None,
    path: str,
    *,
    with_code: bool = False,
) -> CoreFile:
    """Write a dump as a core file. `symbols` is where the modules' own files come from; `with_code`
    copies into it what of them no process can have written.

    UsageError for a dump that no core file can hold, CannotWrite when the place cannot be written.
    """
    machine = find_machine(dump, report)
    images, without = _open_images(machine, report, symbols)
    if os.path.realpath(path) in {image.path for image in images}:
        raise UsageError(f"--core {path} would overwrite a program's file", hint="name another")
    memory = list(_walk_memory(dump, 1 << 8 * machine.width))
    link_map = build_link_map(machine, images, _find_debug(dump, machine, images))
    own = [
        *link_map.segments,
        *(CoreSegment.of(image.module.base, image.head) for image in images if image.head),
    ]
    image = describe_system_image(dump, report, machine, images, link_map.system_image)
    place = image.base if image else 0
    own += [CoreSegment.of(place, build_system_image(machine, image))] if image else []
    own += [code for image in images for code in _walk_code(image)] if with_code else []
    segments = _lay_below(memory, own)
    notes = pack_process(dump, report, machine)
    auxiliary = pack_auxiliary(machine, images, link_map.program_name, place)
    notes += pack_note(CORE, writer.AUXV, auxiliary)
    notes += pack_note(CORE, writer.FILE, writer.pack_files(machine, _list_files(machine, images)))
    try:
        with open_whole(Path(path), FOR_THE_OWNER) as file:
            writer.write_core(file, machine, notes, segments)
    except OSError as error:
        raise cannot_write(path, error) from None
    return CoreFile(path, images[0].path if images else "", without)


def find_machine(dump: Minidump, report: CrashReport) -> CoreMachine:
    """The structs of the dump's architecture. UsageError when there are none."""
    system = report.system
    machine = MACHINES.get(system.architecture) if system else None
    if system is None or machine is None or system.platform not in LINUX:
        kind = f"{system.platform} on {system.architecture}" if system else "an unknown system"
        raise UsageError(
            f"a core file is for Linux on x86-64, x86 or ARM64: this dump is of {kind}",
            hint="lldb and WinDbg open minidumps of Windows and macOS themselves",
        )
    if not dump.threads:
        raise InputUnusable(f"{report.path} holds no thread: there is nothing to debug")
    return machine


def _open_images(
    machine: CoreMachine, report: CrashReport, symbols: SymbolProvider | None
) -> tuple[list[Image], tuple[str, ...]]:
    """The modules' files, the program's first, and the names of those that are not there."""
    images, without = [], []
    architecture = report.system.architecture if report.system else ""
    for module in report.modules:
        path = symbols.tables(module, architecture).find_program() if symbols else ""
        image = open_image(machine, module, os.path.realpath(path)) if path else None
        if image:
            images.append(image)
        elif not module.name.startswith(("linux-vdso", "linux-gate")):
            without.append(module.name)
    is_program_known = bool(images) and images[0].module == report.modules[0]
    return (images if is_program_known else []), tuple(without)


def _list_files(machine: CoreMachine, images: Sequence[Image]) -> list[MappedFile]:
    """What is mapped of files. There is always one row, if only of nothing.

    Without any gdb takes what a core file lacks from the program that it is given: variables would
    have the values that they begin with.
    """
    start = PLACES[machine.width]
    files = [file for image in images for file in image.files]
    return [*files, MappedFile(start, start + PAGE, 0, NO_FILE)]


def _find_debug(dump: Minidump, machine: CoreMachine, images: Sequence[Image]) -> int:
    """Where the process had its r_debug; 0 when the dump does not hold that."""
    if not images or not images[0].debug:
        return 0
    content = dump.memory.read(images[0].debug, machine.pair.SIZE)
    return machine.pair.read(content).value if content else 0


def _walk_code(image: Image) -> Iterator[CoreSegment]:
    """Code and constants of a module, out of its file."""
    for part in image.files:
        reader = _FileReader(part.path, part.offset)
        yield CoreSegment(part.start, part.end - part.start, reader.read, part.flags)


class _FileReader:
    """Reads a part of a file that begins at `start`."""

    def __init__(self, path: str, start: int) -> None:
        self._path = Path(path)
        self._start = start

    def read(self, offset: int, size: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._start + offset)
            return file.read(size)


def _walk_memory(dump: Minidump, limit: int) -> Iterator[CoreSegment]:
    """The memory that the dump holds below `limit`, by address, each byte once."""
    reader = _MemoryReader(dump)
    for start, size, _ in dump.memory.walk_addresses():
        if start + size <= limit:  # a damaged dump may say more of a 32-bit process
            yield CoreSegment(start, size, partial(reader.read, start))


class _MemoryReader:
    """Reads a dump's memory; of the file's pages no more are kept than those of one block."""

    def __init__(self, dump: Minidump) -> None:
        self._dump = dump
        self._kept = 0

    def read(self, start: int, offset: int, size: int) -> bytes:
        content = self._dump.memory.read(start + offset, size) or b""
        self._kept += size
        if self._kept >= writer.BLOCK:
            self._dump.release_pages()
            self._kept = 0
        return content


def _lay_below(first: Sequence[CoreSegment], others: Iterable[CoreSegment]) -> list[CoreSegment]:
    """Segments by address; of the others what no one before them has: the dump's own come first."""
    laid, starts = list(first), [segment.address for segment in first]
    for segment in others:
        for part in list(_walk_free(segment, laid, starts)):
            place = bisect_right(starts, part.address)
            laid.insert(place, part)
            starts.insert(place, part.address)
    return laid


def _walk_free(
    segment: CoreSegment, taken: Sequence[CoreSegment], starts: Sequence[int]
) -> Iterator[CoreSegment]:
    """The parts of a segment that are not taken, of segments by address."""
    low, end = segment.address, segment.address + segment.size
    nearest = max(0, bisect_right(starts, low) - 1)
    for other in (*taken[nearest : bisect_right(starts, end)], CoreSegment.of(end, b"")):
        high = min(end, other.address)
        if low < high:
            yield segment.part(low, high)
        low = max(low, other.address + other.size)
