"""What the process ran on, and who wrote the dump, in the words of each system."""

from __future__ import annotations

from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.streams import CRASHPAD_INFO
from crashtool.model.crash import System

# The names that rust-minidump's schema gives to systems.
SYSTEM_NAMES = {
    "windows": "Windows NT",
    "macos": "Mac OS X",
    "ios": "iOS",
    "linux": "Linux",
    "android": "Android",
    "fuchsia": "Fuchsia",
    "solaris": "Solaris",
    "ps3": "PS3",
    "nacl": "NaCl",
}
NO_VERSION = "0.0.0"
BREAKPAD_STREAMS = 0x4767  # "Gg", the upper half of the types of Breakpad's own streams


def read_system(dump: Minidump) -> System | None:
    """The SystemInfo stream in words; None without it."""
    info = dump.system
    if info is None:
        return None
    version, build = info.version, info.csd.strip()
    if info.platform == "linux" and version == NO_VERSION:
        version, build = _parse_uname(build)
    return System(
        platform=info.platform,
        name=SYSTEM_NAMES.get(info.platform, f"unknown 0x{info.platform_id:08x}"),
        version=version,
        build=build,
        architecture=info.architecture,
        release=tuple((dump.linux.lsb_release or {}).items()),
        cpu_count=info.cpu_count or None,
        cpu_info=info.cpu_info,
    )


def _parse_uname(text: str) -> tuple[str, str]:
    """Breakpad leaves the numbers 0 and writes `Linux 4.4.0-38 #57 SMP ... x86_64`."""
    words = text.split(" ")
    if len(words) < 2 or words[0] != "Linux":  # noqa: PLR2004 (system and release, at least)
        return NO_VERSION, text
    return words[1], " ".join(words[2:-1])


def name_writer(dump: Minidump) -> str:
    """Who wrote the dump, from what each writer alone puts in; "" when nothing tells."""
    if _build_string(dump).startswith("crashtool."):
        return "crashtool"
    if bears_crashpads_mark(dump):
        return "Crashpad"
    if any(entry.stream_type >> 16 == BREAKPAD_STREAMS for entry in dump.directory):
        return "Breakpad"
    if dump.header.version >> 16:  # dbghelp puts its own version there
        return "Windows"
    return ""


def bears_crashpads_mark(dump: Minidump) -> bool:
    """Whether what wrote the dump knew Crashpad's own streams.

    A CrashpadInfo stream without a report's or client's id tells nothing: `annotate --into` puts
    such a one into dumps of any writer.
    """
    if _build_string(dump).startswith(("crashpad.", "crashtool.")):
        return True
    info = dump.crashpad
    if info is None:
        return dump.find_place(CRASHPAD_INFO) is not None
    return bool(info.report_id.int or info.client_id.int)


def _build_string(dump: Minidump) -> str:
    return (dump.misc.debug_build_string if dump.misc else None) or ""
