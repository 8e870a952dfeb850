"""Structs of core files, for 64-bit and 32-bit processes (elfcore.h, procfs.h, siginfo.h, link.h).

Each is declared once, as a 64-bit process has it; `narrow` gives the table of a 32-bit one.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from crashtool.formats.record import I32, U16, U32, Bytes4, Bytes8, Bytes16, Bytes512, Record

Bytes80 = Annotated[bytes, "80s"]

AnyRecord = TypeVar("AnyRecord", bound=Record)

# A second code is what a 32-bit process has in the place of the first.
Word = Annotated[int, "Q", "I"]
User = Annotated[int, "I", "H"]
Gap = Annotated[bytes, "4s", "0s"]  # before something that is aligned to eight bytes
Times = Annotated[bytes, "64s", "32s"]  # four of struct timeval
Rest = Annotated[bytes, "104s", "112s"]  # of a siginfo_t


def narrow(record: type[AnyRecord]) -> type[AnyRecord]:
    """The same struct of a 32-bit process."""
    fields = {
        name: kind if len(kind.__metadata__) == 1 else Annotated[object, kind.__metadata__[1]]
        for name, kind in record.KINDS.items()
    }
    names = {"__annotations__": fields, "__doc__": record.__doc__, "__slots__": ()}
    return type(f"{record.__name__}32", (Record,), names)


class PrStatus(Record):
    """struct elf_prstatus up to its registers: a thread's signal, identifiers and times."""

    signal: I32
    code: I32
    error: I32
    current_signal: U16
    padding: U16
    pending: Word
    held: Word
    id: I32
    parent: I32
    group: I32
    session: I32
    times: Times


class PrPsInfo(Record):
    """struct elf_prpsinfo: the process. Users have 16 bits in 32-bit processes."""

    state: Bytes4
    padding: Gap
    flags: Word
    user: User
    group: User
    id: I32
    parent: I32
    process_group: I32
    session: I32
    name: Bytes16
    arguments: Bytes80


class SigInfo(Record):
    """siginfo_t, with the address of a fault."""

    signal: I32
    error: I32
    code: I32
    padding: Gap
    address: Word
    rest: Rest


class KeyValue(Record):
    """Two words: Elf_auxv_t, Elf_Dyn."""

    key: Word
    value: Word


class Debug(Record):
    """struct r_debug: where a debugger finds the list of what is loaded."""

    version: Word
    map: Word
    breakpoint: Word
    state: Word
    loader: Word


class LoadedObject(Record):
    """struct link_map: one loaded object."""

    bias: Word
    name: Word
    dynamic: Word
    following: Word
    previous: Word


class FileCount(Record):
    """The head of NT_FILE."""

    rows: Word
    page_size: Word


class FileRow(Record):
    """A row of NT_FILE: `page` is the offset in the file, counted in pages."""

    start: Word
    end: Word
    page: Word


class FpsimdState(Record):
    """struct user_fpsimd_state: the floating-point registers of an ARM64 thread."""

    registers: Bytes512
    fpsr: U32
    fpcr: U32
    padding: Bytes8
