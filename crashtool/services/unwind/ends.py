"""Where a walk ends: what nothing has called, by name, by module and by place on the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashtool.services.unwind.callee import Callee
    from crashtool.services.unwind.unwind_context import UnwindContext

LINUX = ("linux", "android")
# Nothing calls these: programs and threads begin there, by platform.
OUTERMOST = {
    "linux": ("_start", "_dl_start_user", "clone", "__clone", "clone3", "__clone3"),
    "android": ("_start", "__start_thread", "__bionic_clone"),
    "macos": ("start", "_start", "thread_start"),
    "windows": (
        "RtlUserThreadStart",
        "_RtlUserThreadStart",
        "__RtlUserThreadStart",
        "_RtlUserThreadStart@8",
        "BaseProcessStart",
        "BaseThreadStart",
    ),
}
ENTRY_POINT = "_start"
# Called by nothing but a program's entry point, whose own name may not be known.
CALLED_BY_ENTRY_POINT = ("__libc_start_main", "__libc_start_main_impl", "__libc_init")
# The only call from Windows' ntdll into kernel32 starts a thread. On x86 two functions of ntdll
# stand there, __RtlUserThreadStart and _RtlUserThreadStart, both with a frame pointer.
THREAD_STARTER, THREAD_BASE = "ntdll.dll", "kernel32.dll"
MAX_ARGUMENTS = 4096
MAX_STRINGS = 1 << 16
AT_PAGESZ, PAGE_SIZES, MAX_PAIRS = 6, (1 << 12, 1 << 14, 1 << 16), 32  # <elf.h>
PUSHED_BY_ENTRY_POINT = 4  # words, at most, below what the kernel left for it


def is_end(scene: UnwindContext, callee: Callee) -> bool:
    """Whether nothing can have called this frame, whatever the stack holds behind it."""
    is_entry = callee.function_name == ENTRY_POINT and not callee.step.is_exact
    return is_entry or _is_entered_by_return(scene, callee) or _is_at_arguments(scene, callee)


def is_outermost(scene: UnwindContext, callee: Callee) -> bool:
    """Whether the function is one that the system starts; its rules, if any, come first."""
    return callee.function_name in OUTERMOST.get(scene.platform, ())


def is_started_by_system(inner_module: str, inner_function: str, module: str) -> bool:
    """Whether what called an inner frame is where the system started the thread or program."""
    if inner_function.partition("@")[0] in CALLED_BY_ENTRY_POINT:
        return True
    return module == THREAD_STARTER and inner_module == THREAD_BASE


def _is_entered_by_return(scene: UnwindContext, callee: Callee) -> bool:
    """Whether a return address is the first instruction of a function that nothing has called.

    makecontext() of glibc lets a coroutine end so: the call that would stand before is padding.
    """
    loaded = callee.loaded
    if loaded is None or callee.step.is_exact or loaded.tables.find_cfi(callee.address) is not None:
        return False
    address = callee.step.registers[scene.machine.instruction_pointer] - loaded.base
    rules = loaded.tables.find_cfi(address)
    return rules is not None and rules.start == address


def _is_at_arguments(scene: UnwindContext, callee: Callee) -> bool:
    """Whether the frame's stack is what the kernel left for an entry point.

    Only an entry point lies so near to it, be its own name known or not.
    """
    stack = callee.step.registers.get(scene.machine.stack_pointer)
    if scene.platform not in LINUX or stack is None or callee.step.is_exact:
        return False
    width = scene.machine.width
    return any(
        _is_initial_stack(scene, stack + number * width) for number in range(PUSHED_BY_ENTRY_POINT)
    )


def _is_initial_stack(scene: UnwindContext, address: int) -> bool:
    """Whether a process's initial stack begins at a place (System V ABI, "Initial Stack").

    That is the number of arguments, pointers to them, a null, pointers to the environment, a null,
    and pairs of numbers, one of which gives the size of a page.
    """
    width = scene.machine.width
    count = scene.read_pointer(address)
    if count is None or not 0 < count <= MAX_ARGUMENTS:
        return False
    if _count_strings(scene, address + width) != count:
        return False
    environment = address + width * (count + 2)
    pairs = environment + width * (_count_strings(scene, environment) + 1)
    kinds = (scene.read_pointer(pairs + 2 * width * number) for number in range(MAX_PAIRS))
    return any(
        kind == AT_PAGESZ
        and (scene.read_pointer(pairs + 2 * width * number + width) or 0) in PAGE_SIZES
        for number, kind in enumerate(kinds)
    )


def _count_strings(scene: UnwindContext, address: int) -> int:
    """How many pointers up the stack stand from `address` on; what follows them is a null."""
    width = scene.machine.width
    last = address
    for number in range(MAX_STRINGS):
        pointer = scene.read_pointer(address + width * number)
        if pointer == 0:
            return number
        if pointer is None or pointer <= last:
            break
        last = pointer
    return -1
