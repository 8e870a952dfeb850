"""The variable that led to a crash: `reads mesh->verts.data[3]: mesh is null`.

It is told only when the instruction, what registers held and where the debug information has its
variables lead to one name. A wrong name is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.minidump.reasons.reason import address_words
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import BadPointer, Frame, Registers
from crashtool.services.analyze.bad_pointer.code_points import CodePoints
from crashtool.services.analyze.bad_pointer.known_values import KnownValues
from crashtool.services.analyze.bad_pointer.pointer_names import NamedPointer, PointerNames
from crashtool.services.analyze.bad_pointer.register_flow import FlowPoint, follow_registers
from crashtool.services.analyze.bad_pointer.straight_code import Decoders, find_straight_code
from crashtool.services.analyze.decoded_code import MemoryOperand, RegisterOperand
from crashtool.services.analyze.instruction import decode_code, decode_flow

if TYPE_CHECKING:
    from crashtool.formats.minidump.reasons import Reason
    from crashtool.formats.variables.frame_view import FrameView
    from crashtool.services.unwind.machine import Machine
    from crashtool.services.unwind.unwind_context import Loaded

CANONICAL_BITS = 47  # of an address of x86-64's user half, without five levels of tables
REACH = 64  # bytes from where an access begins to where it may fail
POINTERLESS = ("push", "pop", "rep", "repe", "repne", "repz", "repnz")


class CrashScene(NamedTuple):
    """What is known of the frame that an access, or a call, was made from.

    `frame` and `view` are of the function that has the variables; `registers` those of the thread.
    """

    reason: Reason
    registers: Registers
    machine: Machine
    frame: Frame
    view: FrameView
    loaded: Loaded


def find_bad_pointer(scene: CrashScene, *, is_call: bool) -> BadPointer | None:
    """The variable that led to the crash; None unless it is proven.

    `is_call`: the thread has gone where there is no code, and `scene` is of the one that called.
    MissingLibrary without the extra `disassembly`.
    """
    if scene.machine.name not in ("x86_64", "x86", "arm64"):
        return None
    try:
        search = _Search(scene, is_call=is_call)
        return search.find_call() if is_call else search.find_access()
    except MalformedFile:
        return None


class _Search:
    """The code before one instruction, with the variables at each of its points."""

    def __init__(self, scene: CrashScene, *, is_call: bool) -> None:
        self._scene = scene
        machine = scene.machine
        self._width = machine.width
        points = self._follow(is_call=is_call)
        self._points: Sequence[FlowPoint] = points
        if not points:
            return
        kept = (*machine.callee_saved, machine.stack_pointer)
        registers = kept if is_call else tuple(scene.registers.values)
        values = KnownValues(points[-1].forms, registers, scene.view, machine.width)
        self._known = values
        tables, base = scene.loaded.tables, scene.loaded.base
        self._names = PointerNames(
            CodePoints(
                points, scene.view, values, lambda address: tables.find_variables(address - base)
            ),
            machine.width,
        )

    def _follow(self, *, is_call: bool) -> list[FlowPoint]:
        """The straight code up to where the frame stands; none where that is not sure."""
        scene, base, registers = self._scene, self._scene.loaded.base, self._scene.registers
        tables, place = scene.loaded.tables, scene.frame.instruction
        scopes = tables.find_variables(place - base)
        pieces = [(low + base, high + base) for low, high in scopes[-1].code] if scopes else []
        hit = tables.find_function(place - base)
        line = None if hit is None else (hit.line, hit.inlines)

        def is_same_line(address: int) -> bool:
            other = tables.find_function(address - base)
            return other is not None and (other.line, other.inlines) == line

        code = find_straight_code(
            pieces,
            place,
            lambda address, size: tables.read_code(address - base, size),
            Decoders(partial(decode_code, registers), partial(decode_flow, registers)),
            is_same_line,
        )
        end = scene.frame.resume if is_call else None
        if not code or (code[-1].end != end if is_call else code[-1].address != place):
            return []
        names = [name for name in scene.registers.values if name not in ("eflags", "cpsr")]
        return follow_registers(code, names, self._width, scene.machine.stack_pointer)

    def find_access(self) -> BadPointer | None:
        """The pointer by which the instruction touched memory that it may not."""
        if not self._points:
            return None
        last = len(self._points) - 1
        instruction = self._points[last].instruction
        if instruction.mnemonic.split()[0:1] and instruction.mnemonic.split()[0] in POINTERLESS:
            return None
        failing = [
            (operand, address)
            for operand in instruction.operands
            if isinstance(operand, MemoryOperand)
            and (address := self._find_address(operand)) is not None
            and self._has_failed(address, operand.size)
        ]
        if len(failing) != 1:
            return None
        operand, address = failing[0]
        access = self._names.name_access(last, operand, address)
        if access is None or access.value is None:
            return None
        return self._describe(operand.does, access.path.text, access.pointer, access.value)

    def _find_address(self, operand: MemoryOperand) -> int | None:
        """An operand's address, by the registers at the crash."""
        if not operand.is_plain:
            return None
        address = operand.displacement
        for register, factor in ((operand.base, 1), (operand.offset_register, operand.factor)):
            content = self._scene.view.read_register(register) if register else b""
            if content is None:
                return None
            address += factor * int.from_bytes(content, "little")
        return address & self._known.mask

    def _has_failed(self, address: int, size: int) -> bool:
        """Whether an access at an address is the one that the crash is about."""
        reason = self._scene.reason
        if reason.address_kind == "memory" and reason.address not in (0, self._known.mask):
            return 0 <= reason.address - address < max(size, 1)
        if reason.address_kind == "memory" and reason.address == address:
            return True
        # a general-protection fault, of which the processor tells no address
        high = address >> CANONICAL_BITS
        return self._scene.machine.name == "x86_64" and high not in (0, (1 << 17) - 1)

    def find_call(self) -> BadPointer | None:
        """The pointer that the thread has gone to, by the call before: when what it was called by
        still is where it was. A function that was called rightly, and has jumped on from there,
        has left registers of its own.
        """
        if not self._points or self._points[-1].instruction.flow != "call":
            return None
        last = len(self._points) - 1
        operands = self._points[last].instruction.operands
        target = self._scene.registers.instruction_pointer
        if not operands:
            return None
        pointer: NamedPointer | None = None
        if isinstance(operand := operands[0], RegisterOperand):
            pointer = self._names.name_operand(last, operand.name)
        elif isinstance(operand, MemoryOperand):
            pointer = self._names.name_content(last, operand)
        if pointer is None or self._known.recall(pointer.form) != target:
            return None
        return self._describe("calls", pointer.text, pointer, target)

    def _describe(self, does: str, target: str, pointer: NamedPointer, value: int) -> BadPointer:
        words = address_words(value, self._scene.machine.name)
        note = "" if words.startswith("null pointer") else words
        is_reference = pointer.type.kind == "reference"
        return BadPointer(does, target, pointer.text, value, note, is_reference=is_reference)
