"""ARM and ARM64: registers, and call instructions as they end before a return address."""

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
    preserved=(*(f"x{number}" for number in range(19, 29)), "fp"),
    call_size=4,
    call_pushes=0,
    longest_call=WORD,
    find_call=find_call_64,
    longest_stub=WORD,
    is_stub=is_stub_64,
    link="lr",
)
ARM = Machine(
    name="arm",
    width=4,
    instruction_pointer="pc",
    stack_pointer="sp",
    frame_pointer="r11",
    preserved=tuple(f"r{number}" for number in range(4, 12)),
    call_size=2,
    call_pushes=0,
    longest_call=WORD,
    find_call=find_call_32,
    longest_stub=WORD,
    is_stub=is_stub_32,
    link="lr",
)
# Apple's standard keeps frames in r7.
ARM_APPLE = ARM._replace(frame_pointer="r7")
