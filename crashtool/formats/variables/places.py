"""Where a variable is at an address of the code, and what a reader of that asks the frame for."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.variables.data_type import DataType

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

    place: "Place"
    size: int


class PiecesPlace(NamedTuple):
    """It is in several places; the parts follow one another from its first byte on."""

    pieces: tuple[Piece, ...]


class PointeePlace(NamedTuple):
    """It was a pointer to something that is in no memory: where that is, whose byte `offset` it
    pointed at, and of which type.
    """

    place: "Place"
    type: DataType | None
    offset: int = 0


Place: TypeAlias = (
    MemoryPlace | RegisterPlace | ConstantPlace | LostPlace | PiecesPlace | PointeePlace
)


class FrameView(Protocol):
    """A frame as far as it is known: asked for what says where its variables are.

    `base`: where its module is loaded; `return_address`: where it goes on, None when it did not
    call.
    """

    base: int
    return_address: int | None

    def read_register(self, name: str) -> bytes | None:
        """A register's bytes, the lowest first, whole; None when the walk does not know it.

        Names are the walk's: rax, eip, x0; and xmm0 to xmm15 of 16 bytes.
        """

    def read_memory(self, address: int, size: int) -> bytes | None:
        """Memory of the process at the crash; None where the dump does not hold all of it."""

    @property
    def cfa(self) -> int | None:
        """The canonical frame address: the stack pointer before the call that made this frame."""

    @property
    def caller(self) -> "FrameView | None":
        """The frame that called it, when no frame can be missing between."""


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
    """

    variables: tuple[FoundVariable, ...]
