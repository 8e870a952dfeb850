"""ARM and ARM64: registers, and call instructions as they end before a return address."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.services.unwind.machine import CallSite, Machine

WORD = 4
# Arm Architecture Reference Manual: C6.2 (A64), F5.1 (A32, T32).
BL_MASK, BL = 0xFC000000, 0x94000000
BLR_MASK, BLR = 0xFEFFF000, 0xD63F0000  # also BLRAA, BLRAB, BLRAAZ, BLRABZ
A32_BL_MASK, A32_BL, A32_BLX_IMMEDIATE = 0x0F000000, 0x0B000000, 0xFA000000
ADRP_X16_MASK, ADRP_X16 = 0x9F00001F, 0x90000010
B, A32_B, A32_ADD_IP_PC = 0x14000000, 0x0A000000, 0xE28FC000
A32_BLX_MASK, A32_BLX = 0x0FFFFFF0, 0x012FFF30
T32_BLX_MASK, T32_BLX = 0xFF87, 0x4780
T32_BL_MASK, T32_BL = 0xC000F800, 0xC000F000  # BL and BLX (immediate)

# Where A64 code keeps its return address: stp x29, x30 or str x30 below the stack pointer, back by
# ldp or ldr, and ret. A pair may hold x30 in either place, and be written back or not.
LINK_64 = 30
PAIR_MASK, STORE_PAIR, LOAD_PAIR = 0xFE400000, 0xA8000000, 0xA8400000
SINGLE_MASK, STORE_SINGLE, LOAD_SINGLE = 0xFFC00000, 0xF8000000, 0xF8400000
STORE_UNSIGNED, LOAD_UNSIGNED = 0xF9000000, 0xF9400000
STACK_64 = 31  # as a base register
RET_MASK, RET = 0xFFFFFC1F, 0xD65F0000
FRAME_64_MASK, ADD_FRAME_64 = 0xFFC003FF, 0x910003FD


def saves_link_64(code: bytes) -> bool:
    """Whether A64 code has put x30 on the stack and not taken it back by its end."""
    saved = False
    for word in _words(code):
        if word >> 5 & 31 != STACK_64:
            continue
        if _moves_link(word, STORE_PAIR, STORE_SINGLE, STORE_UNSIGNED):
            saved = True
        elif _moves_link(word, LOAD_PAIR, LOAD_SINGLE, LOAD_UNSIGNED):
            saved = False
    return saved


def leaves_64(code: bytes) -> bool:
    """Whether A64 code returns or jumps away for good before its end."""
    return any(word & RET_MASK == RET or word & BL_MASK == B for word in _words(code))


def sets_frame_pointer_64(code: bytes) -> bool:
    """Whether A64 code points x29 into its own frame: mov x29, sp or add x29, sp, #n."""
    return any(word & FRAME_64_MASK == ADD_FRAME_64 for word in _words(code))


def _moves_link(word: int, pair: int, single: int, unsigned: int) -> bool:
    first, second = word & 31, word >> 10 & 31
    if word & PAIR_MASK == pair:
        return LINK_64 in (first, second)
    return first == LINK_64 and word & SINGLE_MASK in (single, unsigned)


def _words(code: bytes) -> Iterator[int]:
    for address in range(0, len(code) - WORD + 1, WORD):
        yield int.from_bytes(code[address : address + WORD], "little")


def find_call_64(code: bytes, address: int) -> CallSite | None:
    """The A64 call that ends with the last byte of `code`, which stands before `address`."""
    if len(code) < WORD:
        return None
    word = int.from_bytes(code[-WORD:], "little")
    if word & BL_MASK == BL:
        return CallSite(address - WORD + _signed(word & 0x3FFFFFF, 26) * WORD)
    return CallSite(None) if word & BLR_MASK == BLR else None


def find_call_32(code: bytes, address: int) -> CallSite | None:
    """The call that ends before `address`, whose lowest bit tells Thumb from A32."""
    if len(code) < WORD:
        return None
    word = int.from_bytes(code[-WORD:], "little")
    if address & 1:
        if word >> 16 & T32_BLX_MASK == T32_BLX:
            return CallSite(None)
        return CallSite(None) if word & T32_BL_MASK == T32_BL else None
    if word & A32_BLX_MASK == A32_BLX or word >> 25 == A32_BLX_IMMEDIATE >> 25:
        return CallSite(None)
    if word & A32_BL_MASK == A32_BL:
        return CallSite(address + WORD + _signed(word & 0xFFFFFF, 24) * WORD)
    return None


def find_jump_64(code: bytes, address: int, target: int) -> int | None:
    """Where A64 code at an address branches to a target, as tail calls are made."""
    for number, word in enumerate(_words(code)):
        location = address + WORD * number
        if word & BL_MASK == B and location + WORD * _signed(word & 0x3FFFFFF, 26) == target:
            return location
    return None


def is_stub_64(code: bytes) -> bool:
    """Whether code begins as a linkage table's entry does: adrp x16, or a branch."""
    word = int.from_bytes(code[:WORD], "little")
    return word & ADRP_X16_MASK == ADRP_X16 or word & BL_MASK == B


def is_stub_32(code: bytes) -> bool:
    """Whether code begins as a linkage table's entry does: add ip, pc, or a branch."""
    word = int.from_bytes(code[:WORD], "little")
    return word & 0xFFFFF000 == A32_ADD_IP_PC or word & A32_BL_MASK == A32_B


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


ARM64 = Machine(
    name="arm64",
    width=8,
    instruction_pointer="pc",
    stack_pointer="sp",
    frame_pointer="fp",
    callee_saved=(*(f"x{number}" for number in range(19, 29)), "fp"),
    call_size=4,
    return_address_size=0,
    longest_call=WORD,
    find_call=find_call_64,
    longest_stub=WORD,
    is_stub=is_stub_64,
    find_jump=find_jump_64,
    link_register="lr",
    sets_frame_pointer=sets_frame_pointer_64,
    saves_link_register=saves_link_64,
    leaves=leaves_64,
)
ARM = Machine(
    name="arm",
    width=4,
    instruction_pointer="pc",
    stack_pointer="sp",
    frame_pointer="r11",
    callee_saved=tuple(f"r{number}" for number in range(4, 12)),
    call_size=2,
    return_address_size=0,
    longest_call=WORD,
    find_call=find_call_32,
    longest_stub=WORD,
    is_stub=is_stub_32,
    link_register="lr",
)
# Apple's standard keeps frames in r7.
ARM_APPLE = ARM._replace(frame_pointer="r7")
