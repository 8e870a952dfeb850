"""The registry of streams: number, name and reader of each that crashtool knows."""

from __future__ import annotations

from typing import Any

from crashtool.formats.minidump import (
    linux_streams,
    memory,
    modules,
    system_streams,
    threads,
    windows_detail,
)
from crashtool.formats.minidump.crashpad_info import read_crashpad_info
from crashtool.formats.minidump.exception import read_exception
from crashtool.formats.minidump.stream_kind import StreamKind

UNUSED: StreamKind[None] = StreamKind(0, "Unused")
THREAD_LIST = StreamKind(3, "ThreadList", threads.read_thread_list)
MODULE_LIST = StreamKind(4, "ModuleList", modules.read_module_list)
MEMORY_LIST = StreamKind(5, "MemoryList", memory.read_memory_list)
EXCEPTION = StreamKind(6, "Exception", read_exception)
SYSTEM_INFO = StreamKind(7, "SystemInfo", system_streams.read_system_info)
THREAD_EX_LIST = StreamKind(8, "ThreadExList", threads.read_thread_ex_list)
MEMORY64_LIST = StreamKind(9, "Memory64List", memory.read_memory64_list)
COMMENT_A = StreamKind(10, "CommentA", system_streams.read_comment_ansi)
COMMENT_W = StreamKind(11, "CommentW", system_streams.read_comment_wide)
HANDLE_DATA = StreamKind(12, "HandleData", windows_detail.read_handles)
UNLOADED_MODULE_LIST = StreamKind(14, "UnloadedModuleList", modules.read_unloaded_modules)
MISC_INFO = StreamKind(15, "MiscInfo", system_streams.read_misc_info)
MEMORY_INFO_LIST = StreamKind(16, "MemoryInfoList", memory.read_memory_info)
THREAD_INFO_LIST = StreamKind(17, "ThreadInfoList", threads.read_thread_info_list)
THREAD_NAMES = StreamKind(24, "ThreadNames", threads.read_thread_names)
CRASHPAD_INFO = StreamKind(0x43500001, "CrashpadInfo", read_crashpad_info)
BREAKPAD_INFO = StreamKind(0x47670001, "BreakpadInfo", system_streams.read_breakpad_info)
ASSERTION_INFO = StreamKind(0x47670002, "AssertionInfo", system_streams.read_assertion)
MAC_CRASH_INFO = StreamKind(0x4D7A0001, "MozMacosCrashInfo", system_streams.read_mac_crash_info)

STREAMS: dict[int, StreamKind[Any]] = {
    kind: kind
    for kind in (
        UNUSED,
        StreamKind(1, "Reserved0"),
        StreamKind(2, "Reserved1"),
        THREAD_LIST,
        MODULE_LIST,
        MEMORY_LIST,
        EXCEPTION,
        SYSTEM_INFO,
        THREAD_EX_LIST,
        MEMORY64_LIST,
        COMMENT_A,
        COMMENT_W,
        HANDLE_DATA,
        StreamKind(13, "FunctionTable"),
        UNLOADED_MODULE_LIST,
        MISC_INFO,
        MEMORY_INFO_LIST,
        THREAD_INFO_LIST,
        StreamKind(18, "HandleOperationList"),
        StreamKind(19, "Token"),
        StreamKind(20, "JavaScriptData"),
        StreamKind(21, "SystemMemoryInfo"),
        StreamKind(22, "ProcessVmCounters"),
        StreamKind(23, "IptTrace"),
        THREAD_NAMES,
        CRASHPAD_INFO,
        BREAKPAD_INFO,
        ASSERTION_INFO,
        linux_streams.CPU_INFO,
        linux_streams.PROC_STATUS,
        linux_streams.LSB_RELEASE,
        linux_streams.COMMAND_LINE,
        linux_streams.ENVIRON,
        linux_streams.AUXV,
        linux_streams.MAPS,
        linux_streams.DSO_DEBUG,
        StreamKind(0x4767000B, "LinuxProcStat"),
        StreamKind(0x4767000C, "LinuxProcUptime"),
        StreamKind(0x4767000D, "LinuxProcFD"),
        MAC_CRASH_INFO,
        StreamKind(0x4D7A0002, "MozMacosBootargs"),
        StreamKind(0x4D7A0003, "MozLinuxLimits"),
        StreamKind(0x4D7A0004, "MozSoftErrors"),
        StreamKind(0xFACECAFA, "FacebookAppCustomData"),
        StreamKind(0xFACECAFB, "FacebookBuildID"),
        StreamKind(0xFACECAFC, "FacebookAppVersionName"),
        StreamKind(0xFACECAFD, "FacebookJavaStack"),
        StreamKind(0xFACECAFE, "FacebookDalvikInfo"),
        StreamKind(0xFACECAFF, "FacebookUnwindSymbols"),
        StreamKind(0xFACECB00, "FacebookDumpErrorLog"),
        StreamKind(0xFACECCCC, "FacebookAppStateLog"),
        StreamKind(0xFACEDEAD, "FacebookAbortReason"),
        StreamKind(0xFACEE000, "FacebookThreadName"),
    )
}
"""By stream type: minidumpapiset.h, minidump_format.h, minidump_extensions.h."""


def name_stream(stream_type: int) -> str:
    """A stream's name, or its number where it has none."""
    kind = STREAMS.get(stream_type)
    return f"{stream_type:#010x}" if kind is None else kind.name
