"""Object files that were compiled but not linked, told by their first bytes: no crash has them."""

from __future__ import annotations

from crashtool.formats.object_file import elf, elf_structs, macho, macho_structs

MACHO_OBJECT = 1  # MH_OBJECT


def is_unlinked(head: bytes) -> bool:
    """Whether an ELF or Mach-O file begins as the .o of a compiler does.

    64 bytes are enough. Build folders have ten thousands of them, all with many sections.
    """
    if head.startswith(elf.MAGIC) and len(head) >= elf_structs.Header64.SIZE:
        big_endian = elf_structs.Identification.read(head).encoding == elf.BIG
        # up to the field both headers have the same layout
        return elf_structs.Header64.read(head, big_endian=big_endian).file_type == elf.RELOCATABLE
    if head[:4] in macho.MAGICS and len(head) >= macho_structs.MachHeader.SIZE:
        _, big_endian = macho.MAGICS[head[:4]]
        return macho_structs.MachHeader.read(head, big_endian=big_endian).file_type == MACHO_OBJECT
    return False
