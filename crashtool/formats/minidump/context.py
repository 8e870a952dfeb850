"""CPU contexts: a thread's registers, for x86, x86-64, ARM and ARM64."""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.minidump.dump_source import DumpSource, Location
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U16, U32, U64, Bytes512, Record

Bytes24 = Annotated[bytes, "24s"]
Bytes32 = Annotated[bytes, "32s"]
Bytes48 = Annotated[bytes, "48s"]
Bytes96 = Annotated[bytes, "96s"]
Bytes112 = Annotated[bytes, "112s"]
Bytes256 = Annotated[bytes, "256s"]
Bytes264 = Annotated[bytes, "264s"]
Bytes416 = Annotated[bytes, "416s"]


class X86Context(Record):
    """CONTEXT of x86 (winnt.h), MDRawContextX86."""

    flags: U32
    debug_registers: Bytes24
    float_save: Bytes112
    gs: U32
    fs: U32
    es: U32
    ds: U32
    edi: U32
    esi: U32
    ebx: U32
    edx: U32
    ecx: U32
    eax: U32
    ebp: U32
    eip: U32
    cs: U32
    eflags: U32
    esp: U32
    ss: U32
    extended_registers: Bytes512


class X8664Context(Record):
    """CONTEXT of x86-64 (winnt.h), MDRawContextAMD64; an XSAVE area may follow."""

    homes: Bytes48
    flags: U32
    mxcsr: U32
    cs: U16
    ds: U16
    es: U16
    fs: U16
    gs: U16
    ss: U16
    eflags: U32
    debug_registers: Bytes48
    rax: U64
    rcx: U64
    rdx: U64
    rbx: U64
    rsp: U64
    rbp: U64
    rsi: U64
    rdi: U64
    r8: U64
    r9: U64
    r10: U64
    r11: U64
    r12: U64
    r13: U64
    r14: U64
    r15: U64
    rip: U64
    float_save: Bytes512
    vector_registers: Bytes416
    vector_control: U64
    debug_control: U64
    last_branch_to: U64
    last_branch_from: U64
    last_exception_to: U64
    last_exception_from: U64


class ArmContext(Record):
    """MDRawContextARM (minidump_format.h)."""

    flags: U32
    r0: U32
    r1: U32
    r2: U32
    r3: U32
    r4: U32
    r5: U32
    r6: U32
    r7: U32
    r8: U32
    r9: U32
    r10: U32
    r11: U32
    r12: U32
    sp: U32
    lr: U32
    pc: U32
    cpsr: U32
    fpscr: U64
    vector_registers: Bytes256
    extra: Bytes32


class Arm64Registers(Record):
    """The general registers of ARM64 in both layouts."""

    x0: U64
    x1: U64
    x2: U64
    x3: U64
    x4: U64
    x5: U64
    x6: U64
    x7: U64
    x8: U64
    x9: U64
    x10: U64
    x11: U64
    x12: U64
    x13: U64
    x14: U64
    x15: U64
    x16: U64
    x17: U64
    x18: U64
    x19: U64
    x20: U64
    x21: U64
    x22: U64
    x23: U64
    x24: U64
    x25: U64
    x26: U64
    x27: U64
    x28: U64
    fp: U64
    lr: U64
    sp: U64
    pc: U64


class Arm64Context(Record):
    """ARM64_NT_CONTEXT (winnt.h), MDRawContextARM64; also what Crashpad writes."""

    flags: U32
    cpsr: U32
    registers: Bytes264
    vector_registers: Bytes512
    fpcr: U32
    fpsr: U32
    breakpoints: Bytes96
    watchpoints: Bytes24


class Arm64OldContext(Record):
    """MDRawContextARM64_Old: what Breakpad wrote before it took over Microsoft's layout."""

    flags: U64
    registers: Bytes264
    cpsr: U32
    fpsr: U32
    fpcr: U32
    vector_registers: Bytes512


# FXSAVE's area (Intel SDM, volume 1, 10.5.1): where its first register of 128 bits is
FIRST_VECTOR, VECTOR_SIZE = 160, 16  # bytes
# CONTEXT_FLOATING_POINT, CONTEXT_EXTENDED_REGISTERS of x86 (winnt.h)
HAS_FLOATS_64, HAS_EXTENDED_32, HAS_FLOATS_ARM64 = 0x8, 0x20, 0x4


class Context(NamedTuple):
    """A thread's registers, by name in the order to show them; `size` is a pointer's, in bytes.

    Names are those that STACK CFI records use without their `$` or `.`, but for ARM64, where x29
    and x30 are called fp and lr.
    """

    architecture: str
    registers: dict[str, int]
    size: int
    flags: int

    @property
    def instruction_pointer(self) -> int:
        """Where the thread was."""
        return self.registers[_SPECIAL[self.architecture][0]]

    @property
    def stack_pointer(self) -> int:
        """The end of the thread's stack in use."""
        return self.registers[_SPECIAL[self.architecture][1]]

    @property
    def frame_pointer(self) -> int:
        """What the architecture's calls use as frame pointer; on 32-bit ARM r11."""
        return self.registers[_SPECIAL[self.architecture][2]]


_SPECIAL = {
    "x86": ("eip", "esp", "ebp"),
    "x86_64": ("rip", "rsp", "rbp"),
    "arm": ("pc", "sp", "r11"),
    "arm64": ("pc", "sp", "fp"),
}

_X86 = ("eip", "esp", "ebp", "ebx", "esi", "edi", "eax", "ecx", "edx", "eflags")
_X86_64 = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "eflags"),
)
_ARM = (*(f"r{number}" for number in range(13)), "sp", "lr", "pc", "cpsr")

LAYOUTS: dict[str, tuple[type[Record], ...]] = {
    "x86": (X86Context,),
    "x86_64": (X8664Context,),
    "arm": (ArmContext,),
    "arm64": (Arm64Context, Arm64OldContext),
}
"""The layouts of each architecture, the longest first: the size tells which."""

_SHOWN = {X86Context: _X86, X8664Context: _X86_64, ArmContext: _ARM}
_POINTER_SIZES = {"x86": 4, "x86_64": 8, "arm": 4, "arm64": 8}


def find_context(source: DumpSource, location: Location) -> Context | None:
    """The registers at a place; None when it is absent or of an architecture not known here.

    Damage is noted. A context whose size fits another architecture's layout exactly is taken for
    that one's: such are the threads of 32-bit processes that a 64-bit writer described.
    """
    if not location.rva or not location.size:
        return None
    context_layout = _find_layout(source.architecture, location.size)
    if not context_layout:
        if source.architecture in LAYOUTS:
            source.note(f"a context of {location.size} bytes, of no known kind", location.rva)
        return None
    architecture, layout = context_layout
    if location.rva + layout.SIZE > source.size:
        source.note("a context ends after the file", location.rva)
        return None
    record = layout.read(source.data, location.rva)
    return Context(
        architecture, _name_registers(record), _POINTER_SIZES[architecture], _find_flags(record)
    )


def read_vectors(source: DumpSource, location: Location) -> dict[str, bytes]:
    """The registers of 128 bits at a place: xmm0, v0 and so on; none where the context has none."""
    context_layout = _find_layout(source.architecture, location.size)
    if (
        not context_layout
        or not location.rva
        or location.rva + context_layout[1].SIZE > source.size
    ):
        return {}
    record = context_layout[1].read(source.data, location.rva)
    flags = _find_flags(record)
    if isinstance(record, X8664Context) and flags & HAS_FLOATS_64:
        return _name_vectors("xmm", record.float_save[FIRST_VECTOR:], 16)
    if isinstance(record, X86Context) and flags & HAS_EXTENDED_32:
        return _name_vectors("xmm", record.extended_registers[FIRST_VECTOR:], 8)
    if isinstance(record, Arm64Context) and flags & HAS_FLOATS_ARM64:
        return _name_vectors("v", record.vector_registers, 32)
    return {}


def _name_vectors(prefix: str, content: bytes, count: int) -> dict[str, bytes]:
    return {
        f"{prefix}{number}": content[number * VECTOR_SIZE : (number + 1) * VECTOR_SIZE]
        for number in range(count)
    }


def _find_layout(architecture: str, size: int) -> tuple[str, type[Record]] | None:
    for layout in LAYOUTS.get(architecture, ()):
        if size >= layout.SIZE:
            return architecture, layout
    for name, layouts in LAYOUTS.items():
        for layout in layouts:
            if size == layout.SIZE:
                return name, layout
    return None


def _name_registers(record: Record) -> dict[str, int]:
    if isinstance(record, Arm64Context | Arm64OldContext):
        general = Arm64Registers.read(record.registers)
        return dict(zip(Arm64Registers.FIELDS, general, strict=True)) | {"cpsr": record.cpsr}
    return {name: getattr(record, name) for name in _SHOWN[type(record)]}


def _find_flags(record: Record) -> int:
    return int(record[type(record).FIELDS.index("flags")])
