"""Where a thread has the variables of a program's PT_TLS segment.

Those of the program itself are at a distance from the thread pointer that the linker has chosen:
below it on x86, behind the thread's control block on ARM64 (Drepper, "ELF Handling For Thread-Local
Storage", variants I and II; AAELF64). Those of libraries are where the C library has put them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.dwarf.expressions import lose

if TYPE_CHECKING:
    from crashtool.formats.object_file.elf import ThreadImage
    from crashtool.formats.variables.frame_view import FrameView

WIDTHS = {"x86_64": 8, "x86": 4}  # whose control block begins with its own address
ARM64, ARM64_BLOCK = "arm64", 16  # bytes of a control block
MAX_ALIGNMENT = 1 << 12  # a page: where a segment lies is known to that alone


def find_thread_local(
    offset: int,
    image: ThreadImage | None,
    architecture: str,
    frame: FrameView,
    *,
    is_split: bool,
) -> int:
    """The address of a variable at an offset of the segment. Unlocatable where it is not proven.

    `is_split`: the offset is of a split unit.
    """
    thread = frame.thread
    if thread is None:
        lose("it is of the thread, and the dump does not say where the thread has those")
    if frame.base != thread.program:
        lose("it is of the thread and of a library: only its loader knows where")
    # gcc gives split units the address in the file for the offset: what may be either is neither.
    if image is None or offset >= (min(image.size, image.address) if is_split else image.size):
        lose("it is of the thread, and the file does not say where")
    alignment = max(image.alignment, 1)
    if alignment & alignment - 1 or alignment > MAX_ALIGNMENT:
        lose(f"it is of the thread, in a segment aligned to {alignment:#x}")
    if architecture in WIDTHS:
        _check_block(thread.pointer, WIDTHS[architecture], frame)
        distance = image.size + (-image.address - image.size) % alignment
        return thread.pointer - distance + offset
    if architecture != ARM64:
        lose("it is of the thread")
    return thread.pointer + ARM64_BLOCK + (image.address - ARM64_BLOCK) % alignment + offset


def _check_block(pointer: int, width: int, frame: FrameView) -> None:
    """Make sure that a thread pointer is one: the control block there names itself.

    Crashpad ends a thread's stack where the block begins, so that its dumps have what is below it.
    """
    content = frame.read_memory(pointer, width)
    if content is not None and int.from_bytes(content, "little") != pointer:
        lose(f"it is of the thread, whose control block is not at {pointer:#x}")
