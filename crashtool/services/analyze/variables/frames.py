"""Adds the variables of each function to the frames of a walked stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Registers
from crashtool.model.variables import FrameVariable, Value
from crashtool.services.analyze.instruction import decode_code
from crashtool.services.analyze.variables.frame_views import StackFrameView, make_views
from crashtool.services.analyze.variables.kept_registers import KeptRegisters
from crashtool.services.analyze.variables.limits import ValueBudget
from crashtool.services.analyze.variables.private_text import mask_texts
from crashtool.services.analyze.variables.values import ValueReader

if TYPE_CHECKING:
    from crashtool.formats.minidump.memory import Memory
    from crashtool.formats.variables.frame_view import ThreadStorage
    from crashtool.formats.variables.places import FoundScope, FoundVariable
    from crashtool.model.crash import Frame
    from crashtool.services.analyze.variables.wanted import WantedVariables
    from crashtool.services.unwind.machine import Machine
    from crashtool.services.unwind.unwind_context import Loaded, StackFrame

MAX_FRAMES = 1 << 10  # whose variables are read
ORDER = ("argument", "local", "static")
MAX_KEEPING = 8  # whose code is asked which registers it has left alone
MAX_VARIABLES = 256  # of one function that are shown
# What compilers make for loops over ranges and for __func__ (gcc, clang).
MADE = ("__for_", "__func__", "__PRETTY_FUNCTION__", "__FUNCTION__", "__range", "__begin", "__end")


class WalkedStack(NamedTuple):
    """A thread's frames and the steps that found them, innermost first.

    `gap`: the number of the first frame behind those that were left out, None when none was.
    `vectors`: the registers of 128 bits of the innermost. `thread`: where the thread has what is
    its own, None when that is not known; `teb`: its environment block of Windows, 0 without one.
    """

    steps: Sequence[StackFrame]
    frames: Sequence[Frame]
    machine: Machine
    gap: int | None
    vectors: Mapping[str, bytes]
    thread: ThreadStorage | None = None
    teb: int = 0


class KnownMemory:
    """The memory of a process: as the dump has it, else as the file of a module does where the
    program never writes.
    """

    def __init__(self, memory: Memory, find_loaded: Callable[[int], Loaded | None]) -> None:
        self._memory = memory
        self._find_loaded = find_loaded

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes from an address on; None unless all are known."""
        content = self._memory.read(address, size)
        if content is not None:
            return content
        loaded = self._find_loaded(address)
        if loaded is None:
            return None
        return loaded.tables.read_constants(address - loaded.base, size)


def add_variables(
    stack: WalkedStack,
    memory: Memory,
    find_loaded: Callable[[int], Loaded | None],
    wanted: WantedVariables,
) -> list[Frame]:
    """The frames with the variables of the innermost one, or of all.

    The outermost are read first: what they handed on is then known to those that they called.
    """
    read_memory = KnownMemory(memory, find_loaded).read
    views = make_views(
        stack.steps, stack.frames, stack.machine, read_memory, stack.vectors, stack.gap
    )

    walked = {frame.module.base for frame in stack.frames if frame.module}

    def name_code(address: int) -> str:
        loaded = find_loaded(address)
        if loaded is None or loaded.base not in walked:  # files of others are not looked for
            return ""
        hit = loaded.tables.find_function(address - loaded.base)
        return hit.name if hit and hit.start + loaded.base == address else ""

    def find_scopes(number: int) -> list[FoundScope]:
        frame = stack.frames[number]
        loaded = find_loaded(frame.instruction) if frame.function else None
        return loaded.tables.find_variables(frame.instruction - loaded.base) if loaded else []

    for number, view in enumerate(views):
        view.find_scopes = partial(find_scopes, number)
        view.thread, view.teb = stack.thread, stack.teb
    _keep_registers(views, stack, find_loaded)
    budget = ValueBudget()
    count = min(len(stack.frames), MAX_FRAMES if wanted.all_frames else 1)
    frames = list(stack.frames)
    for number in reversed(range(count)):
        frame = frames[number]
        scopes = find_scopes(number)
        if len(scopes) == len(frame.inlines) + 1:
            machine = stack.machine
            reader = ValueReader(
                views[number], machine.width, machine.name, name_code, wanted.limits, budget
            )
            frames[number] = _add_to(frame, scopes, views[number], reader, wanted)
    return frames


def _keep_registers(
    views: list[StackFrameView], stack: WalkedStack, find_loaded: Callable[[int], Loaded | None]
) -> None:
    """Let callers have the registers that the functions which they called have left alone."""
    machine = stack.machine
    if not stack.steps:
        return
    registers = Registers(machine.name, machine.width, dict(stack.steps[0].registers), 0, 0, 0)

    def read_code(address: int, size: int) -> bytes | None:
        loaded = find_loaded(address)
        return loaded.tables.read_code(address - loaded.base, size) if loaded else None

    decode = partial(decode_code, registers)
    for view in views[:MAX_KEEPING]:
        view.read_code = read_code
        if isinstance(view.caller, StackFrameView):
            view.caller.read_kept = KeptRegisters(view, machine.name, decode).read


def _add_to(
    frame: Frame,
    scopes: list[FoundScope],
    view: StackFrameView,
    reader: ValueReader,
    wanted: WantedVariables,
) -> Frame:
    """A frame with the variables of the calls merged into it, and its own."""
    read = [
        tuple(sorted(variables, key=lambda variable: ORDER.index(variable.kind)))
        for variables in _read_scopes(scopes, view, reader, wanted)
    ]
    inlines = tuple(
        inline._replace(variables=variables)
        for inline, variables in zip(frame.inlines, read, strict=False)
    )
    return frame._replace(inlines=inlines, variables=read[-1])


def _read_scopes(
    scopes: list[FoundScope],
    view: StackFrameView,
    reader: ValueReader,
    wanted: WantedVariables,
) -> list[list[FrameVariable]]:
    return [
        [
            _read(variable, view, reader, with_values=wanted.with_values)
            for variable in scope.variables[:MAX_VARIABLES]
            if wanted.limits.is_plain or not variable.name.startswith(MADE)
        ]
        for scope in scopes
    ]


def _read(
    variable: FoundVariable, view: StackFrameView, reader: ValueReader, *, with_values: bool
) -> FrameVariable:
    if not with_values:
        value = Value(variable.type.name)
        return FrameVariable(variable.name, variable.kind, value, is_read=False)
    if not view.is_proven and variable.kind != "static":
        reason = "its frame was found by a guess"
        value = Value(variable.type.name, "unknown", reason=reason)
        return FrameVariable(variable.name, variable.kind, value)
    value = reader.read_variable(variable.type, variable.locate)
    if not reader.limits.is_plain:
        value = mask_texts(value, variable.name)
    return FrameVariable(variable.name, variable.kind, value)
