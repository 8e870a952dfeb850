"""Frames that the Linux kernel makes: behind a signal handler, and inside a system call of x86."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.unwind.unwind_context import Loaded, StackFrame, UnwindContext

if TYPE_CHECKING:
    from crashtool.model.module import Module

KERNEL_MODULES = ("linux-gate.so", "linux-vdso.so", "[vdso]", "vdso")
USER_CODE_SEGMENTS = (0x23, 0x73)  # of a 64-bit and of a 32-bit kernel
USER_STACK_SEGMENTS = (0x2B, 0x7B)
USER_SEGMENTS = 0x002B_0000_0000_0033  # of a 64-bit kernel, as sigcontext holds them: ss to cs
FPSIMD_MAGIC = 0x46508001  # arch/arm64/include/uapi/asm/sigcontext.h
SYSTEM_CALL = "__kernel_vsyscall"
SYSTEM_CALL_SAVES = ("ebp", "edx", "ecx")  # __kernel_vsyscall pushes ecx, edx, ebp


class SavedContext(NamedTuple):
    """Where a signal frame holds the interrupted registers: offsets in bytes from `start`."""

    start: int
    names: tuple[str, ...]


def step_by_signal_frame(
    scene: UnwindContext, frame: StackFrame, loaded: Loaded | None
) -> StackFrame | None:
    """What the kernel's code page was entered from: the interrupted code, or a system call."""
    if loaded is None or scene.machine.name not in FRAMES:
        return None
    if frame.trust == "context":
        is_call = is_system_call(scene, loaded.module)
        return _leave_system_call(scene, frame) if is_call else None
    if not _is_entered_by_signal(scene, frame, loaded):
        return None
    stack = frame.registers[scene.machine.stack_pointer]
    context = FRAMES[scene.machine.name](scene, stack)
    if context is None:
        is_call = frame.is_exact and is_system_call(scene, loaded.module)
        return _leave_system_call(scene, frame) if is_call else None
    registers: dict[str, int] = {}
    for number, name in enumerate(context.names):
        value = scene.read_pointer(context.start + number * scene.machine.width)
        if value is not None and name:
            registers[name] = value
    if scene.machine.instruction_pointer not in registers:
        return None
    return StackFrame(registers, "cfi", is_exact=True)


def _is_entered_by_signal(scene: UnwindContext, frame: StackFrame, loaded: Loaded) -> bool:
    pointer = frame.registers[scene.machine.instruction_pointer]
    if loaded.module.name.startswith(KERNEL_MODULES) or scene.is_trampoline(pointer):
        return True
    # A word of the stack is read sooner than a function is found.
    return (
        is_signal_frame(scene, frame.registers[scene.machine.stack_pointer])
        and loaded.tables.find_function(pointer - loaded.base) is None
    )


def is_signal_frame(scene: UnwindContext, stack: int) -> bool:
    """Whether the stack holds what the kernel stores for a signal, be the code there known or not.

    The C library, to whose code the handler returns, is often not at hand. On x86-64 the segment
    registers tell, on ARM64 the head of the saved vector registers.
    """
    if scene.machine.name == "x86_64":
        return (
            scene.read_pointer(_find_amd64(scene, stack).start + _AMD64_SEGMENTS) == USER_SEGMENTS
        )
    if scene.machine.name == "arm64":
        head = scene.read_pointer(stack + _ARM64_RESERVED)
        return head is not None and head & 0xFFFFFFFF == FPSIMD_MAGIC
    return False


def is_system_call(scene: UnwindContext, module: Module | None) -> bool:
    """Whether a thread that was stopped in a module was in a system call of i386."""
    return (
        module is not None
        and scene.machine.name == "x86"
        and scene.platform in ("linux", "android")
        and module.name.startswith(KERNEL_MODULES)
    )


def _leave_system_call(scene: UnwindContext, frame: StackFrame) -> StackFrame | None:
    """__kernel_vsyscall of i386, which has no unwind information in any file."""
    stack = frame.registers["esp"]
    for saved in (SYSTEM_CALL_SAVES, ()):
        location = stack + len(saved) * scene.machine.width
        address = scene.read_pointer(location)
        if address is None or not scene.may_return_to(address):
            continue
        registers = dict(frame.registers) | {"eip": address, "esp": location + scene.machine.width}
        for number, name in enumerate(saved):
            value = scene.read_pointer(stack + number * scene.machine.width)
            if value is not None:
                registers[name] = value
        return StackFrame(registers, "cfi")
    return None


# arch/x86/include/uapi/asm/sigcontext.h and sigframe.h; struct ucontext comes first.
_AMD64 = (
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
    *("rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip"),
)
_X86 = (
    *("", "", "", "", "edi", "esi", "ebp", "esp", "ebx", "edx", "ecx", "eax"),
    *("", "", "eip", "", "", "", ""),
)
_AMD64_SEGMENTS = 8 * 18  # cs, gs, fs and ss, behind rip and the flags
_ARM64_RESERVED = 128 + 176 + 288  # sigcontext's tagged records begin there
_X86_CODE_SEGMENT, _X86_STACK_SEGMENT = 15, 18  # among the words of sigcontext
_ARM64 = (*(f"x{number}" for number in range(29)), "fp", "lr", "sp", "pc")
_ARM = (*(f"r{number}" for number in range(13)), "sp", "lr", "pc")


def _find_amd64(_: UnwindContext, stack: int) -> SavedContext:
    return SavedContext(stack + 40, _AMD64)


def _find_x86(scene: UnwindContext, stack: int) -> SavedContext | None:
    """Either frame of i386: a sigcontext behind the number, or a pointer to a ucontext."""
    pointed = scene.read_pointer(stack + 8)
    starts = [stack + 4] if pointed is None else [pointed + 20, stack + 4]
    for start in starts:
        code = scene.read_pointer(start + 4 * _X86_CODE_SEGMENT)
        segment = scene.read_pointer(start + 4 * _X86_STACK_SEGMENT)
        if code is None or segment is None:
            continue
        if code & 0xFFFF in USER_CODE_SEGMENTS and segment & 0xFFFF in USER_STACK_SEGMENTS:
            return SavedContext(start, _X86)
    return None


def _find_arm64(_: UnwindContext, stack: int) -> SavedContext | None:
    """Behind siginfo (128 bytes), ucontext's head (176) and the fault address (8)."""
    return SavedContext(stack + 128 + 176 + 8, _ARM64)


def _find_arm(_: UnwindContext, stack: int) -> SavedContext | None:
    """Behind siginfo (128 bytes), ucontext's head (20), and three words."""
    return SavedContext(stack + 128 + 20 + 12, _ARM)


FRAMES: dict[str, Callable[[UnwindContext, int], SavedContext | None]] = {
    "x86_64": _find_amd64,
    "x86": _find_x86,
    "arm64": _find_arm64,
    "arm": _find_arm,
}
