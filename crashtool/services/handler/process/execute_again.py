"""Have a program executed once more without a tracer, whose presence costs it its rights."""

from __future__ import annotations

import os
import sys

from crashtool.errors import CrashtoolError
from crashtool.formats.record import U64, Record
from crashtool.formats.user_registers import UserRegsStruct
from crashtool.services.handler.process.ptrace import get_registers, set_registers
from crashtool.services.handler.process.signal_frame_writer import read_registers
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import read_file, read_memory, write_memory

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_CAP_SYS_PTRACE = 1 << 19  # linux/capability.h
_AT_EXECFN = 31  # elf.h
_NO_RESTART = 2**64 - 1
# mov eax, 59 (execve), as the call that is ending sets rax; syscall. For an execve that fails:
# mov edi, 126; mov eax, 231 (exit_group); syscall
_CODE = bytes.fromhex("b83b000000 0f05 bf7e000000 b8e7000000 0f05")
_MAX_PATH = 4096
_WORD = 8


class _Aux(Record):
    """Elf64_auxv_t."""

    kind: U64
    value: U64


def can_keep_rights() -> bool:
    """Whether a process that this one traces keeps the rights that an executed file gives."""
    try:
        rows = read_file("/proc/self/status").splitlines()
        line = next(line for line in rows if line.startswith(b"CapEff:"))
    except (OSError, StopIteration):
        return False
    return bool(int(line.split()[1], 16) & _CAP_SYS_PTRACE)


def prepare_execution(tid: int) -> bool:
    """Make a 64-bit thread that has just executed a file begin with doing so again.

    To be let go afterwards. Its words and its environment are still where the kernel put them.
    False, and the thread is unchanged, where they cannot be reached or the file has left its path.
    """
    try:
        registers = read_registers(get_registers(tid))
        if not isinstance(registers, UserRegsStruct):
            return False
        path = _find_path(tid)
        if not path or not _is_same_file(tid, _read_text(tid, path)):
            return False
        words = registers.rsp + _WORD  # of the process's start: the count, the words, 0, …
        count = int.from_bytes(read_memory(tid, registers.rsp, _WORD), "little")
        changed = registers.replace(
            rdi=path,
            rsi=words,
            rdx=words + (count + 1) * _WORD,
            orig_rax=_NO_RESTART,
        )
        write_memory(tid, registers.rip, _CODE)
        set_registers(tid, changed.pack())
    except (OSError, OverflowError, CrashtoolError):
        return False
    return True


def _find_path(tid: int) -> int:
    """Where in its memory the path stands that was executed; 0 when the kernel does not say."""
    data = read_file(f"/proc/{tid}/auxv")
    auxes = _Aux.read_array(data, 0, len(data) // _Aux.SIZE)
    return next((int(aux.value) for aux in auxes if aux.kind == _AT_EXECFN), 0)


def _read_text(tid: int, address: int) -> bytes:
    """A text that ends with 0, at most to the end of its page and the next."""
    size = _MAX_PATH - address % _MAX_PATH
    text = read_memory(tid, address, size)
    if b"\0" not in text:
        text += read_memory(tid, address + size, _MAX_PATH)
    return text.partition(b"\0")[0]


def _is_same_file(tid: int, path: bytes) -> bool:
    """Whether a path, as the process sees it, leads to what it executes."""
    place = os.fsencode(f"/proc/{tid}/" + ("root" if path.startswith(b"/") else "cwd/"))
    return os.path.samefile(place + path, f"/proc/{tid}/exe")  # noqa: PTH121 (bytes)
