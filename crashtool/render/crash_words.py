"""Where a crash happened and what it is grouped by, in a line each."""

from __future__ import annotations

from crashtool.model.crash import BadPointer, CrashReport, Frame
from crashtool.model.own_calls import OwnCall
from crashtool.model.signature import find_own_call, sign
from crashtool.render.words import format_location, format_source_location, innermost_call

ABORTS, RAISES = "SIGABRT", "0x"  # software exceptions have no name of their own
GUESS = "(a guess)"


def crash_frame(report: CrashReport) -> Frame | None:
    """Where it happened: the innermost frame of the crashed thread, else what the record says."""
    thread = report.crashed_thread
    if thread and thread.frames:
        return thread.frames[0]
    return report.crash.frame if report.crash else None


def format_where(report: CrashReport) -> str:
    """`game!bind_mesh, game.c:7`; `abort() called by main, main.cpp:17` below a library's frames.

    "" when the dump does not say.
    """
    frame = crash_frame(report)
    if frame is None:
        return ""
    own = find_own_call(report)
    if own is not None and own.frame and own.call.function:
        return _format_call(report, own)
    architecture = report.system.architecture if report.system else ""
    call = innermost_call(frame)
    parts = (format_location(frame, architecture), format_source_location(call.file, call.line))
    return ", ".join(part for part in parts if part)


def format_bad_pointer(pointer: BadPointer) -> str:
    """`reads mesh->verts.data[3]: mesh is null`, `calls ops->draw, which is null`."""
    if pointer.does == "calls" and pointer.target == pointer.pointer:
        return f"calls {pointer.target}, which is {_format_pointer(pointer)}"
    return f"{pointer.does} {pointer.target}: {format_pointer_state(pointer)}"


def format_pointer_state(pointer: BadPointer) -> str:
    """`mesh is null`."""
    verb = "refers to" if pointer.is_reference else "is"
    return f"{pointer.pointer} {verb} {_format_pointer(pointer)}"


def _format_pointer(pointer: BadPointer) -> str:
    value = f"{pointer.value:#x}" if pointer.value else "null"
    return f"{value} ({pointer.note})" if pointer.note else value


def format_signature(report: CrashReport) -> str:
    """The signature, marked if its first function was found by scanning the stack."""
    signature = sign(report)
    guess = f"  {GUESS}" if signature.quality == "guess" else ""
    return f"{signature.text}{guess}" if signature.text else ""


def _format_call(report: CrashReport, own: OwnCall) -> str:
    source = format_source_location(own.call.file, own.call.line)
    parts = [f"{_name_callee(report, own)} called by {own.name}", source]
    words = ", ".join(part for part in parts if part)
    return f"{words} {GUESS}" if own.quality == "guess" else words


def _name_callee(report: CrashReport, own: OwnCall) -> str:
    """What the program's own function called: by name, by what it does, or by its module."""
    thread = report.crashed_thread
    assert thread is not None  # noqa: S101 (it has the call)
    inside = thread.frames[own.frame - 1]
    name = (inside.function or "").removeprefix("__GI_").partition("(")[0]
    reason = report.crash.reason.name if report.crash else ""
    if name:
        return f"{name}()"
    if reason.startswith(ABORTS):
        return "abort()"
    if reason.startswith(RAISES):
        return "RaiseException()"
    if inside.module is not None:
        return inside.module.name
    return f"{inside.instruction:#x}"
