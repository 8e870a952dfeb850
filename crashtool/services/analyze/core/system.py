"""What the image in the place of the kernel's own holds, of one dump."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.formats.core_file.linux_gate import pack_frames
from crashtool.formats.core_file.system_image import Cover, CoverSymbol, SystemImage
from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import walk_variables
from crashtool.services.analyze.core.link_map import BIAS
from crashtool.services.analyze.core.waiting import find_linux_gate, find_waiting
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.core_file.machines import CoreMachine
    from crashtool.formats.minidump.file import Minidump
    from crashtool.model.crash import CrashReport
    from crashtool.services.analyze.core.images import Image

MAX_SEARCHED = 16 << 20  # bytes of a dump's memory in which words are looked at
BLOCK = 1 << 16
MAX_SYMBOLS = 4096


def describe_system_image(
    dump: Minidump,
    report: CrashReport,
    machine: CoreMachine,
    images: Sequence[Image],
    place: int,
) -> SystemImage | None:
    """The image at `place`: covers of what the process could write, rules for linux-gate; None
    where there is nothing of both.
    """
    covers = tuple(cover for image in images for cover in image.covers)
    symbols = _list_symbols(dump, machine, images) if covers else ()
    is_listed = bool(images and images[0].debug)
    image = SystemImage(place, BIAS, covers, symbols, is_listed=is_listed)
    gate = find_linux_gate(dump, report)
    if gate is None:
        return image if images else None
    frames = pack_frames(find_waiting(dump, gate), gate.base - BIAS)
    return image._replace(frames=frames, code=gate.base, code_size=gate.end - gate.base)


def _list_symbols(
    dump: Minidump, machine: CoreMachine, images: Sequence[Image]
) -> tuple[CoverSymbol, ...]:
    """The variables of covered memory that the dump holds the first byte of, or points into: tables
    of virtual functions among them, by which lldb knows what an object really is.
    """
    ranges = [(start, start + size) for start, size, _ in dump.memory.walk_addresses()]
    pointed = _find_pointed(dump, machine, images, ranges)
    symbols: list[CoverSymbol] = []
    for image in images:
        held = list(_walk_held(image, ranges))
        if held or any(_has_between(pointed, cover) for cover in image.covers):
            symbols += _walk_wanted(image, pointed, held)
    return tuple(symbols[:MAX_SYMBOLS])


def _has_between(words: Sequence[int], cover: Cover) -> bool:
    """Whether one of the words, which are sorted, leads into a cover."""
    nearest = bisect_left(words, cover.address)
    return nearest < len(words) and words[nearest] < cover.address + cover.size


def _find_pointed(
    dump: Minidump,
    machine: CoreMachine,
    images: Sequence[Image],
    ranges: Sequence[tuple[int, int]],
) -> list[int]:
    """The words of the dump's memory and registers that lead into covered memory, by value."""
    covers = sorted(cover for image in images for cover in image.covers)
    starts = [cover.address for cover in covers]
    lowest, highest = starts[0], max(cover.address + cover.size for cover in covers)
    words = {word for word in _walk_registers(dump) if lowest <= word < highest}
    for start, size in _walk_blocks(ranges, machine.width):
        content = array("Q" if machine.width == 8 else "I")  # noqa: PLR2004 (bytes)
        content.frombytes(dump.memory.read(start, size) or b"")
        words.update(word for word in content if lowest <= word < highest)
    return sorted(
        word
        for word in words
        if (cover := covers[bisect_left(starts, word + 1) - 1]).address + cover.size > word
    )


def _walk_blocks(ranges: Sequence[tuple[int, int]], width: int) -> Iterator[tuple[int, int]]:
    """(start, size) of the words in memory, a block at a time, up to MAX_SEARCHED bytes of them."""
    left = MAX_SEARCHED
    for low, high in ranges:
        start = -(-low // width) * width
        end = start + min(high - start, left) // width * width
        left -= max(0, end - start)
        for address in range(start, end, BLOCK):
            yield address, min(BLOCK, end - address)


def _walk_registers(dump: Minidump) -> Iterator[int]:
    """The registers of each thread, and those that it crashed with."""
    locations = [thread.context for thread in dump.threads]
    for location in [*locations, *([dump.exception.context] if dump.exception else [])]:
        context = dump.context(location)
        if context is not None:
            yield from context.registers.values()


def _walk_held(image: Image, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What the dump holds of a module's covered memory: (start, end)."""
    for cover in image.covers:
        end = cover.address + cover.size
        first = max(0, bisect_left(ranges, (cover.address, 0)) - 1)
        for start, stop in ranges[first : bisect_left(ranges, (end, 0))]:
            low, high = max(start, cover.address), min(stop, end)
            if low < high:
                yield low, high


def _walk_wanted(
    image: Image, pointed: Sequence[int], held: Sequence[tuple[int, int]]
) -> Iterator[CoverSymbol]:
    """The variables of a module that are held or pointed to."""
    base = image.module.base

    def is_wanted(start: int, size: int) -> bool:
        address = base + start
        is_held = any(low <= address < high for low, high in held)
        return is_held or _has_between(pointed, Cover(address, size))

    data = map_file(image.path)
    for table in find_symbol_tables(data)[:1]:
        for variable in walk_variables(data, table, is_wanted):
            name = variable.name.encode("utf-8", "surrogateescape")
            yield CoverSymbol(base + variable.start, variable.size, name)
