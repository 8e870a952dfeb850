"""A crash's signature: the words by which crashes of the same cause are likely to group.

Not Backtrace's fingerprint, which only its server computes.
"""

from collections.abc import Sequence

from crashtool.model.crash import Frame

# Functions that only carry the crash out, whoever caused it.
CARRIERS = frozenset(
    {
        "__GI_abort", "__GI_raise", "__assert_fail", "__assert_fail_base", "__assert_rtn",
        "__cxa_throw", "__fastfail", "__kernel_vsyscall", "__libc_message", "__pthread_kill",
        "__pthread_kill_implementation", "__pthread_kill_internal", "__restore_rt",
        "__stack_chk_fail", "_assert", "_invalid_parameter", "_invoke_watson", "_wassert", "abort",
        "abort_message", "core::panicking::panic", "core::panicking::panic_fmt",
        "demangling_terminate_handler", "gsignal", "pthread_kill", "raise", "rust_panic",
        "std::terminate", "terminate", "tgkill",
        "CxxThrowException", "_CxxThrowException", "RaiseException", "RaiseFailFastException",
    }
)  # fmt: skip


def get_signature(frames: Sequence[Frame]) -> str:
    """The innermost frame that may be at fault, in a word; "" without frames."""
    for frame in frames:
        if not (frame.function and is_carrier(frame.function)):
            return name_frame(frame)
    return name_frame(frames[0]) if frames else ""


def is_carrier(function: str) -> bool:
    """Whether a function only carries crashes out (abort, raise, a throw)."""
    return function.partition("(")[0] in CARRIERS


def name_frame(frame: Frame) -> str:
    """One frame in a word: `Renderer::flush`, `renderer.cpp:214`, `game.exe+0x41f2a`, `0x7f12`."""
    if frame.function:
        return frame.function
    if frame.file and frame.line:
        return f"{frame.file.replace(chr(92), '/').rpartition('/')[2]}:{frame.line}"
    if frame.module is not None:
        return f"{frame.module.name}+{frame.module_offset:#x}"
    if frame.unloaded:
        return f"{frame.unloaded[0].name}+{frame.unloaded[0].offset:#x} (unloaded)"
    return f"{frame.instruction:#x}"
