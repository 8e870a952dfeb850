import signal
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.formats.signal_structs import (
    Context32,
    Context64,
    FloatingPoint32,
    SignalInfo,
    SignalInfo32,
)
from crashtool.formats.user_registers import UserRegsStruct, UserRegsStruct32
from crashtool.services.handler.process.signal_frame_writer import (
    FRAME_SIZE,
    ExceptionInformation,
    StoppedThread,
    build_frame,
    read_registers,
)

AT = 0x7FFF0040  # within the reach of 32 bits


@pytest.mark.parametrize(
    ("record", "size"),
    [
        (ExceptionInformation, 20),  # util/linux/exception_information.h
        (UserRegsStruct, 216),  # sys/user.h
        (UserRegsStruct32, 68),
        (SignalInfo, 128),  # asm-generic/siginfo.h
        (SignalInfo32, 128),
        (FloatingPoint32, 112 + 512),  # asm/sigcontext.h
    ],
)
def test_sizes_are_those_of_the_headers(record, size):
    assert size == record.SIZE


@pytest.mark.parametrize(
    ("record", "field", "offset"),
    [
        (Context64, "r8", 40),  # offsetof(ucontext_t, uc_mcontext), glibc x86-64
        (Context64, "rsp", 160),
        (Context64, "rip", 168),
        (Context64, "cs", 184),
        (Context64, "cr2", 216),
        (Context64, "floating_point", 224),
        (Context64, "mask", 296),
        (Context32, "gs", 20),
        (Context32, "eip", 76),
        (Context32, "floating_point", 96),
    ],
)
def test_fields_lie_where_the_headers_have_them(record, field, offset):
    mark = record(**{field: b"\xaa" if field == "mask" else 0xAA}).pack()

    assert mark.index(b"\xaa") == offset


def unpack(frame):
    pointer = ExceptionInformation.read(frame.data, frame.exception_information - AT)
    return pointer, frame.data[pointer.siginfo_address - AT :], pointer.context_address - AT


def test_a_frame_holds_what_the_thread_was_at():
    registers = UserRegsStruct(rip=0x1234, rsp=0x5678, rax=1, r15=2, cs=0x1_0033)
    siginfo = SignalInfo(number=signal.SIGSEGV, code=1, address=0x45)
    thread = StoppedThread(77, siginfo, registers, b"\x37" * 512)

    frame = build_frame(thread, AT)

    pointer, raw, place = unpack(frame)
    context = Context64.read(frame.data, place)
    assert pointer.thread_id == 77
    assert raw.startswith(siginfo.pack())
    assert (context.rip, context.rsp, context.rax, context.r15) == (0x1234, 0x5678, 1, 2)
    assert (context.cs, context.cr2) == (0x33, 0x45)
    state = context.floating_point - AT
    assert frame.data[state : state + 512] == b"\x37" * 512
    assert len(frame.data) <= FRAME_SIZE


@pytest.mark.parametrize(
    ("number", "code", "address", "cr2"),
    [(signal.SIGSEGV, 1, 0x45, 0x45), (signal.SIGFPE, 1, 0x99, 0), (signal.SIGSEGV, 0, 0x7, 0)],
)
def test_only_a_memory_fault_has_a_fault_address(number, code, address, cr2):
    siginfo = SignalInfo(number=number, code=code, address=address)

    frame = build_frame(StoppedThread(1, siginfo, UserRegsStruct(), None), AT)

    context = Context64.read(frame.data, unpack(frame)[2])
    assert (context.cr2, context.floating_point) == (cr2, 0)


def test_a_32_bit_frame_is_narrow():
    registers = UserRegsStruct32(eip=0x1234, esp=0x5678, ss=0x2B)
    siginfo = SignalInfo(number=signal.SIGSEGV, code=1, address=0xFFFFFFFF_00000045)

    frame = build_frame(StoppedThread(1, siginfo, registers, b"\x37" * 512), AT)

    _, raw, place = unpack(frame)
    context = Context32.read(frame.data, place)
    assert SignalInfo32.read(raw).address == 0x45
    assert (context.eip, context.esp, context.user_esp) == (0x1234, 0x5678, 0x5678)
    state = FloatingPoint32.read(frame.data, context.floating_point - AT)
    assert state.fxsave == b"\x37" * 512
    assert len(frame.data) <= FRAME_SIZE


def test_the_sender_of_a_signal_moves_in_a_narrow_siginfo():
    siginfo = SignalInfo(number=signal.SIGABRT, code=-6, address=(1000 << 32) | 55, rest=b"data")
    thread = StoppedThread(1, siginfo, UserRegsStruct32(), None)

    frame = build_frame(thread, 0x40)

    narrow = SignalInfo32.read(frame.data, 0)
    assert siginfo.sender == narrow.address == 55
    assert narrow.rest.startswith(b"\xe8\x03\0\0data")


def test_the_size_of_a_register_set_tells_the_width():
    assert isinstance(read_registers(UserRegsStruct().pack()), UserRegsStruct)
    assert isinstance(read_registers(UserRegsStruct32().pack()), UserRegsStruct32)
