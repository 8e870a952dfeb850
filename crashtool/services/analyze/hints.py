"""Conclusions from a crash, each with its ground: what an expert would notice first."""

from __future__ import annotations

from crashtool.formats.minidump.reasons import Reason
from crashtool.formats.minidump.reasons.reason import address_words, is_canonical
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Frame, Registers, Thread
from crashtool.model.module import Module

# A function touches its frame within this distance of the stack pointer; larger frames are probed
# page by page (-fstack-clash-protection, __chkstk).
FRAME_REACH = 0x10000
NO_MODULES = "the dump lists no modules, as of a static program: --symbols NAME=FILE gives its file"
OVERFLOW = "probably a stack overflow"
PAGE = 0x1000
NO_POINTERS = ("eflags", "rip")
NON_CANONICAL = "non-canonical address"
MAX_REGISTERS = 3
FEWEST_LETTERS = 4
LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-./:")
MEMORY_ERRORS = {  # winerror.h
    8: "ERROR_NOT_ENOUGH_MEMORY",
    14: "ERROR_OUTOFMEMORY",
    1455: "ERROR_COMMITMENT_LIMIT",
}


class HintContext(NamedTuple):
    """What the hints are drawn from. `has_stack_at`: the dump holds memory at the stack pointer."""

    reason: Reason
    thread: Thread | None
    registers: Registers | None
    frame: Frame | None
    address_module: Module | None
    has_stack_at: bool
    has_modules: bool


def collect_hints(scene: HintContext) -> tuple[str, ...]:
    """Sentences, most telling first."""
    if not scene.reason.is_crash or scene.registers is None:
        return ()
    return tuple(sentence for rule in RULES if (sentence := rule(scene)))


def _stack_overflow(scene: HintContext) -> str:
    """An access close to a stack pointer that has left the memory of the stack."""
    registers, reason = scene.registers, scene.reason
    if registers is None or reason.address_kind != "memory":
        return ""
    distance = reason.address - registers.stack_pointer
    if scene.has_stack_at or not -FRAME_REACH <= distance < PAGE or reason.address < FRAME_REACH:
        return ""
    place = f"{abs(distance)} bytes {'below' if distance < 0 else 'above'}" if distance else "at"
    return f"{OVERFLOW}: the access is {place} the stack pointer, outside the stack"


def is_stack_overflow(hint: str) -> bool:
    """Whether a hint says that the stack was used up."""
    return hint.startswith(OVERFLOW)


def _bad_call(scene: HintContext) -> str:
    registers, reason = scene.registers, scene.reason
    if registers is None or reason.address_kind != "memory":
        return ""
    if registers.instruction_pointer != reason.address:
        return ""
    if scene.address_module:
        return "the thread jumped there: that part of the module cannot be executed"
    pointer = "a null" if reason.address == 0 else "a bad"
    return f"the thread jumped there: a call through {pointer} pointer, or a smashed return address"


def _unloaded_code(scene: HintContext) -> str:
    if scene.frame and scene.frame.module is None and scene.frame.unloaded:
        names = [hit.name for hit in scene.frame.unloaded]
        which = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
        return f"the code that ran there was part of {which}, now unloaded"
    return ""


def _null_pointer(scene: HintContext) -> str:
    """An access a little behind address 0: a member, or an element, of what is not there."""
    registers, reason = scene.registers, scene.reason
    if reason.address_kind != "memory" or not 0 < reason.address < PAGE or _bad_call(scene):
        return ""
    if registers is None or abs(registers.stack_pointer - reason.address) <= PAGE:
        return ""  # the stack pointer itself is bad
    place = f"{reason.address:#x} ({reason.address}) bytes"
    return f"probably a null pointer: what was wanted lies {place} into what is not there"


def _wild_pointer(scene: HintContext) -> str:
    """A general-protection fault: the CPU gives no address, but a register may still hold it."""
    registers, reason = scene.registers, scene.reason
    if registers is None or registers.architecture != "x86_64":
        return ""
    if "non-canonical" not in reason.address_words + reason.sentence:
        return ""
    wild = [
        f"{name} ({value:#018x}{_describe(value)})"
        for name, value in registers.values.items()
        if name not in NO_POINTERS and not is_canonical(value, "x86_64")
    ]
    if not wild:
        return ""
    names = " or ".join(wild[:MAX_REGISTERS])
    return f"a pointer held no address that x86-64 can have: perhaps {names}"


def _describe(value: int) -> str:
    """What stands out about a pointer besides that it cannot be one."""
    words = address_words(value, "x86_64")
    if words and words != NON_CANONICAL:
        return f", {words}"
    text = value.to_bytes(8, "little").rstrip(b"\0")
    if len(text) < FEWEST_LETTERS or not all(byte in LETTERS for byte in text):
        return ""
    return f', the text "{text.decode()}"'


def _heap(scene: HintContext) -> str:
    """The heap says so itself, long after the damage was done."""
    if "HEAP" not in scene.reason.name:
        return ""
    causes = "an overrun, a double free or a use after free"
    return f"the heap was damaged earlier, by {causes}: this stack only found it"


def _out_of_memory(scene: HintContext) -> str:
    """A failed allocation is seldom looked at: what follows is a null pointer."""
    error = scene.thread.last_error if scene.thread else None
    if error not in MEMORY_ERRORS:
        return ""
    return f"the thread's last error is {MEMORY_ERRORS[error]}: an allocation may have failed"


def _no_module(scene: HintContext) -> str:
    """Code outside every module: generated, or not code at all."""
    frame = scene.frame
    if frame is None or frame.module or frame.unloaded or _bad_call(scene):
        return ""
    if not scene.has_modules:
        return NO_MODULES
    return "the instruction lies in no module: generated code, or the thread has run astray"


def _stack_elsewhere(scene: HintContext) -> str:
    thread, registers = scene.thread, scene.registers
    if thread is None or registers is None or _stack_overflow(scene):
        return ""
    if not thread.stack_size:
        return "" if scene.has_stack_at else "the dump holds no stack memory of this thread"
    if scene.has_stack_at:
        return ""
    return "the stack pointer lies outside of the stack that the dump holds"


def _own_module(scene: HintContext) -> str:
    """A write to a module's own memory: code, constants, or relocated read-only data."""
    module = scene.address_module
    if module is None or scene.reason.access != "write":
        return ""
    return f"the write went into {module.name} itself: read-only data or code"


RULES = (
    _stack_overflow,
    _bad_call,
    _null_pointer,
    _wild_pointer,
    _heap,
    _unloaded_code,
    _no_module,
    _stack_elsewhere,
    _own_module,
    _out_of_memory,
)
