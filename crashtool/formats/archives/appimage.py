"""AppImages: a program that mounts the image behind it; where that image begins.

Told by the mark that AppImage's specification puts into the ELF header. Of type 2 the image is a
SquashFS; the whole file of type 1 is an ISO 9660 image, which is not read here.
"""

from __future__ import annotations

from typing import IO

from crashtool.errors import MalformedFile
from crashtool.formats.object_file.elf_structs import (
    ElfSection32,
    ElfSection64,
    Header32,
    Header64,
    Identification,
)

ELF_MAGIC = b"\x7fELF"
MARK_PLACE = slice(8, 11)
TYPE_1, TYPE_2 = b"AI\x01", b"AI\x02"
WIDE, BIG_ENDIAN, NO_BYTES = 2, 2, 8  # elf.h: ELFCLASS64, ELFDATA2MSB, SHT_NOBITS


def is_appimage(head: bytes) -> bool:
    """Whether the first bytes are those of an AppImage of type 2."""
    return head.startswith(ELF_MAGIC) and head[MARK_PLACE] == TYPE_2


def is_old_appimage(head: bytes) -> bool:
    """Whether the first bytes are those of an AppImage of type 1."""
    return head.startswith(ELF_MAGIC) and head[MARK_PLACE] == TYPE_1


def is_any_appimage(head: bytes) -> bool:
    """Whether the first bytes are those of an AppImage of either type."""
    return is_appimage(head) or is_old_appimage(head)


def find_image(file: IO[bytes]) -> int:
    """Where the image begins: behind the runtime's last section, or the table of them.

    MalformedFile when the runtime's headers do not hold.
    """
    file.seek(0)
    data = file.read(Header64.SIZE)
    identification = Identification.read(data)
    is_wide = identification.word_class == WIDE
    is_big = identification.encoding == BIG_ENDIAN
    header = (Header64 if is_wide else Header32).read(data, big_endian=is_big)
    section = ElfSection64 if is_wide else ElfSection32
    if header.section_count and header.section_size != section.SIZE:
        raise MalformedFile("the AppImage's runtime has damaged headers", offset=0)
    end = header.sections_offset + header.section_size * header.section_count
    last = end - section.SIZE
    if header.section_count and last <= file.seek(0, 2):
        file.seek(last)
        section_header = section.read(file.read(section.SIZE), big_endian=is_big)
        end = max(
            end,
            section_header.offset
            + (0 if section_header.section_type == NO_BYTES else section_header.size),
        )
    return end
