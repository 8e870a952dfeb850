"""Whether Crashpad's own reader takes a dump; if not, its uploader sends it without any field."""

from __future__ import annotations

from collections import Counter

from crashtool.formats.minidump import streams
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.structs import VERSION
from crashtool.services.sending.refused_streams import find_refused_stream

MISC_INFO_SIZES = (24, 44, 232, 832, 1364)  # MINIDUMP_MISC_INFO to _5 (minidumpapiset.h)
CRASHPAD_INFO_SIZE = 52  # the least that is read (process_snapshot_minidump.cc)
CRASHPAD_INFO_VERSION = 1


def find_refusal(dump: Minidump) -> str | None:
    """Why process_snapshot_minidump.cc would refuse a dump, as a clause; None when it takes it."""
    if dump.header.version != VERSION:
        return f"its header's version is {dump.header.version:#x}, not {VERSION:#x}"
    if len(dump.directory) < dump.header.stream_count:
        return "its directory is cut short"
    counts = Counter(entry.stream_type for entry in dump.directory)
    for entry in dump.directory:
        if counts[entry.stream_type] > 1:
            return f"it has several streams of type {entry.stream_type:#x}"
        if entry.rva + entry.size > dump.size:
            return "it is cut short"
    return _find_refused_stream(dump)


def _find_refused_stream(dump: Minidump) -> str | None:
    misc, modules = dump.find_place(streams.MISC_INFO), dump.find_place(streams.MODULE_LIST)
    crashpad = dump.find_place(streams.CRASHPAD_INFO)
    if misc and misc.size not in MISC_INFO_SIZES:
        return f"its process information has {misc.size} bytes"
    if crashpad is None:
        if modules:
            return "it has modules but no CrashpadInfo stream"
    elif crashpad.size < CRASHPAD_INFO_SIZE or dump.crashpad is None:
        return "its CrashpadInfo stream is cut short"
    elif dump.crashpad.version != CRASHPAD_INFO_VERSION:
        return f"its CrashpadInfo stream has version {dump.crashpad.version}"
    return find_refused_stream(dump)
