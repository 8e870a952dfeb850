"""x86 and x86-64: registers, and call instructions as they end before a return address."""

from __future__ import annotations

from crashtool.services.unwind.machine import CallSite, Machine

CALL_DIRECT = 0xE8
JUMP = 0xE9
GROUP_5 = 0xFF  # FF /2 is an indirect near call
CALL_NEAR = 2
DIRECT_SIZE = 5
MAX_CALL = 8
MAX_STUB = 8
# jmp rel32, jmp [address], the latter with REX.W, with bnd, and behind endbr.
JUMPS = (b"\xe9", b"\xff\x25", b"\xff\xa3", b"\x48\xff\x25", b"\xf2\xff\x25")
ENDBR = (b"\xf3\x0f\x1e\xfa", b"\xf3\x0f\x1e\xfb")
NEEDS_SIB, DISPLACEMENT_ONLY = 4, 5
# mov rbp, rsp and mov ebp, esp, in both encodings, behind push rbp or push ebp.
PUSH_FRAME_POINTER = 0x55
SET_FRAME_POINTER_64 = (b"\x48\x89\xe5", b"\x48\x8b\xec")
SET_FRAME_POINTER_32 = (b"\x89\xe5", b"\x8b\xec")


def find_call(code: bytes, address: int) -> CallSite | None:
    """The call that ends with the last byte of `code`, which stands before `address`.

    None when no call can end there. The encodings: Intel SDM, volume 2, CALL and table 2-2.
    """
    if len(code) >= DIRECT_SIZE and code[-DIRECT_SIZE] == CALL_DIRECT:
        return CallSite(address + int.from_bytes(code[-4:], "little", signed=True))
    for size in range(2, min(7, len(code)) + 1):
        if code[-size] == GROUP_5 and _length_of_group_5(code[len(code) - size + 1 :]) == size:
            return CallSite(None)
    return None


def is_stub(code: bytes) -> bool:
    """Whether code does nothing but jump elsewhere: a procedure linkage or import table's entry."""
    return (code[4:] if code.startswith(ENDBR) else code).startswith(JUMPS)


def find_jump(code: bytes, address: int, target: int) -> int | None:
    """Where code at an address jumps to a target: jmp rel32, as tail calls are made."""
    location = code.find(JUMP)
    while 0 <= location <= len(code) - DIRECT_SIZE:
        distance = int.from_bytes(
            code[location + 1 : location + DIRECT_SIZE], "little", signed=True
        )
        if address + location + DIRECT_SIZE + distance == target:
            return address + location
        location = code.find(JUMP, location + 1)
    return None


def sets_frame_pointer_64(code: bytes) -> bool:
    """Whether code pushes rbp and then points it there; compilers put others in between."""
    return _sets_frame_pointer(code, SET_FRAME_POINTER_64)


def sets_frame_pointer_32(code: bytes) -> bool:
    """Whether code pushes ebp and then points it there."""
    return _sets_frame_pointer(code, SET_FRAME_POINTER_32)


def _sets_frame_pointer(code: bytes, encodings: tuple[bytes, ...]) -> bool:
    pushed = code.find(PUSH_FRAME_POINTER)
    return pushed >= 0 and any(code.find(move, pushed + 1) > 0 for move in encodings)


def _length_of_group_5(rest: bytes) -> int:
    """The size of FF /2 with the ModRM byte that `rest` begins with; 0 when it is no call."""
    mode, operation, base = rest[0] >> 6, rest[0] >> 3 & 7, rest[0] & 7
    if operation != CALL_NEAR:
        return 0
    size = 2
    if mode != 3 and base == NEEDS_SIB:  # noqa: PLR2004 (3: a register, not memory)
        if len(rest) < 2:  # noqa: PLR2004
            return 0
        size += 1
        if mode == 0 and rest[1] & 7 == DISPLACEMENT_ONLY:
            size += 4
    if mode == 0 and base == DISPLACEMENT_ONLY:
        size += 4
    return size + {1: 1, 2: 4}.get(mode, 0)


AMD64 = Machine(
    name="x86_64",
    width=8,
    instruction_pointer="rip",
    stack_pointer="rsp",
    frame_pointer="rbp",
    callee_saved=("rbx", "rbp", "r12", "r13", "r14", "r15"),
    call_size=1,
    return_address_size=8,
    longest_call=MAX_CALL,
    find_call=find_call,
    longest_stub=MAX_STUB,
    is_stub=is_stub,
    find_jump=find_jump,
    sets_frame_pointer=sets_frame_pointer_64,
)
# Windows' standard preserves rsi and rdi as well. Its code has unwind tables and keeps no chain of
# frame pointers: rbp holds anything, or a place in a frame from which no return address is near.
AMD64_WINDOWS = AMD64._replace(
    callee_saved=(*AMD64.callee_saved, "rsi", "rdi"), has_chain=False, sets_frame_pointer=None
)
X86 = Machine(
    name="x86",
    width=4,
    instruction_pointer="eip",
    stack_pointer="esp",
    frame_pointer="ebp",
    callee_saved=("ebx", "ebp", "esi", "edi"),
    call_size=1,
    return_address_size=4,
    longest_call=MAX_CALL,
    find_call=find_call,
    longest_stub=MAX_STUB,
    is_stub=is_stub,
    find_jump=find_jump,
    sets_frame_pointer=sets_frame_pointer_32,
)
