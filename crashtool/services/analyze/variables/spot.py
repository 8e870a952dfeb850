"""A value that is about to be read: its type, where it is, and what reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.variables.places import MemoryPlace, Place
from crashtool.services.analyze.variables.content import lose, read_content

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.formats.variables.frame_view import FrameView
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.limits import Limits


class Reading(Protocol):
    """What reads the values of one frame; `width` is a pointer's size in bytes."""

    frame: FrameView
    width: int
    limits: Limits

    def read(self, spot: Spot, name: str = "") -> Value:
        """The value at a spot, whatever it is; lost ones say why."""

    def take_room(self) -> bool:
        """Whether a further value may be read."""

    def take_step(self) -> None:
        """Count one link that is followed. LostValue when too many were."""

    def name_code(self, address: int) -> str:
        """The name of the function at an address; "" for none."""


class Spot(NamedTuple):
    """A value of a type that begins at a byte of a place, inside `depth` others, behind `pointers`
    that were followed.
    """

    reader: Reading
    kind: DataType
    place: Place
    offset: int = 0
    depth: int = 0
    pointers: int = 0

    @property
    def size(self) -> int:
        """Its size in bytes. LostValue where that is not told."""
        if self.kind.size is None:
            lose("its size is not known")
        return self.kind.size

    def read_bytes(self, offset: int, size: int) -> bytes:
        """Some of its bytes. LostValue where one of them is not known."""
        return read_content(self.place, self.reader.frame, self.offset + offset, size)

    def read_word(self, offset: int = 0, size: int = 0) -> int:
        """A number without a sign in it; of a pointer's size unless said otherwise."""
        return int.from_bytes(self.read_bytes(offset, size or self.reader.width), "little")

    def move(self, kind: DataType, offset: int) -> Spot:
        """Another value inside this one."""
        return self._replace(kind=kind, offset=self.offset + offset, depth=self.depth + 1)

    def follow(self, kind: DataType, address: int) -> Spot:
        """A value in memory that belongs to this one, as elements of containers do."""
        return Spot(self.reader, kind, MemoryPlace(address), 0, self.depth + 1, self.pointers)
