"""The dynamic linker's list of what is loaded, written anew: debuggers find libraries by it.

    AT_PHDR -> PT_DYNAMIC -> DT_DEBUG -> r_debug -> link_map -> link_map -> ...

A Crashpad dump holds nothing of it. It stands at addresses where no process has memory; of the
program's dynamic section, DT_DEBUG alone is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashtool.formats.core_file.writer import CoreSegment
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.core.images import DT_DEBUG, Image

if TYPE_CHECKING:
    from crashtool.formats.core_file.machines import CoreMachine

PLACES = {8: 0x1_0000_0000, 4: 0x10_0000}
SYSTEM_IMAGE = "[vdso]"  # as lldb calls what AT_SYSINFO_EHDR leads to, so that it knows it again
BIAS = 0x10000  # of that image
ALIGNMENT = 64


class LinkMap(NamedTuple):
    """The segments that hold it; `program_name` is where the program's path stands, 0 without a
    list, and `system_image` where the image of system_image.py begins, the last of the list.
    """

    segments: tuple[CoreSegment, ...]
    program_name: int
    system_image: int


def build_link_map(machine: CoreMachine, images: Sequence[Image], map_address: int) -> LinkMap:
    """The list of the images, of which the first is the program, at a fixed address.

    `map_address` is where the dump says that r_debug is, 0 when it does not: it stands there, then.
    """
    start = PLACES[machine.width]
    if not images or not images[0].debug:
        return LinkMap((), 0, start)
    names, places = _pack_names([*(image.path for image in images), SYSTEM_IMAGE])
    maps = start + machine.debug.SIZE
    names_at = maps + machine.link_map.SIZE * (len(images) + 1)
    system_image = -(-(names_at + len(names)) // ALIGNMENT) * ALIGNMENT
    debug = machine.debug(version=1, map=maps).pack()
    rows = b""
    objects = [*((image.bias, image.dynamic) for image in images), (BIAS, system_image)]
    for index, (bias, dynamic) in enumerate(objects):
        address = maps + machine.link_map.SIZE * index
        rows += machine.link_map(
            bias=bias,
            name=names_at + (places[index] if index else 0),  # the program has none: it is empty
            dynamic=dynamic,
            following=address + machine.link_map.SIZE if index + 1 < len(objects) else 0,
            previous=address - machine.link_map.SIZE if index else 0,
        ).pack()
    pair = machine.pair(key=DT_DEBUG, value=start).pack()
    segments = [CoreSegment.of(start, debug + rows + names), CoreSegment.of(images[0].debug, pair)]
    if map_address:
        segments.append(CoreSegment.of(map_address, debug))
    return LinkMap(tuple(segments), names_at + places[0], system_image)


def _pack_names(paths: Sequence[str]) -> tuple[bytes, list[int]]:
    """The paths one after the other, the first of them empty, and where each begins."""
    names, places = b"\0", []
    for path in paths:
        places.append(len(names))
        names += path.encode("utf-8", "surrogateescape") + b"\0"
    return names, places
