"""The structs that tell of the variables of a procedure, and where each of them is (cvinfo.h)."""

from __future__ import annotations

from crashtool.formats.record import I32, U16, U32, Record


class Compile2Sym(Record):
    """S_COMPILE2 (cvinfo.h, COMPILESYM), as far as it is used."""

    size: U16
    kind: U16
    flags: U32
    machine: U16
    front_major: U16
    front_minor: U16
    front_build: U16
    back_major: U16


class Compile3Sym(Record):
    """S_COMPILE3 (cvinfo.h, COMPILESYM3), as far as it is used."""

    size: U16
    kind: U16
    flags: U32
    machine: U16
    front_major: U16
    front_minor: U16
    front_build: U16
    front_fix: U16
    back_major: U16


class FrameProcSym(Record):
    """S_FRAMEPROC (cvinfo.h, FRAMEPROCSYM): how a procedure has laid out its frame."""

    size: U16
    kind: U16
    frame_size: U32
    padding_size: U32
    padding_offset: U32
    saved_registers_size: U32
    handler_offset: U32
    handler_section: U16
    flags: U32


class BlockSym(Record):
    """S_BLOCK32 (cvinfo.h, BLOCKSYM32); the name follows."""

    size: U16
    kind: U16
    parent: U32
    end: U32
    length: U32
    offset: U32
    section: U16


class LocalSym(Record):
    """S_LOCAL (cvinfo.h, LOCALSYM); the name follows, and a record for each of its places."""

    size: U16
    kind: U16
    type: U32
    flags: U16


class FileStaticSym(Record):
    """S_FILESTATIC (cvinfo.h, FILESTATICSYM): a static variable that is kept in a register."""

    size: U16
    kind: U16
    type: U32
    file: U32
    flags: U16


class RegRelSym(Record):
    """S_REGREL32 (cvinfo.h, REGREL32); the name follows."""

    size: U16
    kind: U16
    offset: I32
    type: U32
    register: U16


class BpRelSym(Record):
    """S_BPREL32 (cvinfo.h, BPRELSYM32); the name follows."""

    size: U16
    kind: U16
    offset: I32
    type: U32


class RegisterSym(Record):
    """S_REGISTER (cvinfo.h, REGSYM); the name follows."""

    size: U16
    kind: U16
    type: U32
    register: U16


class DataSym(Record):
    """S_LDATA32, S_LTHREAD32 and their like (cvinfo.h, DATASYM32); the name follows."""

    size: U16
    kind: U16
    type: U32
    offset: U32
    section: U16


class ConstantSym(Record):
    """S_CONSTANT (cvinfo.h, CONSTSYM); a number and the name follow."""

    size: U16
    kind: U16
    type: U32


class LvarAddrRange(Record):
    """Where a variable has a place (cvinfo.h, CV_LVAR_ADDR_RANGE); gaps follow."""

    offset: U32
    section: U16
    size: U16


class LvarAddrGap(Record):
    """Code in a range where it has none (cvinfo.h, CV_LVAR_ADDR_GAP), from the range's start."""

    offset: U16
    size: U16


class DefRangeRegister(Record):
    """S_DEFRANGE_REGISTER, behind its head (cvinfo.h)."""

    register: U16
    attributes: U16


class DefRangeFramePointerRel(Record):
    """S_DEFRANGE_FRAMEPOINTER_REL and …_FULL_SCOPE, behind their head (cvinfo.h)."""

    offset: I32


class DefRangeSubfieldRegister(Record):
    """S_DEFRANGE_SUBFIELD_REGISTER, behind its head (cvinfo.h): 12 bits of the offset count."""

    register: U16
    attributes: U16
    parent_offset: U32


class DefRangeRegisterRel(Record):
    """S_DEFRANGE_REGISTER_REL, behind its head (cvinfo.h).

    `bits`: the lowest says that it is a part of a variable, the upper twelve where in it.
    """

    register: U16
    bits: U16
    offset: I32
