"""What /proc says of the machine and of a process's life, for the system streams of a dump."""

from __future__ import annotations

import os
import re
import sys
import time

from crashtool.formats.minidump import linux_streams
from crashtool.formats.minidump.snapshot import SystemSnapshot, TimeZone
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import read_file

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_MAX_TEXT = 1 << 20  # bytes of one file of /proc; a memory map has about 100 a line
_NUMBER = re.compile(r"\d+")
_RELEASES = ("/etc/lsb-release", "/etc/os-release")
# Fields of /proc/PID/stat after the command's closing parenthesis (proc(5) counts from 1).
_UTIME, _STIME, _STARTTIME = 14 - 3, 15 - 3, 22 - 3


def describe_machine(architecture: str) -> SystemSnapshot:
    """The system as uname and /proc/cpuinfo tell it; `architecture` is the process's."""
    system = os.uname()
    numbers = [int(word) for word in _NUMBER.findall(system.release)[:3]]
    tail = system.release.removeprefix(".".join(map(str, numbers)))  # -13-amd64 of 6.1.0-13-amd64
    major, minor, build = (*numbers, 0, 0, 0)[:3]
    processor = _read_first_processor()
    model, stepping = _number(processor, "model"), _number(processor, "stepping")
    return SystemSnapshot(
        architecture=architecture,
        version=(major, minor, build),
        build=f"{tail} {system.version} {system.machine}".strip(),
        full_version=f"{system.sysname} {system.release} {system.version} {system.machine}",
        cpu_count=os.cpu_count() or 1,
        vendor=processor.get("vendor_id", "").encode("ascii", "replace")[:12],
        level=_number(processor, "cpu family") & 0xFFFF,
        revision=(model & 0xFF) << 8 | stepping & 0xFF,
    )


def describe_zone() -> TimeZone:
    """The time zone of this process, which is the program's but for its TZ."""
    standard, daylight = time.tzname
    is_daylight = standard != daylight and time.strftime("%Z") == daylight
    return TimeZone(time.timezone // 60, standard, daylight, is_daylight)


def read_times(pid: int) -> tuple[int, int, int]:
    """When a process began, in Unix seconds, and its user and system time. OSError if it is gone.

    The fields of stat are in clock ticks, the start's since the machine's.
    """
    fields = read_file(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    lines = read_file("/proc/stat").splitlines()
    booted = next((int(line.split()[1]) for line in lines if line.startswith(b"btime ")), 0)
    return (
        max(0, booted + int(fields[_STARTTIME]) // ticks),  # a clock may be anywhere
        int(fields[_UTIME]) // ticks,
        int(fields[_STIME]) // ticks,
    )


def read_texts(pid: int, tid: int) -> dict[int, bytes]:
    """The streams that Breakpad's client copies from /proc, by type, but the environment.

    Of `tid` what a process that is ending has no more. What cannot be read is left out.
    """
    places: dict[int, str] = {
        linux_streams.PROC_STATUS: f"/proc/{tid}/status",
        linux_streams.COMMAND_LINE: f"/proc/{pid}/cmdline",
        linux_streams.AUXV: f"/proc/{tid}/auxv",
        linux_streams.MAPS: f"/proc/{tid}/maps",
    }
    texts: dict[int, bytes] = {}
    for kind, path in places.items():
        try:
            texts[kind] = read_file(path)[:_MAX_TEXT]
        except OSError:
            continue
    texts[linux_streams.CPU_INFO] = _read_processors().partition(b"\n\n")[0]
    for path in _RELEASES:
        if os.path.exists(path):  # noqa: PTH110 (as all of /proc)
            texts[linux_streams.LSB_RELEASE] = read_file(path)[:4096]
            break
    return {kind: text for kind, text in texts.items() if text}


def _read_processors() -> bytes:
    try:
        return read_file("/proc/cpuinfo")
    except OSError:
        return b""


def _read_first_processor() -> dict[str, str]:
    text = _read_processors().partition(b"\n\n")[0].decode("ascii", "replace")
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _number(fields: dict[str, str], name: str) -> int:
    text = fields.get(name, "")
    return int(text) if text.isdecimal() else 0
