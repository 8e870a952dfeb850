"""A caller's frame by the frame pointer: a chain of saved pointers through the stack."""

from typing import TYPE_CHECKING

from crashtool.services.unwind.scene import Step

if TYPE_CHECKING:
    from crashtool.services.unwind.scene import Scene


def step_by_frame_pointer(scene: "Scene", frame: Step) -> Step | None:
    """The caller, if the frame pointer leads to a saved one and to a possible return address."""
    machine = scene.machine
    pointer = frame.registers.get(machine.frame_pointer)
    if (
        pointer is None
        or pointer % machine.width
        or pointer < frame.registers.get(machine.stack_pointer, 0)
    ):
        return None
    saved = scene.read_pointer(pointer)
    address = scene.read_pointer(pointer + machine.width)
    if saved is None or address is None or not scene.may_return_to(address):
        return None
    if saved and not is_above(scene, saved, pointer) and not scene.is_trampoline(address):
        return None  # only a signal comes when the frame pointer is anything
    registers = {
        machine.instruction_pointer: scene.strip(address),
        machine.stack_pointer: pointer + 2 * machine.width,
        machine.frame_pointer: saved,
    }
    return Step(registers, "frame_pointer")


def is_above(scene: "Scene", saved: int, pointer: int) -> bool:
    """Whether a saved frame pointer leads further up the same stack."""
    return saved > pointer and scene.read_pointer(saved) is not None


def step_by_link(scene: "Scene", frame: Step) -> Step | None:
    """The caller of a leaf, whose return address is still in the link register (ARM, ARM64)."""
    machine = scene.machine
    address = frame.registers.get(machine.link) if machine.link else None
    if address is None or not scene.may_return_to(address):
        return None
    kept = (machine.stack_pointer, machine.frame_pointer, *machine.preserved)
    registers = {name: frame.registers[name] for name in kept if name in frame.registers}
    registers[machine.instruction_pointer] = scene.strip(address)
    return Step(registers, "frame_pointer")
