"""Where a thread of Windows has its own copy of a program's .tls section.

The thread's environment block points at an array, in which each module has a pointer to its copy at
the number that it keeps in _tls_index (winternl.h, TEB; "The .tls Section" of the PE format).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.registers import I386
from crashtool.formats.variables.places import LossState, LostPlace, MemoryPlace, Place

if TYPE_CHECKING:
    from crashtool.formats.variables.frame_view import FrameView

INDEX, INDEX_DECORATED, INDEX_SIZE = "_tls_index", "__tls_index", 4
MAX_INDEX = 1 << 16  # modules with a .tls section, of one process
NO_BLOCK = "the dump does not say where the thread's TEB is"
NO_INDEX = "no symbol says where the module has _tls_index"


class StorageLoss(Exception):
    """Why a thread's copy is not known."""

    def __init__(self, reason: str, *, is_missing: bool = False) -> None:
        """`is_missing`: the dump lacks memory on the way to it."""
        super().__init__(reason)
        state: LossState = "not_in_dump" if is_missing else "unknown"
        self.place = LostPlace(state, reason if is_missing else f"it is thread-local, and {reason}")


class BlockLayout(NamedTuple):
    """A pointer's size, and where the block has its own address and that of the array."""

    width: int
    self_offset: int
    array_offset: int


BLOCK_32, BLOCK_64 = BlockLayout(4, 0x18, 0x2C), BlockLayout(8, 0x30, 0x58)


def find_thread_local(
    offset: int, index_address: int | None, machine: int, frame: FrameView
) -> Place:
    """The place of a variable at an offset of .tls. `index_address`: of the module's _tls_index."""
    try:
        return MemoryPlace(_find_copy(index_address, machine, frame) + offset)
    except StorageLoss as loss:
        return loss.place


def _find_copy(index_address: int | None, machine: int, frame: FrameView) -> int:
    """Where the thread's copy of a module's .tls is. StorageLoss where that is not known."""
    block, layout = frame.teb, BLOCK_32 if machine == I386 else BLOCK_64
    if not block:
        raise StorageLoss(NO_BLOCK)
    if index_address is None:
        raise StorageLoss(NO_INDEX)
    itself = frame.read_memory(block + layout.self_offset, layout.width)
    if itself is not None and int.from_bytes(itself, "little") != block:
        raise StorageLoss(f"the thread's TEB is not at {block:#x}")
    index = _read(index_address, INDEX_SIZE, frame, "_tls_index")
    if index >= MAX_INDEX:
        raise StorageLoss(f"_tls_index holds {index:#x}")
    array = _read(block + layout.array_offset, layout.width, frame, "the thread's TEB")
    if not array:
        raise StorageLoss("the thread has no storage of its own yet")
    entry = array + index * layout.width
    copy = _read(entry, layout.width, frame, "the thread's array of storage")
    if not copy:
        raise StorageLoss("the thread has none of this module yet")
    return copy


def _read(address: int, size: int, frame: FrameView, what: str) -> int:
    content = frame.read_memory(address, size)
    if content is None:
        raise StorageLoss(f"{what}, memory at {address:#x}", is_missing=True)
    return int.from_bytes(content, "little")
