"""What a walk asks of a dump besides its stacks: the machine, wide registers, what is code."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.variables.frame_view import ThreadStorage
from crashtool.services.unwind.ends import LINUX
from crashtool.services.unwind.intel import AMD64, AMD64_WINDOWS, X86

if TYPE_CHECKING:
    from crashtool.formats.minidump.file import Minidump
    from crashtool.model.crash import CrashReport
    from crashtool.services.unwind.machine import Machine

APPLE = ("macos", "ios")
KEPT_HALVES = tuple(f"v{number}" for number in range(8, 16))  # by calls on ARM64 (AAPCS64, 6.1.2)
HALF = 8  # bytes
PAGE_EXECUTE_ANY = 0xF0  # PAGE_EXECUTE, …_READ, …_READWRITE, …_WRITECOPY (winnt.h)


def find_machine(architecture: str, platform: str) -> Machine | None:
    """The machine of a context; None for one that stacks cannot be walked on."""
    if architecture == "x86_64":
        return AMD64_WINDOWS if platform == "windows" else AMD64
    if architecture == "x86":
        return X86
    if architecture not in ("arm64", "arm"):
        return None
    from crashtool.services.unwind.arm import ARM, ARM64, ARM_APPLE  # seldom needed

    if architecture == "arm64":
        return ARM64
    return ARM_APPLE if platform in APPLE else ARM


def find_vectors(dump: Minidump, thread_id: int, *, is_crashed: bool) -> dict[str, bytes]:
    """The registers of 128 bits of a thread; of the crashed one, as the exception has them."""
    if is_crashed and dump.exception and dump.exception.context.size:
        return dump.read_vectors(dump.exception.context)
    thread = next((thread for thread in dump.threads if thread.id == thread_id), None)
    return dump.read_vectors(thread.context) if thread else {}


def find_kept_halves(dump: Minidump, thread_id: int, *, is_crashed: bool) -> dict[str, int]:
    """The lower halves of a thread's vector registers that calls give back, as numbers: what rules
    of callers count from. None but on ARM64.
    """
    vectors = find_vectors(dump, thread_id, is_crashed=is_crashed)
    return {
        name: int.from_bytes(vectors[name][:HALF], "little")
        for name in KEPT_HALVES
        if name in vectors
    }


def find_thread_storage(
    dump: Minidump, report: CrashReport, thread_id: int
) -> ThreadStorage | None:
    """Where a thread of Linux or Android has what is its own: Crashpad notes the thread pointer for
    the Teb that Windows has; others leave it zero. The program is the first of the modules.
    """
    if report.system is None or report.system.platform not in LINUX or not report.modules:
        return None
    pointer = _find_block(dump, thread_id)
    return ThreadStorage(pointer, report.modules[0].base) if pointer else None


def find_environment_block(dump: Minidump, report: CrashReport, thread_id: int) -> int:
    """Where a thread of Windows has its environment block (Teb); 0 where that is not known."""
    if report.system is None or report.system.platform != "windows":
        return 0
    return _find_block(dump, thread_id)


def _find_block(dump: Minidump, thread_id: int) -> int:
    return next((thread.teb for thread in dump.threads if thread.id == thread_id), 0)


def find_executable_map(dump: Minidump) -> Callable[[int], bool | None]:
    """What the dump's map of the address space says of an address; None: nothing."""
    regions: list[tuple[int, int, bool]] = [
        (memory.base, memory.base + memory.size, bool(memory.protection & PAGE_EXECUTE_ANY))
        for memory in dump.memory_info
    ]
    regions += [
        (maps_entry.start, maps_entry.end, "x" in maps_entry.permissions)
        for maps_entry in dump.linux.maps or ()
    ]
    if not regions:
        return lambda _: None
    regions.sort()
    starts = [start for start, _, _ in regions]

    def is_executable(address: int) -> bool | None:
        place = bisect_right(starts, address) - 1
        if place < 0 or address >= regions[place][1]:
            return None
        return regions[place][2]

    return is_executable
