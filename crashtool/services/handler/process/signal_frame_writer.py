"""What a signal handler would be given: siginfo, ucontext and Crashpad's ExceptionInformation.

The program gets no signal handler; the same bytes are laid out from what ptrace says of the
stopped thread, so that crashpad_handler finds what a Crashpad client would have left.
Layouts: formats/signal_structs.py, and util/linux/exception_information.h of Crashpad.
"""

from __future__ import annotations

import signal
import sys

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import I32, U64, Record
from crashtool.formats.signal_structs import (
    Context32,
    Context64,
    FloatingPoint32,
    SignalInfo,
    SignalInfo32,
)
from crashtool.formats.user_registers import UserRegsStruct, UserRegsStruct32
from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

FAULTS = frozenset((signal.SIGILL, signal.SIGTRAP, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV))
SIGNALS_WITH_ADDRESS = frozenset((signal.SIGSEGV, signal.SIGBUS))


class ExceptionInformation(Record):
    """crashpad::ExceptionInformation, the same 20 bytes for 32-bit targets."""

    siginfo_address: U64
    context_address: U64
    thread_id: I32


class StoppedThread(NamedTuple):
    """A thread about to get its fatal signal: raw register sets as the kernel gives them.

    `floating_point` is 512 bytes of FXSAVE, or None where the kernel has none.
    """

    thread_id: int
    siginfo: SignalInfo
    registers: UserRegsStruct | UserRegsStruct32
    floating_point: bytes | None

    @property
    def width(self) -> int:
        """Bytes of a general register: 8 or 4."""
        return 8 if isinstance(self.registers, UserRegsStruct) else 4

    @property
    def instruction_pointer(self) -> int:
        """Where it was."""
        registers = self.registers
        return int(registers.rip if isinstance(registers, UserRegsStruct) else registers.eip)

    @property
    def stack_pointer(self) -> int:
        """Where its stack ends."""
        registers = self.registers
        return int(registers.rsp if isinstance(registers, UserRegsStruct) else registers.esp)


def read_registers(data: bytes) -> UserRegsStruct | UserRegsStruct32:
    """The general registers in an NT_PRSTATUS set; its size tells the thread's width."""
    return (
        UserRegsStruct.read(data)
        if len(data) >= UserRegsStruct.SIZE
        else UserRegsStruct32.read(data)
    )


class SignalFrame(NamedTuple):
    """Bytes for the target's memory, and the address of the ExceptionInformation in them."""

    data: bytes
    exception_information: int


FRAME_SIZE = 2048  # room for each layout below


def build_frame(thread: StoppedThread, address: int) -> SignalFrame:
    """Lay out everything crashpad_handler reads, for memory at `address` (64-byte aligned)."""
    siginfo, context, state = _blocks64(thread) if thread.width == 8 else _blocks32(thread)  # noqa: PLR2004
    context_at = address + len(siginfo)
    state_at = context_at + -(-context.SIZE // 64) * 64
    context = context.replace(floating_point=state_at if state else 0)
    data = siginfo + context.pack().ljust(state_at - context_at, b"\0") + state
    data += bytes(-len(data) % 8)
    pointer = ExceptionInformation(
        siginfo_address=address, context_address=context_at, thread_id=thread.thread_id
    )
    return SignalFrame(data + pointer.pack(), address + len(data))


def _blocks64(thread: StoppedThread) -> tuple[bytes, Context64, bytes]:
    registers = thread.registers
    shared = [name for name in Context64.FIELDS if name in UserRegsStruct.FIELDS]
    values = {name: getattr(registers, name) for name in shared}
    for segment in ("cs", "gs", "fs", "ss"):
        values[segment] &= 0xFFFF
    context = Context64(flags=7, stack_flags=2, cr2=_fault_address(thread.siginfo), **values)
    return thread.siginfo.pack(), context, thread.floating_point or b""


def _blocks32(thread: StoppedThread) -> tuple[bytes, Context32, bytes]:
    registers = thread.registers
    shared = [name for name in Context32.FIELDS if name in UserRegsStruct32.FIELDS]
    values = {name: getattr(registers, name) for name in shared}
    fault = _fault_address(thread.siginfo) & 0xFFFFFFFF
    context = Context32(flags=1, stack_flags=2, user_esp=values["esp"], cr2=fault, **values)
    state = b""
    if thread.floating_point:
        state = FloatingPoint32(fxsave=thread.floating_point).pack()
    return _narrow_siginfo(thread.siginfo).pack(), context, state


def _narrow_siginfo(siginfo: SignalInfo) -> SignalInfo32:
    head = {"number": siginfo.number, "error": siginfo.error, "code": siginfo.code}
    wide = siginfo.pack()
    if siginfo.number in FAULTS and siginfo.code > 0:
        return SignalInfo32(**head, address=siginfo.address & 0xFFFFFFFF)
    return SignalInfo32(**head, address=siginfo.sender, rest=wide[20:28])  # pid; uid, value


def _fault_address(siginfo: SignalInfo) -> int:
    has_address = siginfo.number in SIGNALS_WITH_ADDRESS and siginfo.code > 0
    return int(siginfo.address) if has_address else 0
