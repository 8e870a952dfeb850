"""Structs of core files, for x86-64 and 32-bit x86 (elfcore.h, procfs.h, siginfo.h, link.h)."""

from typing import Annotated

from crashtool.formats.record import I32, U16, U32, U64, Record


class PrStatus64(Record):
    """struct elf_prstatus: a thread's signal and identifiers, and `registers`, a UserRegsStruct."""

    signal: I32
    code: I32
    error: I32
    current_signal: U16
    padding: U16
    pending: U64
    held: U64
    id: I32
    parent: I32
    group: I32
    session: I32
    times: Annotated[bytes, "64s"]
    registers: Annotated[bytes, "216s"]
    has_floating_point: I32
    end: U32


class PrStatus32(Record):
    """The same of a 32-bit process."""

    signal: I32
    code: I32
    error: I32
    current_signal: U16
    padding: U16
    pending: U32
    held: U32
    id: I32
    parent: I32
    group: I32
    session: I32
    times: Annotated[bytes, "32s"]
    registers: Annotated[bytes, "68s"]
    has_floating_point: I32


class PrPsInfo64(Record):
    """struct elf_prpsinfo: the process."""

    state: Annotated[bytes, "4s"]
    padding: U32
    flags: U64
    user: U32
    group: U32
    id: I32
    parent: I32
    process_group: I32
    session: I32
    name: Annotated[bytes, "16s"]
    arguments: Annotated[bytes, "80s"]


class PrPsInfo32(Record):
    """The same of a 32-bit process, whose users have 16 bits."""

    state: Annotated[bytes, "4s"]
    flags: U32
    user: U16
    group: U16
    id: I32
    parent: I32
    process_group: I32
    session: I32
    name: Annotated[bytes, "16s"]
    arguments: Annotated[bytes, "80s"]


class SigInfo64(Record):
    """siginfo_t, with the address of a fault."""

    signal: I32
    error: I32
    code: I32
    padding: U32
    address: U64
    rest: Annotated[bytes, "104s"]


class SigInfo32(Record):
    """The same of a 32-bit process."""

    signal: I32
    error: I32
    code: I32
    address: U32
    rest: Annotated[bytes, "112s"]


class Pair64(Record):
    """Two words: Elf64_auxv_t, Elf64_Dyn."""

    key: U64
    value: U64


class Pair32(Record):
    """Two words: Elf32_auxv_t, Elf32_Dyn."""

    key: U32
    value: U32


class Debug64(Record):
    """struct r_debug: where a debugger finds the list of what is loaded."""

    version: U64
    map: U64
    breakpoint: U64
    state: U64
    loader: U64


class Debug32(Record):
    """The same of a 32-bit process."""

    version: U32
    map: U32
    breakpoint: U32
    state: U32
    loader: U32


class LinkMap64(Record):
    """struct link_map: one loaded object."""

    bias: U64
    name: U64
    dynamic: U64
    following: U64
    previous: U64


class LinkMap32(Record):
    """The same of a 32-bit process."""

    bias: U32
    name: U32
    dynamic: U32
    following: U32
    previous: U32


class MappedFile64(Record):
    """A row of NT_FILE: `page` is the offset in the file, counted in pages."""

    start: U64
    end: U64
    page: U64


class MappedFile32(Record):
    """The same of a 32-bit process."""

    start: U32
    end: U32
    page: U32


class Count64(Record):
    """The head of NT_FILE."""

    rows: U64
    page_size: U64


class Count32(Record):
    """The same of a 32-bit process."""

    rows: U32
    page_size: U32
