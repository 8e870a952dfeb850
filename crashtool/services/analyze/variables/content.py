"""The bytes of a variable, out of wherever it is: memory, a register, several places."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from crashtool.formats.variables.places import (
    ConstantPlace,
    LossState,
    LostPlace,
    MemoryPlace,
    PiecesPlace,
    Place,
    RegisterPlace,
)

if TYPE_CHECKING:
    from crashtool.formats.variables.frame_view import FrameView

MAX_READ = 1 << 16  # bytes at once


class LostValue(Exception):
    """A value cannot be told, and why."""

    def __init__(self, state: LossState, reason: str) -> None:
        super().__init__(reason)
        self.state: LossState = state
        self.reason = reason


def lose(reason: str) -> NoReturn:
    """Say that a value is not known."""
    raise LostValue("unknown", reason)


def read_content(place: Place, frame: FrameView, offset: int, size: int) -> bytes:
    """Bytes of what is at a place, from a byte of it on. LostValue where one is not known."""
    if size > MAX_READ or offset < 0 or size < 0:
        lose("it is too large")
    if isinstance(place, MemoryPlace):
        content = frame.read_memory(place.address + offset, size)
        if content is None:
            raise LostValue("not_in_dump", f"memory at {place.address + offset:#x}")
        return content
    if isinstance(place, PiecesPlace):
        return _read_pieces(place, frame, offset, size)
    if isinstance(place, RegisterPlace):
        whole = frame.read_register(place.register)
        if whole is None:
            lose(f"{place.register} of this frame is not known")
        return _cut(whole, place.offset + offset, size)
    if isinstance(place, ConstantPlace):
        return _cut(place.content, offset, size)
    if isinstance(place, LostPlace):
        raise LostValue(place.state, place.reason)
    lose("it has no address")


def _cut(content: bytes, offset: int, size: int) -> bytes:
    piece = content[offset : offset + size]
    if len(piece) < size:
        lose("a part of it alone is known")
    return piece


def _read_pieces(place: PiecesPlace, frame: FrameView, offset: int, size: int) -> bytes:
    start, content = 0, bytearray()
    for piece in place.pieces:
        low = max(offset, start)
        high = min(offset + size, start + piece.size)
        if low < high:
            content += read_content(piece.place, frame, low - start, high - low)
        start += piece.size
    if start < offset + size:
        raise LostValue("optimized_out", "")
    return _cut(bytes(content), 0, size)
