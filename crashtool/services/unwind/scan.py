"""A caller's frame by looking through the stack for what must be a return address."""

from typing import TYPE_CHECKING, NamedTuple

from crashtool.services.unwind.scene import Step

if TYPE_CHECKING:
    from crashtool.services.unwind.scene import Scene

FIRST_WORDS = 160  # of the innermost frame, which may be deep in a function with a large frame
WORDS = 40
SURE_WORDS = 1024  # as far as code is at hand that shows a call before the return address


class Place(NamedTuple):
    """A possible return address: `value` at `address` on the stack."""

    address: int
    value: int


def step_by_scan(
    scene: "Scene", frame: Step, function_start: int | None, *, first: bool, at_top: bool
) -> Step | None:
    """The caller, by the best return address near; the frame's code begins at `function_start`.

    `at_top`: the code keeps nothing on the stack, as a stub that makes a system call.
    """
    machine = scene.machine
    start = frame.registers.get(machine.stack_pointer)
    if start is None:
        return None
    place = find_return_address(
        scene, start, FIRST_WORDS if first else WORDS, function_start, at_top=at_top
    )
    if place is None:
        return None
    registers = {
        machine.instruction_pointer: scene.strip(place.value),
        machine.stack_pointer: place.address + machine.width,
    }
    pointer = frame.registers.get(machine.frame_pointer)
    if pointer is not None and pointer >= place.address + machine.width:
        registers[machine.frame_pointer] = pointer
    elif (saved := _find_saved_pointer(scene, place.address)) is not None:
        registers[machine.frame_pointer] = saved
    return Step(registers, "scan")


def find_return_address(
    scene: "Scene",
    start: int,
    words: int,
    function_start: int | None,
    *,
    at_top: bool = False,
) -> Place | None:
    """The best of the places from `start` on that can hold the current frame's return address.

    Best is one behind the call of the current function, then the nearest behind an indirect call,
    which may have been it, then one behind a call that leads elsewhere: by a jump from there, if it
    is no leftover. A value in code that is not at hand comes last, unless it must be what was
    pushed last (`at_top`).
    """
    width = scene.machine.width
    elsewhere: Place | None = None
    unknown: Place | None = None
    for number, value in scene.walk_code_values(start, SURE_WORDS if scene.knows_code else words):
        if not scene.may_return_to(value):
            continue
        address = start + number * width
        call = scene.find_call(value)
        if call is None:
            if scene.is_trampoline(value) or (at_top and number == 0):
                return Place(address, value)
            unknown = unknown or (Place(address, value) if number < words else None)
        elif call.target is not None and call.target == function_start:
            return Place(address, value)
        elif elsewhere is None:
            if call.target is None or function_start is None:
                return Place(address, value)
            elsewhere = Place(address, value) if number < words else None
    return elsewhere or unknown


def _find_saved_pointer(scene: "Scene", address: int) -> int | None:
    """The caller's frame pointer, as a function saves it just below its return address."""
    width = scene.machine.width
    saved = scene.read_pointer(address - width)
    if saved is None or saved <= address or scene.read_pointer(saved) is None:
        return None
    return saved
