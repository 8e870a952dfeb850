"""The registry of streams: number, name and reader of each that crashtool knows."""

from collections.abc import Callable
from typing import Any

from crashtool.formats.minidump import linux, memory, modules, system, threads, windows_detail
from crashtool.formats.minidump.crashpad_info import read_crashpad_info
from crashtool.formats.minidump.dump_source import DumpSource, Location
from crashtool.formats.minidump.exception import read_exception
from crashtool.formats.named_tuple import NamedTuple

UNUSED = 0
THREAD_LIST = 3
MODULE_LIST = 4
MEMORY_LIST = 5
EXCEPTION = 6
SYSTEM_INFO = 7
THREAD_EX_LIST = 8
MEMORY64_LIST = 9
COMMENT_A = 10
COMMENT_W = 11
HANDLE_DATA = 12
UNLOADED_MODULE_LIST = 14
MISC_INFO = 15
MEMORY_INFO_LIST = 16
THREAD_INFO_LIST = 17
THREAD_NAMES = 24
CRASHPAD_INFO = 0x43500001
BREAKPAD_INFO = 0x47670001
ASSERTION_INFO = 0x47670002
MAC_CRASH_INFO = 0x4D7A0001


class StreamKind(NamedTuple):
    """A stream's name, and its reader: None for streams that are only listed.

    A reader gives the stream's value, notes tolerated damage in the source and raises
    MalformedFile when there is nothing to give.
    """

    name: str
    reader: Callable[[DumpSource, Location], Any] | None = None


STREAMS: dict[int, StreamKind] = {
    UNUSED: StreamKind("Unused"),
    1: StreamKind("Reserved0"),
    2: StreamKind("Reserved1"),
    THREAD_LIST: StreamKind("ThreadList", threads.read_thread_list),
    MODULE_LIST: StreamKind("ModuleList", modules.read_module_list),
    MEMORY_LIST: StreamKind("MemoryList", memory.read_memory_list),
    EXCEPTION: StreamKind("Exception", read_exception),
    SYSTEM_INFO: StreamKind("SystemInfo", system.read_system_info),
    THREAD_EX_LIST: StreamKind("ThreadExList", threads.read_thread_ex_list),
    MEMORY64_LIST: StreamKind("Memory64List", memory.read_memory64_list),
    COMMENT_A: StreamKind("CommentA", system.read_comment_ansi),
    COMMENT_W: StreamKind("CommentW", system.read_comment_wide),
    HANDLE_DATA: StreamKind("HandleData", windows_detail.read_handles),
    13: StreamKind("FunctionTable"),
    UNLOADED_MODULE_LIST: StreamKind("UnloadedModuleList", modules.read_unloaded_modules),
    MISC_INFO: StreamKind("MiscInfo", system.read_misc_info),
    MEMORY_INFO_LIST: StreamKind("MemoryInfoList", memory.read_memory_info),
    THREAD_INFO_LIST: StreamKind("ThreadInfoList", threads.read_thread_info_list),
    18: StreamKind("HandleOperationList"),
    19: StreamKind("Token"),
    20: StreamKind("JavaScriptData"),
    21: StreamKind("SystemMemoryInfo"),
    22: StreamKind("ProcessVmCounters"),
    23: StreamKind("IptTrace"),
    THREAD_NAMES: StreamKind("ThreadNames", threads.read_thread_names),
    CRASHPAD_INFO: StreamKind("CrashpadInfo", read_crashpad_info),
    BREAKPAD_INFO: StreamKind("BreakpadInfo", system.read_breakpad_info),
    ASSERTION_INFO: StreamKind("AssertionInfo", system.read_assertion),
    linux.CPU_INFO: StreamKind("LinuxCpuInfo", linux.read_colon_fields),
    linux.PROC_STATUS: StreamKind("LinuxProcStatus", linux.read_colon_fields),
    linux.LSB_RELEASE: StreamKind("LinuxLsbRelease", linux.read_shell_fields),
    linux.COMMAND_LINE: StreamKind("LinuxCmdLine", linux.read_command_line),
    linux.ENVIRON: StreamKind("LinuxEnviron", linux.read_environ),
    linux.AUXV: StreamKind("LinuxAuxv", linux.read_auxv),
    linux.MAPS: StreamKind("LinuxMaps", linux.read_maps),
    linux.DSO_DEBUG: StreamKind("LinuxDsoDebug", linux.read_dso_debug),
    0x4767000B: StreamKind("LinuxProcStat"),
    0x4767000C: StreamKind("LinuxProcUptime"),
    0x4767000D: StreamKind("LinuxProcFD"),
    MAC_CRASH_INFO: StreamKind("MozMacosCrashInfo", system.read_mac_crash_info),
    0x4D7A0002: StreamKind("MozMacosBootargs"),
    0x4D7A0003: StreamKind("MozLinuxLimits"),
    0x4D7A0004: StreamKind("MozSoftErrors"),
    0xFACECAFA: StreamKind("FacebookAppCustomData"),
    0xFACECAFB: StreamKind("FacebookBuildID"),
    0xFACECAFC: StreamKind("FacebookAppVersionName"),
    0xFACECAFD: StreamKind("FacebookJavaStack"),
    0xFACECAFE: StreamKind("FacebookDalvikInfo"),
    0xFACECAFF: StreamKind("FacebookUnwindSymbols"),
    0xFACECB00: StreamKind("FacebookDumpErrorLog"),
    0xFACECCCC: StreamKind("FacebookAppStateLog"),
    0xFACEDEAD: StreamKind("FacebookAbortReason"),
    0xFACEE000: StreamKind("FacebookThreadName"),
}
"""By stream type: minidumpapiset.h, minidump_format.h, minidump_extensions.h."""


def name_stream(stream_type: int) -> str:
    """A stream's name, or its number where it has none."""
    kind = STREAMS.get(stream_type)
    return kind.name if kind else f"{stream_type:#010x}"
