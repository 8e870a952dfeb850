"""What an exception record says, as a value, and how an address is put into words."""

from __future__ import annotations

from typing import Literal

from crashtool.formats.named_tuple import NamedTuple

POINTER_SIZES = {
    "x86": 4,
    "arm": 4,
    "ppc": 4,
    "mips": 4,
    "sparc": 4,
    "x86_64": 8,
    "arm64": 8,
    "ppc64": 8,
    "mips64": 8,
    "riscv64": 8,
    "ia64": 8,
}
NEAR_NULL = 0x10000  # Windows keeps the first 64 KiB unmapped, Linux by vm.mmap_min_addr

# What allocators and compilers fill memory with: the debug CRT and heap of Windows (crtdbg,
# HeapAlloc's debug fill), jemalloc's junk and Chromium's freed memory.
FILL_PATTERNS = {
    0xCDCDCDCD: "fresh heap memory of the MSVC debug runtime",
    0xDDDDDDDD: "freed heap memory of the MSVC debug runtime",
    0xFDFDFDFD: "the guard bytes of the MSVC debug heap",
    0xCCCCCCCC: "uninitialised stack memory of an MSVC debug build",
    0xFEEEFEEE: "memory freed by HeapFree under a debugger",
    0xBAADF00D: "uninitialised memory of HeapAlloc under a debugger",
    0xABABABAB: "the guard bytes of HeapAlloc under a debugger",
    0xE5E5E5E5: "memory freed by jemalloc",
    0xA5A5A5A5: "fresh memory of jemalloc",
    0xDEADBEEF: "a marker",
    0x41414141: "the text AAAA",
}


AddressKind = Literal["memory", "instruction", "sender", "unknown"]


class Reason(NamedTuple):
    """Why the dump was written, as far as its exception record says.

    `name` is the constant names, most general first ("SIGSEGV / SEGV_MAPERR"); `sentence` the same
    in words. `address` is what the crash is about; `address_kind` says what it is: "memory" that
    was accessed, the "instruction", the "sender" of a signal (no address at all), or "unknown"
    when the record does not hold it. `address_words` says what stands out about it. `access` is
    "read", "write", "execute" or "". A dump that was asked for is not `is_crash`.
    """

    name: str
    sentence: str
    address: int = 0
    address_kind: AddressKind = "instruction"
    address_words: str = ""
    access: str = ""
    is_crash: bool = True


def pointer_size(architecture: str) -> int:
    """The width of an address in bytes; 8 for an architecture that is not known."""
    return POINTER_SIZES.get(architecture, 8)


def fit_pointer(address: int, architecture: str) -> int:
    """`address` without the sign bits that some writers put before a 32-bit address."""
    return address & ((1 << 8 * pointer_size(architecture)) - 1)


def hex_address(address: int, architecture: str) -> str:
    """`0x45` as a person writes it when it is small, else padded to the pointer's width."""
    if address < NEAR_NULL:
        return f"{address:#x}"
    return f"0x{address:0{2 * pointer_size(architecture)}x}"


def is_canonical(address: int, architecture: str) -> bool:
    """Whether x86-64 can address it with 48 or 57 bits; other architectures have no such rule."""
    return architecture != "x86_64" or (address >> 56) in (0, 0xFF)


def address_words(address: int, architecture: str) -> str:
    """What stands out about an address: `null pointer + 0x45`; "" when nothing does."""
    limit = 1 << 8 * pointer_size(architecture)
    if address == 0:
        return "null pointer"
    if address < NEAR_NULL:
        return f"null pointer + {address:#x}"
    if limit - NEAR_NULL <= address < limit:
        return f"null pointer - {limit - address:#x}"
    low = address & 0xFFFFFFFF
    if architecture in ("x86", "arm") or address >> 32 == low:
        for pattern, meaning in FILL_PATTERNS.items():
            if low >> 16 == pattern >> 16 and low - pattern < NEAR_NULL >> 4:
                return f"looks like {meaning}"
    return "" if is_canonical(address, architecture) else "non-canonical address"
