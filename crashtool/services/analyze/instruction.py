"""The instruction at a crash in words, with the memory it touched, by way of capstone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from crashtool.errors import MissingLibrary
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Registers
from crashtool.services.analyze.decoded_code import (
    DecodedInstruction,
    Flow,
    MemoryOperand,
    NumberOperand,
    RegisterOperand,
)

ReadCode = Callable[[int, int], bytes | None]

LONGEST = 15  # bytes of an x86 instruction
THUMB = 1 << 5  # of the CPSR
# What capstone calls registers that the dump has by another name.
ALIASES = {
    "arm": {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12"},
    "arm64": {"x29": "fp", "x30": "lr"},
}
SUBREGISTERS = {
    "eax": "rax",
    "ebx": "rbx",
    "ecx": "rcx",
    "edx": "rdx",
    "esi": "rsi",
    "edi": "rdi",
    "ebp": "rbp",
    "esp": "rsp",
}
# Instructions that write to their first operand and read the others.
STORES = ("mov", "vmov", "vextract", "pextr", "vpextr")
ZEROS = ("xzr", "wzr", "riz", "eiz")
IDLE = ("lea", "nop", "prefetch", "prfm", "pld")  # name memory and leave it alone
# Whole registers of 64 bits that others are a part of by a rule: r8d, r8w, r8b of r8.
PARTS = {
    f"{part}": f"r{whole}"
    for whole in ("ax", "bx", "cx", "dx")
    for part in (whole, f"{whole[0]}l", f"{whole[0]}h")
} | {f"{whole}{end}": f"r{whole}" for whole in ("si", "di", "bp", "sp") for end in ("", "l")}
PUSHES, POPS = ("push", "call"), ("pop", "ret")


class Access(NamedTuple):
    """Memory that an instruction touches. `registers`: those its address is made of."""

    does: str
    address: int
    registers: tuple[str, ...]


def describe_instruction(registers: Registers, read_code: ReadCode) -> str:
    """`mov rax, qword [rdi + 0x18]   reads 0x18: rdi is 0x0`.

    `read_code(address, size)` gives the process's code, None or b"" where it is not known. "" when
    the code is not known or no instruction. MissingLibrary without the extra `disassembly`.
    """
    code = _read(registers, read_code)
    if not code:
        return ""
    decoder = _make_decoder(_load_capstone(), registers)
    if decoder is None:
        return ""
    decoded = next(decoder.disasm(code, registers.instruction_pointer, 1), None)
    if decoded is None:
        return ""
    text = f"{decoded.mnemonic} {decoded.op_str}".strip().replace(" ptr ", " ")
    told = "; ".join(_words(access, registers) for access in _find_accesses(decoded, registers))
    return f"{text}   {told}" if told else text


def decode_code(registers: Registers, code: bytes, address: int) -> list[DecodedInstruction]:
    """The instructions that begin at an address, one behind the other, up to the first that is
    none. MissingLibrary without the extra `disassembly`.
    """
    decoder = _make_decoder(_load_capstone(), registers)
    if decoder is None:
        return []
    return [_decode(decoded, registers.architecture) for decoded in decoder.disasm(code, address)]


def decode_flow(registers: Registers, code: bytes, address: int) -> list[DecodedInstruction]:
    """As `decode_code`, but of those that lead nowhere else only where they are: most of a function
    is passed so in a fraction of the time.
    """
    exact = _make_decoder(_load_capstone(), registers)
    quick = _make_decoder(_load_capstone(), registers)
    if exact is None or quick is None:
        return []
    quick.detail = False
    instructions: list[DecodedInstruction] = []
    idle: dict[str, bool] = {}  # by mnemonic, which alone tells whether it may lead elsewhere
    for start, size, mnemonic, _ in quick.disasm_lite(code, address):
        if not idle.get(mnemonic):
            content = code[start - address : start - address + size]
            decoded = next(exact.disasm(content, start, 1))
            idle[mnemonic] = not _find_flow(decoded)
            if not idle[mnemonic]:
                instructions.append(_decode(decoded, registers.architecture))
                continue
        instructions.append(DecodedInstruction(start, size, "", (), frozenset(), "", None))
    return instructions


def _decode(decoded: Any, architecture: str) -> DecodedInstruction:
    flow = _find_flow(decoded)
    operands = tuple(
        made
        for operand in decoded.operands
        if (made := _decode_operand(decoded, operand, architecture)) is not None
    )
    target = None
    if flow and isinstance(last := operands[-1] if operands else None, NumberOperand):
        target = last.number
    _, written = decoded.regs_access()
    names = frozenset(_find_whole(decoded.reg_name(number), architecture) for number in written)
    mnemonic = "" if _does_more(decoded) else decoded.mnemonic
    return DecodedInstruction(
        decoded.address, decoded.size, mnemonic, operands, names, flow, target
    )


def _does_more(decoded: Any) -> bool:
    """Whether an instruction of ARM64 shifts or widens an operand, or moves the address on."""
    from capstone import CS_OP_MEM

    if getattr(decoded, "writeback", False):
        return True
    return any(
        bool(getattr(operand, "ext", 0))
        or bool(operand.type != CS_OP_MEM and getattr(getattr(operand, "shift", None), "type", 0))
        for operand in decoded.operands
    )


def _find_flow(decoded: Any) -> Flow:
    from capstone import CS_GRP_CALL, CS_GRP_JUMP, CS_GRP_RET

    if CS_GRP_CALL in decoded.groups or decoded.mnemonic in ("bl", "blr"):
        return "call"
    if CS_GRP_RET in decoded.groups:
        return "return"
    if CS_GRP_JUMP in decoded.groups:
        is_always = decoded.mnemonic.split()[-1] in ("jmp", "b", "br")
        return "jump" if is_always else "branch"
    return ""


def _decode_operand(
    decoded: Any, operand: Any, architecture: str
) -> MemoryOperand | RegisterOperand | NumberOperand | None:
    from capstone import CS_OP_IMM, CS_OP_MEM, CS_OP_REG

    if operand.type == CS_OP_IMM:
        return NumberOperand(operand.imm)
    if operand.type == CS_OP_REG:
        name = decoded.reg_name(operand.reg)
        return RegisterOperand(_find_whole(name, architecture), _find_size(name, operand))
    if operand.type != CS_OP_MEM:
        return None
    memory = operand.mem
    base, index = (
        _find_whole(decoded.reg_name(number), architecture) if number else ""
        for number in (memory.base, memory.index)
    )
    displacement, is_plain = memory.disp, not bool(getattr(memory, "segment", None))
    if base in ("rip", "eip"):
        base, displacement = "", displacement + decoded.address + decoded.size
    if "mm" in index or getattr(operand, "ext", False) or getattr(decoded, "writeback", False):
        is_plain = False
    does = _find_deed(decoded, operand)
    size = getattr(operand, "size", 0) or _find_transfer(decoded)
    return MemoryOperand(base, index, _factor(operand), displacement, size, does, is_plain)


def _find_whole(name: str, architecture: str) -> str:
    """The register that one is a part of, by the dump's name: rax for al, x0 for w0."""
    if architecture == "arm64" and name[:1] == "w" and name[1:].isdigit():
        name = f"x{name[1:]}"
    if architecture in ("x86", "x86_64"):
        if name[:1] == "r" and name[1:2].isdigit():
            return name.rstrip("dwb")
        name = SUBREGISTERS.get(name) or PARTS.get(name, name)
        if architecture == "x86" and name in SUBREGISTERS.values():
            return f"e{name[1:]}"
        return name
    return ALIASES.get(architecture, {}).get(name, name)


def _find_size(name: str, operand: Any) -> int:
    """The bytes of a register operand; of ARM64, by its name."""
    if size := getattr(operand, "size", 0):
        return int(size)
    return 4 if name.startswith(("w", "r")) else 8


def _find_transfer(decoded: Any) -> int:
    """How many bytes a load or store of ARM moves for its first register; 0 for others."""
    mnemonic = decoded.mnemonic
    if not mnemonic.startswith(("ld", "st")):
        return 0
    sizes = {"b": 1, "h": 2}
    if mnemonic.endswith("sw"):
        return 4
    if mnemonic[-1] in sizes:
        return sizes[mnemonic[-1]]
    first = decoded.reg_name(decoded.operands[0].reg)
    return {"w": 4, "s": 4, "x": 8, "d": 8, "q": 16, "r": 4, "f": 8, "l": 8}.get(first[:1], 0)


def _load_capstone() -> Any:
    try:
        import capstone
    except (ImportError, OSError) as error:
        raise _explain(str(error) * (not isinstance(error, ModuleNotFoundError))) from None
    return capstone


@lru_cache(maxsize=1)
def _explain(reason: str) -> MissingLibrary:
    """As an answer on many dumps needs it once for each; to find its hint takes time."""
    return MissingLibrary("capstone", "the instruction that crashed is not shown", reason)


def _read(registers: Registers, read_code: ReadCode) -> bytes:
    """As many bytes as an instruction may have, or as there are."""
    for size in range(LONGEST, 0, -1):
        if code := read_code(registers.instruction_pointer, size):
            return code
    return b""


def _make_decoder(capstone: Any, registers: Registers) -> Any:
    thumb = registers.values.get("cpsr", 0) & THUMB
    modes = {
        "x86": (capstone.CS_ARCH_X86, capstone.CS_MODE_32),
        "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
        "arm64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM),
        "arm": (capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB if thumb else capstone.CS_MODE_ARM),
    }
    if registers.architecture not in modes:
        return None
    decoder = capstone.Cs(*modes[registers.architecture])
    decoder.detail = True
    return decoder


def _find_accesses(decoded: Any, registers: Registers) -> Iterator[Access]:
    if decoded.mnemonic.startswith(IDLE):
        return
    for operand in decoded.operands:
        access = _read_operand(decoded, operand, registers)
        if access:
            yield access
    if registers.architecture in ("x86", "x86_64"):
        name = "rsp" if registers.width == 8 else "esp"  # noqa: PLR2004 (bytes of a pointer)
        if decoded.mnemonic.startswith(PUSHES):
            yield Access("writes", registers.stack_pointer - registers.width, (name,))
        elif decoded.mnemonic.startswith(POPS):
            yield Access("reads", registers.stack_pointer, (name,))


def _read_operand(decoded: Any, operand: Any, registers: Registers) -> Access | None:
    """The memory of an operand; None for another operand, or when its address is not known."""
    from capstone import CS_OP_MEM

    if operand.type != CS_OP_MEM:
        return None
    memory, address, used = operand.mem, operand.mem.disp, []
    segment = getattr(memory, "segment", 0)
    if segment and decoded.reg_name(segment) in ("fs", "gs"):
        return None  # the dump does not say where thread-local storage is
    parts = ((memory.base, 1), (memory.index, _factor(operand)))
    for number, factor in parts:
        if not number:
            continue
        name = decoded.reg_name(number)
        value = _value(name, decoded, registers)
        if value is None:
            return None
        address += factor * value
        if name not in ("rip", "eip", "pc"):
            used.append(name)
    return Access(
        _find_deed(decoded, operand), address & ((1 << 8 * registers.width) - 1), tuple(used)
    )


def _find_deed(decoded: Any, operand: Any) -> str:
    """What an instruction does to a memory operand. capstone takes the stores of ARM64 for both,
    and stores of vectors for loads.
    """
    from capstone import CS_AC_READ, CS_AC_WRITE

    kinds = [other.type for other in decoded.operands]
    is_first = kinds[0] == operand.type and kinds.count(operand.type) == 1
    if decoded.mnemonic.startswith("st") or (is_first and decoded.mnemonic.startswith(STORES)):
        return "writes"
    deeds = {CS_AC_WRITE: "writes", CS_AC_READ | CS_AC_WRITE: "reads and writes"}
    return deeds.get(operand.access, "reads")


def _value(name: str, decoded: Any, registers: Registers) -> int | None:
    """A register's value, also of half a register; the instruction pointer is at the next one."""
    if name in ZEROS:
        return 0
    values = registers.values
    if name in ("rip", "eip"):
        return int(decoded.address + decoded.size)
    name = ALIASES.get(registers.architecture, {}).get(name, name)
    if name in values:
        if name == "pc" and registers.architecture == "arm":
            ahead = 4 if registers.values.get("cpsr", 0) & THUMB else 8
            return (values[name] & ~3) + ahead
        return values[name]
    whole = SUBREGISTERS.get(name) or (f"x{name[1:]}" if name.startswith("w") else name[:-1])
    return values[whole] & 0xFFFFFFFF if whole in values else None


def _factor(operand: Any) -> int:
    """What the index register counts in an address: it is scaled, shifted or subtracted."""
    shift = getattr(operand, "shift", None)
    scale = getattr(operand.mem, "scale", 1) or 1
    factor = int(scale) << (shift.value if shift is not None and shift.type else 0)
    return -factor if getattr(operand, "subtracted", False) else factor


def _words(access: Access, registers: Registers) -> str:
    """`reads 0x18: rdi is 0x0`."""
    aliases = ALIASES.get(registers.architecture, {})
    told = [
        f"{name} is {registers.values[aliases.get(name, name)]:#x}"
        for name in dict.fromkeys(access.registers)
        if aliases.get(name, name) in registers.values
    ]
    return f"{access.does} {access.address:#x}" + (f": {', '.join(told)}" if told else "")
