"""Values as people read them: addresses, sizes, times, durations."""

from __future__ import annotations

import time
from collections.abc import Iterator

from crashtool.formats.foreign_paths import base_name
from crashtool.formats.minidump.reasons.reason import hex_address
from crashtool.formats.moment import find_date
from crashtool.formats.source_path import parse_source_path
from crashtool.model.crash import Assertion, CrashReport, Frame, InlineFrame, Process, System
from crashtool.render.names import shorten
from crashtool.render.safe_text import safe

SYSTEM_NAMES = {
    "windows": "Windows",
    "macos": "macOS",
    "ios": "iOS",
    "linux": "Linux",
    "android": "Android",
    "fuchsia": "Fuchsia",
    "solaris": "Solaris",
    "ps3": "PS3",
    "nacl": "NaCl",
}
# What threads most often leave behind (winerror.h).
WIN32_ERRORS = {
    0: "ERROR_SUCCESS",
    1: "ERROR_INVALID_FUNCTION",
    2: "ERROR_FILE_NOT_FOUND",
    3: "ERROR_PATH_NOT_FOUND",
    5: "ERROR_ACCESS_DENIED",
    6: "ERROR_INVALID_HANDLE",
    8: "ERROR_NOT_ENOUGH_MEMORY",
    13: "ERROR_INVALID_DATA",
    14: "ERROR_OUTOFMEMORY",
    18: "ERROR_NO_MORE_FILES",
    32: "ERROR_SHARING_VIOLATION",
    38: "ERROR_HANDLE_EOF",
    50: "ERROR_NOT_SUPPORTED",
    80: "ERROR_FILE_EXISTS",
    87: "ERROR_INVALID_PARAMETER",
    109: "ERROR_BROKEN_PIPE",
    112: "ERROR_DISK_FULL",
    120: "ERROR_CALL_NOT_IMPLEMENTED",
    122: "ERROR_INSUFFICIENT_BUFFER",
    123: "ERROR_INVALID_NAME",
    126: "ERROR_MOD_NOT_FOUND",
    127: "ERROR_PROC_NOT_FOUND",
    183: "ERROR_ALREADY_EXISTS",
    203: "ERROR_ENVVAR_NOT_FOUND",
    234: "ERROR_MORE_DATA",
    258: "WAIT_TIMEOUT",
    259: "ERROR_NO_MORE_ITEMS",
    995: "ERROR_OPERATION_ABORTED",
    997: "ERROR_IO_PENDING",
    998: "ERROR_NOACCESS",
    1008: "ERROR_NO_TOKEN",
    1168: "ERROR_NOT_FOUND",
    1400: "ERROR_INVALID_WINDOW_HANDLE",
    1460: "ERROR_TIMEOUT",
    6000: "ERROR_ENCRYPTION_FAILED",
    14007: "ERROR_SXS_KEY_NOT_FOUND",
    15700: "APPMODEL_ERROR_NO_PACKAGE",
}
MAX_FUNCTION = 100  # characters in a line that speaks of one function
MINUTE, HOUR, DAY = 60, 3600, 86400


def format_size(size: int) -> str:
    """Bytes, KB (1,024 bytes) or MB, GB: `27 KB`, `1.2 MB`."""
    if size < 1024:  # noqa: PLR2004 (a KB)
        return f"{size} bytes"
    value = size / 1024
    for unit in ("KB", "MB"):
        if value < 1000:  # noqa: PLR2004 (three digits and a point are enough)
            return f"{value:.1f} {unit}" if value < 10 and unit != "KB" else f"{value:.0f} {unit}"  # noqa: PLR2004
        value /= 1024
    return f"{value:.1f} GB"


def format_time(seconds: int) -> str:
    """A moment of Unix time: `2026-11-22 18:31:48 UTC`; a damaged file may hold any number."""
    date = find_date(seconds)
    if date is None:
        return f"a damaged time ({seconds} s from 1970)"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", date)


def format_duration(seconds: int) -> str:
    """`47 s`, `3 m 12 s`, `5 h 2 m`, `3 d 4 h`."""
    for unit, name, below, below_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "m"),
        (MINUTE, "m", 1, "s"),
    ):
        if seconds >= unit:
            rest = seconds % unit // below
            return f"{seconds // unit} {name}" + (f" {rest} {below_name}" if rest else "")
    return f"{seconds} s"


def format_system(system: System) -> str:
    """`Windows 10.0.19045, x86_64, 8 CPUs`."""
    name = SYSTEM_NAMES.get(system.platform, system.name)
    version = "" if system.version == "0.0.0" else system.version
    parts = [" ".join(part for part in (name, version) if part), system.architecture]
    release = dict(system.release)
    if distribution := release.get("DISTRIB_DESCRIPTION") or release.get("PRETTY_NAME"):
        parts.insert(1, distribution)
    if system.cpu_count:
        parts.append(f"{system.cpu_count} CPU" + ("s" if system.cpu_count > 1 else ""))
    return ", ".join(parts)


def format_process(process: Process) -> str:
    """`game.exe 1.4.2, pid 4712, up 3 m 12 s`."""
    parts = [" ".join(part for part in (process.name or "unknown", process.version) if part)]
    if process.id is not None:
        parts.append(f"pid {process.id}")
    if process.uptime is not None:
        parts.append(f"up {format_duration(process.uptime)}")
    return ", ".join(parts)


def walk_start(process: Process, limit: int) -> Iterator[tuple[str, str]]:
    """(label, text) of how a process was started, texts cut to `limit` characters unless it is 0.

    The image's path is left out where the command line begins with it.
    """
    command = process.command_line
    if command:
        yield "Command", safe(command, limit)
    image = process.image_path
    if image and not (command or "").lstrip('"').lower().startswith(image.lower()):
        yield "Image", safe(image, limit)
    folder = process.current_directory
    if folder:
        yield "Folder", safe(folder, limit)
    if process.environment_count is not None:
        plural = "" if process.environment_count == 1 else "s"
        yield "Env", f"{process.environment_count:,} variable{plural}, not shown"


def format_kind(report: CrashReport) -> str:
    """`Windows minidump from Crashpad`; `Linux minidump written by crashtool` by none of them."""
    platform = SYSTEM_NAMES.get(report.system.platform, "") if report.system else ""
    kind = f"{platform} minidump" if platform else "minidump"
    if report.writer == "crashtool":
        return f"{kind} written by crashtool"
    return f"{kind} from {report.writer}" if report.writer else kind


def format_location(frame: Frame, architecture: str) -> str:
    """Where a frame is: `game.exe!Renderer::flush`, `game.exe + 0x41f2a`, or an address.

    The function is the innermost one, which may be merged into the frame's own.
    """
    if frame.module is None:
        place = hex_address(frame.instruction, architecture)
        if frame.unloaded:
            return f"{place} in unloaded {frame.unloaded[0].name} + {frame.unloaded[0].offset:#x}"
        if frame.function:  # a map of generated code names it
            return f"{shorten(frame.function, MAX_FUNCTION)} ({place}, in no module)"
        return f"{place} (in no module)"
    if function := innermost_call(frame).function:
        return f"{frame.module.name}!{shorten(function, MAX_FUNCTION)}"
    return format_offset(frame)


def format_offset(frame: Frame) -> str:
    """`game.exe + 0x41f2a`, or "" in no module."""
    return f"{frame.module.name} + {frame.module_offset:#x}" if frame.module else ""


def innermost_call(frame: Frame) -> InlineFrame:
    """The call that was running: the innermost one of those merged into the frame, or its own."""
    if frame.inlines:
        return frame.inlines[0]
    return InlineFrame(frame.function or "", frame.file, frame.line)


def format_assertion(assertion: Assertion) -> str:
    """`invalid parameter: format != nullptr in common_vfprintf, output.cpp:32`."""
    text = assertion.expression
    if assertion.function:
        text += f" in {assertion.function}"
    if assertion.file:
        text += f", {base_name(assertion.file)}:{assertion.line}"
    return f"{assertion.kind}: {text.strip(', ')}" if text else assertion.kind


def format_error_code(code: int | None) -> str | None:
    """A Win32 error by its constant's name, where it is a common one, else as a number."""
    return None if code is None else WIN32_ERRORS.get(code, f"0x{code:08x}")


def format_source_location(file: str | None, line: int | None) -> str:
    """`renderer.cpp:214`, or "" when the file is not known."""
    if not file:
        return ""
    name = base_name(parse_source_path(file).path)
    return f"{name}:{line}" if line else name
