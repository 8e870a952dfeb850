"""What /proc says of a process that is being run, and its memory."""

from __future__ import annotations

import errno
import os
import sys
from typing import Self

from crashtool.errors import MalformedFile, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U32, U64, Record
from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_AT_ENTRY = 9  # elf.h
_STARTTIME = 22 - 3  # field of stat behind the name's closing parenthesis (proc(5) counts from 1)
PAGE = 4096
GONE = "ZX"  # states of a thread that has ended
RED_ZONE = 128  # bytes below the stack pointer that leaf functions use (System V x86-64 ABI)


class _Aux64(Record):
    """Elf64_auxv_t."""

    kind: U64
    value: U64


class _Aux32(Record):
    """Elf32_auxv_t."""

    kind: U32
    value: U32


class MemoryMapping(NamedTuple):
    """One line of /proc/PID/maps: [start, end), permissions like "rw-p", and its name.

    `offset` is into the file, `inode` 0 where there is none.
    """

    start: int
    end: int
    permissions: str
    name: str
    offset: int = 0
    inode: int = 0


def read_file(path: str) -> bytes:
    """A file of /proc, whole. OSError when the process is gone."""
    with open(path, "rb") as file:  # noqa: PTH123 (read at each signal: no pathlib on this way)
        return file.read()


class ProcessMemory:
    """The memory of a stopped process, through one open file. OSError when it is gone."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, address: int, size: int) -> bytes:
        """At most `size` bytes from an address on: what is mapped. OSError when nothing is."""
        try:
            data = os.pread(self._descriptor, size, address)
        except OverflowError:  # an address in the kernel's half
            data = b""
        if not data:
            raise OSError(errno.EFAULT, f"no memory at {address:#x}")
        return data


def explain_unreachable(error: OSError) -> str:
    """Why the memory of a process could not be read, in words."""
    if isinstance(error, PermissionError):
        why = "it lets root alone read it (PR_SET_DUMPABLE, or a file that may only be executed)"
    else:
        why = reason_of(error)
    return f"the program's memory is out of reach: {why}"


def read_memory(pid: int, address: int, size: int) -> bytes:
    """`size` bytes of a process. OSError when they are not all mapped."""
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        data = os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise OSError(f"memory of {pid} at {address:#x} ends after {len(data)} of {size} bytes")
    return data


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Write into a stopped process, also where it may not write itself. OSError when unmapped."""
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDWR)
    try:
        written = os.pwrite(descriptor, data, address)
    finally:
        os.close(descriptor)
    if written != len(data):
        raise OSError(f"memory of {pid} at {address:#x} took {written} of {len(data)} bytes")


def is_killed_by(pid: int, tid: int, number: int, *, is_sent: bool) -> bool:
    """Whether a signal about to be delivered will meet its default action, and kill.

    For a fault that the program blocks or ignores, the kernel has reset the action by then. What
    is sent to the first process of a PID namespace kills that only where it has asked for it.
    """
    if is_sent and is_first_of_namespace(pid):
        return False
    fields = dict(
        line.split(b":", 1)
        for line in read_file(f"/proc/{pid}/task/{tid}/status").splitlines()
        if line.startswith((b"SigCgt:", b"SigIgn:"))
    )
    bit = 1 << (number - 1)
    return not any(int(mask, 16) & bit for mask in fields.values())


def is_pending(pid: int, number: int) -> bool:
    """Whether a signal waits for a process of one thread to take it."""
    lines = read_file(f"/proc/{pid}/status").splitlines()
    masks = [int(line[7:], 16) for line in lines if line.startswith((b"SigPnd:", b"ShdPnd:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def find_process(tid: int) -> int | None:
    """The process that a thread belongs to; None when it is gone."""
    parentage = find_parentage(tid)
    return None if parentage is None else parentage[0]


def find_parentage(tid: int) -> tuple[int, int] | None:
    """The process that a thread belongs to, and that one's parent; None when it is gone."""
    try:
        status = read_file(f"/proc/{tid}/status")
    except OSError:
        return None
    lines = status.splitlines()
    process, parent = (
        next(int(line[5:]) for line in lines if line.startswith(key))
        for key in (b"Tgid:", b"PPid:")
    )
    return process, parent


def read_command_line(pid: int) -> tuple[str, ...]:
    """A process's arguments with its name; empty when it has none or is gone."""
    try:
        raw = read_file(f"/proc/{pid}/cmdline")
    except OSError:
        return ()
    words = raw.removesuffix(b"\0").split(b"\0") if raw else []
    return tuple(word.decode("utf-8", "replace") for word in words)


def read_name(pid: int) -> str:
    """What the kernel calls a process (comm): at most 15 bytes of its file's name."""
    try:
        return read_file(f"/proc/{pid}/comm").removesuffix(b"\n").decode("utf-8", "replace")
    except OSError:
        return ""


def list_threads(pid: int) -> list[int]:
    """The thread ids of a process; none when it is gone."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 (as read_file)
    except OSError:
        return []


def thread_state(pid: int, tid: int) -> str:
    """The state letter of a thread (proc(5)); "X" when it is gone."""
    try:
        return chr(read_file(f"/proc/{pid}/task/{tid}/stat").rpartition(b") ")[2][0])
    except OSError:
        return "X"


def read_own_number(pid: int) -> int:
    """The id of a process as it knows it itself, in its own PID namespace; 0 when it is gone."""
    return _read_numbers(pid)[-1]


def is_first_of_namespace(pid: int) -> bool:
    """Whether it is process 1 of a PID namespace within ours, as of a container."""
    numbers = _read_numbers(pid)
    return len(numbers) > 1 and numbers[-1] == 1


def _read_numbers(pid: int) -> list[int]:
    """A process's ids in our PID namespace and those within, to its own."""
    try:
        lines = read_file(f"/proc/{pid}/status").splitlines()
    except OSError:
        return [0]
    line = next((line for line in lines if line.startswith(b"NSpid:")), b"NSpid: 0")
    return [int(word) for word in line.split()[1:]]


def read_start(pid: int) -> str:
    """When a process began, in ticks of the machine's clock: no later one of its number did."""
    try:
        return read_file(f"/proc/{pid}/stat").rpartition(b") ")[2].split()[_STARTTIME].decode()
    except OSError:
        return ""


def has_ended(pid: int) -> bool:
    """Whether no thread of a process runs any more, be it waited for or not."""
    return all(thread_state(pid, tid) in GONE for tid in list_threads(pid))


def entry_point(pid: int, width: int) -> int:
    """Where the program started: an address whose page is certainly executable."""
    kind = _Aux64 if width == 8 else _Aux32  # noqa: PLR2004 (bytes of a register)
    data = read_file(f"/proc/{pid}/auxv")
    rows = kind.read_array(data, 0, len(data) // kind.SIZE)
    address = next((entry.value for entry in rows if entry.kind == _AT_ENTRY), None)
    if address is None:
        raise MalformedFile(f"the auxiliary vector of {pid} has no AT_ENTRY", offset=0)
    return int(address)


def find_scratch(pid: int, stack_pointer: int, size: int) -> int | None:
    """An address, 64-byte aligned, of `size` writable bytes that no dump will hold.

    Below the crashed stack's end: a dump holds stacks from the stack pointer up. A stack that is
    blown or lost has no such place; then the low end of the main stack, or of any private data.
    """
    wanted = size + 64
    below = stack_pointer - RED_ZONE - PAGE - wanted
    writable = [one for one in read_mappings(pid) if one.permissions.startswith("rw")]
    for mapping in writable:
        if mapping.start <= below < mapping.end and below + wanted <= mapping.end:
            return (below + 63) & ~63
    for mapping in sorted(writable, key=_preference):
        if mapping.permissions == "rw-p" and mapping.end - mapping.start >= wanted:
            return mapping.start
    return None


def list_images(pid: int) -> tuple[str, ...]:
    """The files whose code a process has mapped, each once, in the order of their addresses."""
    code = (one.name for one in read_mappings(pid) if "x" in one.permissions)
    return tuple(dict.fromkeys(name for name in code if name.startswith("/")))


def _preference(mapping: MemoryMapping) -> int:
    order = ("[stack]", "", "[heap]")
    return order.index(mapping.name) if mapping.name in order else len(order)


def read_mappings(pid: int) -> list[MemoryMapping]:
    """The memory map of a process, by address. OSError when it is gone."""
    rows = []
    for line in read_file(f"/proc/{pid}/maps").decode("utf-8", "replace").splitlines():
        span, permissions, offset, _, inode, *name = line.split(None, 5)
        start, _, end = span.partition("-")
        rows.append(
            MemoryMapping(
                int(start, 16),
                int(end, 16),
                permissions,
                "".join(name),
                int(offset, 16),
                int(inode),
            )
        )
    return rows
