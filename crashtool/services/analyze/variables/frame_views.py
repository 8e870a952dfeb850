"""The frames of a walked stack, as readers of variables see them: what of each is surely known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crashtool.formats.variables.frame_view import CalledFunction, FrameView, ThreadStorage
    from crashtool.formats.variables.places import FoundScope
    from crashtool.model.crash import Frame
    from crashtool.services.unwind.machine import Machine
    from crashtool.services.unwind.unwind_context import StackFrame

    ReadMemory = Callable[[int, int], bytes | None]

PROVEN = ("context", "cfi")  # how frames were found whose registers are as they were


class StackFrameView:
    """One frame. Registers are known of frames that unwind information alone led to: a guess may
    have the right caller, and registers of another.
    """

    def __init__(
        self,
        step: StackFrame,
        frame: Frame,
        machine: Machine,
        read_memory: ReadMemory,
        *,
        is_proven: bool,
    ) -> None:
        self.base = frame.module.base if frame.module else 0
        self.address = frame.instruction
        self.return_address = frame.resume
        self.answers: dict[object, object] = {}
        self.is_proven = is_proven
        self.vectors: Mapping[str, bytes] = {}
        self.thread: ThreadStorage | None = None
        self.teb = 0
        self.find_scopes: Callable[[], Sequence[FoundScope]] = tuple
        self.read_code: ReadMemory = lambda _address, _size: None
        self.read_kept: Callable[[str], bytes | None] = lambda _name: None
        self._registers = step.registers
        self._width = machine.width
        self._stack_pointer = machine.stack_pointer
        self._read_memory = read_memory
        self._caller: StackFrameView | None = None

    def join(self, caller: StackFrameView) -> None:
        """Say what called it, by unwind information."""
        self._caller = caller

    def read_register(self, name: str) -> bytes | None:
        """A register's bytes; None when it is not known."""
        if not self.is_proven:
            return None
        if name in self.vectors:  # the whole of it; callers have what calls keep
            return self.vectors[name]
        value = self._registers.get(name)
        if value is None:
            return self.read_kept(name)
        return (value & (1 << 8 * self._width) - 1).to_bytes(self._width, "little")

    def read_memory(self, address: int, size: int) -> bytes | None:
        """Memory of the process; None where neither dump nor file holds all of it."""
        return self._read_memory(address, size)

    def find_handed(self, called: CalledFunction, expression: bytes) -> bytes | None:
        """What it handed to a function of another module, by the debug information of its own."""
        scopes = self.find_scopes() if self.is_proven else ()
        find = scopes[-1].find_handed if scopes else None
        return find(self, called, expression) if find else None

    @property
    def cfa(self) -> int | None:
        """The stack pointer before the call that made this frame."""
        caller = self.caller
        return caller.stack_pointer if isinstance(caller, StackFrameView) else None

    @property
    def stack_pointer(self) -> int | None:
        """Where its part of the stack ends."""
        return self._registers.get(self._stack_pointer)

    @property
    def caller(self) -> FrameView | None:
        """The frame that called it, when that is proven."""
        return self._caller if self._caller is not None and self._caller.is_proven else None


def is_bare_call(steps: Sequence[StackFrame], frames: Sequence[Frame], machine: Machine) -> bool:
    """Whether the innermost frame is no code, a null pointer say, and its caller called that: then
    nothing has run that could have changed a register.
    """
    if len(frames) == 1 or frames[0].module is not None or not machine.return_address_size:
        return False
    pointers = [step.registers.get(machine.stack_pointer, 0) for step in steps[:2]]
    return pointers[1] == pointers[0] + machine.return_address_size


def make_views(
    steps: Sequence[StackFrame],
    frames: Sequence[Frame],
    machine: Machine,
    read_memory: ReadMemory,
    vectors: Mapping[str, bytes],
    gap: int | None = None,
) -> list[StackFrameView]:
    """A view of each frame of a walk, innermost first; frames are missing before number `gap`.

    `vectors`: the registers of 128 bits at the innermost, which no call keeps whole.
    """
    views: list[StackFrameView] = []
    is_proven = True
    for number, (step, frame) in enumerate(zip(steps, frames, strict=True)):
        if number != 1 or not is_bare_call(steps, frames, machine):
            is_proven = is_proven and step.trust in PROVEN and not step.may_skip
        views.append(StackFrameView(step, frame, machine, read_memory, is_proven=is_proven))
    for number, (view, caller) in enumerate(pairwise(views)):
        if number + 1 != gap and steps[number + 1].trust == "cfi":
            view.join(caller)
    if views:
        views[0].vectors = vectors
    return views
