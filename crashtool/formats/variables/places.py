"""Where a variable is, in a frame that stands at an address of the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.variables.data_type import DataType

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashtool.formats.variables.frame_view import CalledFunction, FrameView

LossState = Literal["optimized_out", "not_in_dump", "unknown"]


class MemoryPlace(NamedTuple):
    """It begins at an address of the process."""

    address: int


class RegisterPlace(NamedTuple):
    """It is in a register, by the name that `FrameView` knows, from a byte of it on."""

    register: str
    offset: int = 0


class ConstantPlace(NamedTuple):
    """It is nowhere, but its bytes are known: as many as its type needs, or more."""

    content: bytes


class LostPlace(NamedTuple):
    """It cannot be told where it is, or it is nowhere, and why."""

    state: LossState
    reason: str


class Piece(NamedTuple):
    """A part of a variable: where it is, and how many bytes of the variable it makes up."""

    place: Place
    size: int


class PiecesPlace(NamedTuple):
    """It is in several places; the parts follow one another from its first byte on."""

    pieces: tuple[Piece, ...]


class PointeePlace(NamedTuple):
    """It was a pointer to something that is in no memory: where that is, whose byte `offset` it
    pointed at, and of which type.
    """

    place: Place
    type: DataType | None
    offset: int = 0


Place: TypeAlias = (
    MemoryPlace | RegisterPlace | ConstantPlace | LostPlace | PiecesPlace | PointeePlace
)


class FoundVariable(NamedTuple):
    """A variable that debug information names in a scope; `kind`: argument, local or static.

    `locate` says where it is in a frame that stands at the address that was asked for. It gives a
    `LostPlace` for all that fails; MalformedFile where the file is damaged.
    """

    name: str
    kind: Literal["argument", "local", "static"]
    type: DataType
    locate: Callable[[FrameView], Place]


class FoundScope(NamedTuple):
    """The variables of one function, or of one call that was merged into it, as they are declared:
    arguments first. Of a name that hides another the innermost comes last.

    `code`: of a function, the first address and the end of each piece of its code, from the
    module's base; none where that is not known for all of it. `key` tells a scope from others: the
    same at each address of it. `find_handed`: what a frame of the function handed
    to one that it called. `find_static`: the variable in no function at an address from the
    module's base, as the function's source file knows it.
    """

    variables: tuple[FoundVariable, ...]
    code: tuple[tuple[int, int], ...] = ()
    key: object = None
    find_handed: Callable[[FrameView, CalledFunction, bytes], bytes | None] | None = None
    find_static: Callable[[int], FoundVariable | None] | None = None
