"""The walk: from the innermost frame outward, each caller by the best way that works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.unwind import ends
from crashtool.services.unwind.bare_call import step_by_bare_call, step_by_leaf
from crashtool.services.unwind.callee import Callee
from crashtool.services.unwind.far_scan import walk_far
from crashtool.services.unwind.frame_pointer import (
    step_by_chain,
    step_by_link_register,
    step_by_own_frame_pointer,
    step_by_starter,
)
from crashtool.services.unwind.scan import step_by_call_of_function, walk_scan
from crashtool.services.unwind.trial import believe, is_refuted, walk_instead
from crashtool.services.unwind.unwind_context import LOWEST_CODE, StackFrame, UnwindContext

MAX_FRAMES = 1 << 18  # as many as fit a stack of 8 MB, the usual limit, with 32 bytes each


class Way(NamedTuple):
    """One way to find a caller, and what makes its answer one.

    `is_guess`: its answers are tried one step further before one is believed.
    """

    find: Callable[[_StackWalk, Callee], Iterable[StackFrame]]
    proof: str
    is_guess: bool = False


def walk(scene: UnwindContext, registers: Mapping[str, int]) -> Iterator[StackFrame]:
    """The frames of a thread with these registers, innermost first; the first is its context."""
    walker = _StackWalk(scene)
    frame: StackFrame | None = StackFrame(registers, "context", is_exact=True)
    count = 0
    while frame is not None and count < MAX_FRAMES:
        yield frame
        count += 1
        frame = walker.find_caller(frame, first=count == 1)


def is_cut_off(scene: UnwindContext, outermost: StackFrame) -> bool:
    """Whether rules tell where the last frame's return address is, and the dump lacks that."""
    from crashtool.services.unwind.cfi_frame import is_stack_missing

    callee = _look_at(scene, outermost, first=False)
    if callee.loaded is None or ends.is_outermost(scene, callee) or ends.is_end(scene, callee):
        return False
    cfi = callee.loaded.tables.find_cfi(callee.address)
    return cfi is not None and is_stack_missing(scene, outermost, cfi.rules)


def _look_at(scene: UnwindContext, frame: StackFrame, *, first: bool) -> Callee:
    pointer = frame.registers[scene.machine.instruction_pointer]
    address = pointer if frame.is_exact else pointer - scene.machine.call_size
    loaded = scene.find_loaded(address)
    function = loaded.tables.find_function(address - loaded.base) if loaded else None
    return Callee(frame, address, loaded, function, is_first=first)


class _StackWalk:
    """One walk.

    `callee_parameters`: the bytes that the current frame pushed for its callee. `inner_module`,
    `inner_function`: of the frame inside the current one. `is_started`: the current frame is what
    started the thread or program, or called that. `is_proven`: no frame up to it was guessed.
    """

    def __init__(self, scene: UnwindContext) -> None:
        self.scene = scene
        self.callee_parameters = 0
        self.inner_module = self.inner_function = ""
        self.is_started = False
        self.is_proven = True

    def find_caller(self, frame: StackFrame, *, first: bool) -> StackFrame | None:
        """The caller of a frame; None where the walk ends."""
        callee = _look_at(self.scene, frame, first=first)
        self.is_started = self.is_started or ends.is_started_by_system(
            self.inner_module, self.inner_function, callee.module_name
        )
        self.inner_module, self.inner_function = callee.module_name, callee.function_name
        if ends.is_end(self.scene, callee):
            return None
        caller = self._try_ways(callee)
        if caller is None or caller.is_last:
            return None
        self.is_proven = self.is_proven and caller.trust == "cfi"
        if self.scene.machine.name == "x86":
            self.callee_parameters = _size_of_parameters(callee)
        if self.scene.is_trampoline(caller.registers[self.scene.machine.instruction_pointer]):
            return caller._replace(is_exact=True)
        return caller

    def _try_ways(self, callee: Callee) -> StackFrame | None:
        """The first answer that can be a caller; no guess behind where the system started it."""
        for way in STARTER_WAYS if self.is_started else WAYS:
            if way is FIRST_GUESS and ends.is_outermost(self.scene, callee):
                return None
            if (answers := way.find(self, callee)) == ():  # most ways have no answer
                continue
            possible = (
                step for step in answers if step.is_last or self._is_progress(callee.step, step)
            )
            frame = believe(self.scene, possible) if way.is_guess else next(possible, None)
            if frame is not None:
                return frame
        return None

    def _is_progress(self, frame: StackFrame, caller: StackFrame) -> bool:
        """Whether a caller can be one: its code can be code, its stack lies further out."""
        machine = self.scene.machine
        pointer = caller.registers.get(machine.instruction_pointer, 0)
        stack = caller.registers.get(machine.stack_pointer)
        if pointer < LOWEST_CODE or stack is None or not self.scene.may_be_code(pointer):
            return False
        if caller.is_exact:  # a signal may have come on a stack of its own
            return True
        before = frame.registers.get(machine.stack_pointer, 0)
        return stack > before or (
            stack == before and frame.is_exact and bool(machine.link_register)
        )


def _by_kernel(walk: _StackWalk, callee: Callee) -> Iterable[StackFrame]:
    if walk.scene.platform not in ends.LINUX:
        return ()
    from crashtool.services.unwind.signal_frame import step_by_signal_frame  # Linux alone

    return _one(step_by_signal_frame(walk.scene, callee.step, callee.loaded))


def _by_rules(walk: _StackWalk, callee: Callee) -> Iterable[StackFrame]:
    if callee.loaded is None:
        return ()
    cfi = callee.loaded.tables.find_cfi(callee.address)
    if cfi is not None:
        return _by_cfi(walk, callee, cfi.rules)
    if walk.scene.machine.name == "x86":
        record = callee.loaded.tables.find_frame_data(callee.address)
        if record is not None:
            from crashtool.services.unwind.frame_data import step_by_frame_data

            return _one(step_by_frame_data(walk.scene, callee.step, record, walk.callee_parameters))
    return ()


def _by_cfi(walk: _StackWalk, callee: Callee, rules: str) -> Iterable[StackFrame]:
    """By rules; no other way than theirs leads on where the dump lacks the very stack they name."""
    from crashtool.services.unwind.cfi_frame import is_stack_missing, step_by_cfi  # with symbols

    step = step_by_cfi(walk.scene, callee.step, rules)
    if step is None:
        is_end = walk.is_proven and is_stack_missing(walk.scene, callee.step, rules)
        return _one(StackFrame({}, "none", is_last=True) if is_end else None)
    if step.is_last or not is_refuted(walk.scene, step):
        return _one(step)
    return chain(islice(walk_instead(walk.scene, callee), 1), _one(step))


def _alone(
    step_by: Callable[[UnwindContext, Callee], StackFrame | None],
) -> Callable[..., Iterable[StackFrame]]:
    """A way that has one answer at most."""
    return lambda walk, callee: _one(step_by(walk.scene, callee))


def _one(step: StackFrame | None) -> tuple[StackFrame, ...]:
    return () if step is None else (step,)


# From what is proven to what is guessed. Of two guesses the one that lies nearer to the stack
# pointer comes first, so that no way can jump over a frame that a later one would find.
WAYS = (
    Way(_by_kernel, "the kernel has stored the interrupted registers there"),
    Way(_by_rules, "the compiler wrote down where the caller's registers are"),
    Way(_alone(step_by_bare_call), "nothing ran here: the return address was pushed last"),
    Way(_alone(step_by_leaf), "64-bit Windows: code without rules has pushed nothing"),
    Way(
        _alone(step_by_link_register), "the function has not yet saved what is in the link register"
    ),
    Way(_alone(step_by_own_frame_pointer), "its first instructions set the frame pointer up"),
    Way(_alone(step_by_call_of_function), "a call of this very function stands before it", True),
    Way(_alone(step_by_chain), "a saved frame pointer, and no likely caller nearer", True),
    Way(lambda walk, callee: walk_scan(walk.scene, callee), "a call stands before it", True),
    Way(lambda walk, callee: walk_far(walk.scene, callee), "rules lead on to two callers", True),
)
FIRST_GUESS = WAYS[2]
STARTER_WAYS = (
    *WAYS[:2],
    Way(_alone(step_by_starter), "x86: two functions of Windows' ntdll start a thread"),
)


def _size_of_parameters(callee: Callee) -> int:
    """The bytes of parameters of the function that the callee stands in: its caller pushed them."""
    if callee.loaded is None:
        return 0
    if record := callee.loaded.tables.find_frame_data(callee.address):
        return record.parameter_size
    return callee.function.parameter_size if callee.function else 0
