"""What a file is by its content, and the identifiers that crash reports know it by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.breakpad import symbol_header
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf, macho, macho_structs, pe
from crashtool.formats.object_kinds import CodeRange, ObjectFile
from crashtool.formats.pdb import msf

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

HEAD_BYTES = 64


def _read_pdb(data: Content) -> tuple[ObjectFile, ...]:
    from crashtool.formats.object_file.pdb_identity import (
        read_pdb,
    )  # seldom a dump has PDBs and ELF files

    return read_pdb(data)


READERS: tuple[tuple[bytes, Callable[[Content], tuple[ObjectFile, ...]]], ...] = (
    (elf.MAGIC, elf.read_elf),
    (msf.MAGIC, _read_pdb),
    (symbol_header.MAGIC, symbol_header.read_symbol_header),
    *((magic, macho.read_macho) for magic in macho.MAGICS),
    (macho.UNIVERSAL_32, macho.read_macho),
    (macho.UNIVERSAL_64, macho.read_macho),
    (pe.MAGIC, pe.read_pe),
)


class UnusableFileType(NamedTuple):
    """A kind of file that is known and cannot be used: what it is, and what to do instead."""

    magic: bytes
    sentence: str
    hint: str


UNUSABLE_FILE_TYPES = (
    UnusableFileType(
        b"BSJB",
        "a portable PDB (.NET): Crashpad reports native code",
        "give the native PDB, or leave the file out",
    ),
    UnusableFileType(
        b"Microsoft C/C++ program database 2.00",
        "a PDB of Visual C++ 6 (format 2.00)",
        "link with a later Visual C++",
    ),
    UnusableFileType(
        b"!<arch>\n", "a static library (.a, .lib)", "give the program it is linked into"
    ),
    UnusableFileType(b"!<thin>\n", "a static library (.a)", "give the program it is linked into"),
    UnusableFileType(b"MDMP", "a minidump", "crashtool send-dump sends it"),
    UnusableFileType(b"BC\xc0\xde", "LLVM bitcode, not machine code", "give the linked program"),
    UnusableFileType(b"\0asm", "WebAssembly, which Crashpad does not run on", "leave the file out"),
    UnusableFileType(b"Rar!", "a RAR archive", "unpack it first, or use .zip or .tar.gz"),
)


def looks_like_object(head: bytes) -> bool:
    """Whether the first bytes (HEAD_BYTES are enough) are those of a kind that can be read."""
    if head[:4] == macho.UNIVERSAL_32:  # or a Java class, whose version stands where the count is
        header = macho_structs.UniversalHeader.read(
            head.ljust(macho_structs.UniversalHeader.SIZE), big_endian=True
        )
        return 0 < header.architecture_count <= macho.MAX_ARCHITECTURES
    return any(head.startswith(magic) for magic, _ in READERS)


def sniff_file_type(head: bytes) -> UnusableFileType | None:
    """Why a known kind of file that is no object file cannot be used."""
    return next(
        (verdict for verdict in UNUSABLE_FILE_TYPES if head.startswith(verdict.magic)), None
    )


def find_code(data: Content) -> tuple[CodeRange, ...]:
    """Where the executable code of an ELF or PE file is, of a debug file too; empty for others.

    MalformedFile when the headers do not hold.
    """
    if bytes(data[: len(elf.MAGIC)]) == elf.MAGIC:
        return elf.find_elf_code(data)
    return pe.find_pe_code(data) if bytes(data[: len(pe.MAGIC)]) == pe.MAGIC else ()


def find_constants(data: Content) -> tuple[CodeRange, ...]:
    """Where an ELF file holds what is loaded and never written to; empty for others.

    MalformedFile when the headers do not hold.
    """
    is_elf = bytes(data[: len(elf.MAGIC)]) == elf.MAGIC
    return elf.find_elf_constants(data) if is_elf else ()


def read_object_files(data: Content) -> tuple[ObjectFile, ...]:
    """The objects in a file's bytes: one, or one for each architecture of a universal Mach-O.

    InputUnusable when the content is of no kind that can be used, MalformedFile when it breaks
    the format that it begins as.
    """
    head = bytes(data[:HEAD_BYTES])
    if looks_like_object(head):
        reader = next(reader for magic, reader in READERS if head.startswith(magic))
        return reader(data)
    if verdict := sniff_file_type(head):
        raise InputUnusable(verdict.sentence, hint=verdict.hint)
    raise InputUnusable("not a debug file" if head else "an empty file")
