"""The dynamic linker's list of what is loaded, written anew: debuggers find libraries by it.

    AT_PHDR -> PT_DYNAMIC -> DT_DEBUG -> r_debug -> link_map -> link_map -> ...

A Crashpad dump holds nothing of it. It stands at addresses where no process has memory, but for the
program's dynamic section, where DT_DEBUG is set.
"""

from collections.abc import Sequence

from crashtool.formats.core_file.writer import CoreMachine, CoreSegment
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.core.images import Image

DT_DEBUG = 21
PLACES = {8: 0x1_0000_0000, 4: 0x10_0000}


class LinkMap(NamedTuple):
    """The segments that hold it; `names` is where the program's path stands, 0 without a list."""

    segments: tuple[CoreSegment, ...]
    program_name: int


def build_link_map(machine: CoreMachine, images: Sequence[Image]) -> LinkMap:
    """The list of the images, of which the first is the program, at a fixed address."""
    start = PLACES[machine.width]
    if not images or not images[0].dynamic[1]:
        return LinkMap((), 0)
    names, places = _pack_names(images)
    maps = start + machine.debug.SIZE
    names_at = maps + machine.link_map.SIZE * len(images)
    debug = machine.debug(version=1, map=maps).pack()
    rows = b""
    for index, image in enumerate(images):
        address = maps + machine.link_map.SIZE * index
        rows += machine.link_map(
            bias=image.bias,
            name=names_at + (places[index] if index else 0),  # the program has none: it is empty
            dynamic=image.dynamic[0],
            following=address + machine.link_map.SIZE if index + 1 < len(images) else 0,
            previous=address - machine.link_map.SIZE if index else 0,
        ).pack()
    address, content = images[0].dynamic
    patched = _set_debug(machine, content, start)
    return LinkMap(
        (CoreSegment.of(start, debug + rows + names), CoreSegment.of(address, patched)),
        names_at + places[0],
    )


def _pack_names(images: Sequence[Image]) -> tuple[bytes, list[int]]:
    """The paths one after the other, the first of them empty, and where each begins."""
    names, places = b"\0", []
    for image in images:
        places.append(len(names))
        names += image.path.encode("utf-8", "surrogateescape") + b"\0"
    return names, places


def _set_debug(machine: CoreMachine, dynamic: bytes, address: int) -> bytes:
    """A dynamic section whose DT_DEBUG is `address`."""
    pairs = []
    for offset in range(0, len(dynamic) - machine.pair.SIZE + 1, machine.pair.SIZE):
        pair = machine.pair.read(dynamic, offset)
        is_debug = pair.key == DT_DEBUG
        pairs.append(machine.pair(key=pair.key, value=address if is_debug else pair.value).pack())
    return b"".join(pairs)
