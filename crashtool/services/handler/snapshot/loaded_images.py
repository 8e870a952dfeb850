"""The ELF images that a stopped process has in memory, found in its memory map.

Not in the dynamic linker's list, which static programs lack: so Go's and musl's have modules too.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence

from crashtool.errors import CrashtoolError
from crashtool.formats.minidump.snapshot import ModuleSnapshot
from crashtool.formats.object_file.elf import identify_elf
from crashtool.formats.object_file.elf_image import ElfImage, Read, find_image
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import MemoryMapping

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

MAX_MODULES = 4096
VDSO = "[vdso]"
_DELETED = " (deleted)"


def list_modules(
    pid: int, mappings: Sequence[MemoryMapping], read: Read, entry: int | None
) -> list[ModuleSnapshot]:
    """The images whose code is mapped: the program first, which holds `entry`, then by address.

    A library is named as it names itself (DT_SONAME), in the folder of its file: as Crashpad and
    Breakpad do, so that reports of all three are of the same modules.
    """
    modules: list[ModuleSnapshot] = []
    ends: dict[str, int] = {}  # of the last image of each file
    for mapping in mappings:
        has_file = mapping.inode and mapping.name.startswith("/")
        if mapping.offset or "r" not in mapping.permissions:
            continue
        if not has_file and mapping.name != VDSO:
            continue
        if mapping.start < ends.get(mapping.name, 0):
            continue  # its head once more: small segments of lld share the file's first page
        image = find_image(read, mapping.start)
        if image is None or not _has_code(image, mapping, mappings):
            continue
        ends[mapping.name] = image.base + image.size
        is_program = entry is not None and image.base <= entry < image.base + image.size
        modules.append(_describe(pid, mapping, image, is_program=is_program))
        if len(modules) == MAX_MODULES:
            break
    return sorted(modules, key=lambda module: (not module.is_program, module.base))


def _has_code(image: ElfImage, first: MemoryMapping, mappings: Sequence[MemoryMapping]) -> bool:
    """Whether its code is there; a file that is only read as data is no module."""
    return any(
        "x" in one.permissions
        and one.name == first.name
        and image.base <= one.start < image.base + image.size
        for one in mappings
    )


def _describe(
    pid: int, mapping: MemoryMapping, image: ElfImage, *, is_program: bool
) -> ModuleSnapshot:
    path = mapping.name.removesuffix(_DELETED)
    build_id = image.build_id
    if not build_id and mapping.name != VDSO:
        build_id = _identify_file(pid, mapping, is_program=is_program)
    folder = path.rpartition("/")[0] + "/" if "/" in path else ""
    name = folder + image.name if image.name and not is_program else path
    return ModuleSnapshot(name, image.base, image.size, build_id, is_program)


def _identify_file(pid: int, mapping: MemoryMapping, *, is_program: bool) -> bytes:
    """The identifier of the very file that is mapped; b"" when it is out of reach.

    Without a build id that is the hash that Breakpad's tools make of the code, by which symbols of
    such files are found.
    """
    path = f"/proc/{pid}/exe" if is_program else f"/proc/{pid}/root{mapping.name}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        if os.fstat(descriptor).st_ino != mapping.inode:  # replaced since
            return b""
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
            identity = identify_elf(data)
    except (OSError, ValueError, CrashtoolError):
        return b""
    finally:
        os.close(descriptor)
    return identity.raw if identity else b""
