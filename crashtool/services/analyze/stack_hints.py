"""Conclusions from a crashed stack once its functions have names: what brought it to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from crashtool.model.crash import CrashReport, Frame
from crashtool.model.function_name import drop_clone

DEEP = 200  # frames; a function that has most of so many calls itself without end
MAX_LOOKED_AT = 12  # frames: how far a runtime's functions reach out
GUESSED = ("scan", "cfi_scan")

# Functions and what it means that a crash ends in them, most telling first.
MEANINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "the C library found its heap damaged: an earlier overrun, double free or use after free",
        (
            "malloc_printerr",
            "malloc_consolidate",
            "munmap_chunk",
            "malloc_error_break",
            "malloc_zone_error",
            "malloc_vreport",
            "szone_error",
            "free_list_checksum_botch",
            "RtlReportCriticalFailure",
            "RtlpHeapHandleError",
            "RtlpLogHeapFailure",
            "RtlpAnalyzeHeapFailure",
            "scudo::die",
        ),
    ),
    (
        "a function found its own stack frame overwritten: a buffer on the stack was overrun",
        ("__stack_chk_fail", "__stack_chk_fail_local", "__report_gsfailure"),
    ),
    (
        "a checked copy would have overrun its destination (_FORTIFY_SOURCE)",
        ("__chk_fail", "__fortify_fail", "__chk_fail_overflow"),
    ),
    (
        "a pure virtual function was called: the object is still, or no longer, its base class",
        ("__cxa_pure_virtual", "_purecall"),
    ),
    (
        "AddressSanitizer ended the program; its report went to the standard error",
        ("__asan_report_error", "__asan::ReportGenericError", "__sanitizer::Die"),
    ),
    (
        "a C++ exception left a function that may not throw, or found no handler",
        (
            "std::terminate",
            "__cxxabiv1::__terminate",
            "__clang_call_terminate",
            "__cxa_call_terminate",
            "demangling_terminate_handler",
            "__std_terminate",
            "terminate",
        ),
    ),
    (
        "a Rust panic ended the program",
        ("rust_panic", "rust_begin_unwind", "core::panicking::panic_fmt", "__rust_start_panic"),
    ),
    (
        "an assertion failed",
        (
            "__assert_fail",
            "__assert_fail_base",
            "__assert_rtn",
            "_wassert",
            "_assert",
            "__assert2",
            "std::__glibcxx_assert_fail",
        ),
    ),
    (
        "an Objective-C exception found no handler",
        ("_objc_terminate", "objc_exception_throw"),
    ),
)
BY_NAME = {name: sentence for sentence, names in reversed(MEANINGS) for name in names}


def add_stack_hints(report: CrashReport) -> CrashReport:
    """The report, its crash's hints completed by what the crashed stack says."""
    crash, thread = report.crash, report.crashed_thread
    if crash is None or thread is None or not crash.reason.is_crash:
        return report
    hints = (_end(thread.frames), _recursion(thread.frames), _unloaded(thread.frames))
    new = tuple(hint for hint in hints if hint and hint not in crash.hints)
    return report._replace(crash=crash._replace(hints=crash.hints + new)) if new else report


def _end(frames: Sequence[Frame]) -> str:
    """What the runtime's functions at the top of the stack mean, the most telling of them."""
    hints = {
        BY_NAME[name]
        for frame in frames[:MAX_LOOKED_AT]
        if frame.trust not in GUESSED
        for name in _names(frame)
        if name in BY_NAME
    }
    return next((sentence for sentence, _ in MEANINGS if sentence in hints), "")


def _names(frame: Frame) -> list[str]:
    calls = [inline.function for inline in frame.inlines] + [frame.function or ""]
    return [drop_clone(call).partition("(")[0].removeprefix("__GI_") for call in calls]


def _recursion(frames: Sequence[Frame]) -> str:
    if len(frames) < DEEP:
        return ""
    counts = Counter((frame.module, frame.function) for frame in frames if frame.function)
    if not counts:
        return ""
    (_, function), count = counts.most_common(1)[0]
    if 4 * count < len(frames):
        return ""
    return f"deep recursion: {count} of the {len(frames)} frames are calls of {function}"


def _unloaded(frames: Sequence[Frame]) -> str:
    """Callers in modules that are gone; the innermost frame has a hint of its own."""
    names = dict.fromkeys(
        frame.unloaded[0].name
        for frame in frames[1:]
        if frame.unloaded and frame.trust not in GUESSED
    )
    if not names:
        return ""
    return f"the stack leads through modules that are unloaded: {', '.join(names)}"
