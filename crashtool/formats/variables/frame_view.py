"""What a reader of variables asks a frame for."""

from __future__ import annotations

from typing import Protocol

from crashtool.formats.named_tuple import NamedTuple


class CalledFunction(NamedTuple):
    """A function that a frame may have called: the base of its module, what tells it from others
    of its file, the name that linkers know it by ("" for none), and where its code begins.
    """

    base: int
    keys: frozenset[object]
    name: str
    starts: tuple[int, ...]


class ThreadStorage(NamedTuple):
    """What a thread's own variables are counted from: the thread pointer, and the base of the
    program, which alone has its variables at a known distance from that.
    """

    pointer: int
    program: int


class FrameView(Protocol):
    """A frame as far as it is known: asked for what says where its variables are.

    `base`: where its module is loaded; `address`: the instruction that was looked up, in a caller
    the call; `return_address`: where it goes on, None when it did not call. `answers`: room for
    what the reader of a debug file has learnt of this frame. `thread`: None where the dump does not
    tell the thread pointer. `teb`: where the thread's environment block of Windows is, 0 where that
    is not known.
    """

    base: int
    address: int
    return_address: int | None
    answers: dict[object, object]
    thread: ThreadStorage | None
    teb: int

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
    def caller(self) -> FrameView | None:
        """The frame that called it, when no frame can be missing between."""

    def find_handed(self, called: CalledFunction, expression: bytes) -> bytes | None:
        """What it handed to a function of another module: the bytes of a place that DWARF describes
        by an expression, when the function began. None where its own module does not say.
        """
