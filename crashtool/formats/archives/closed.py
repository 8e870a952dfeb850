"""Containers that are known and not opened here: disk images, installers, other packers.

What nobody looked into must not pass for empty: the release gate names these.
"""

from __future__ import annotations

import os
from typing import IO

from crashtool.formats.archives import squashfs_tables
from crashtool.formats.archives.appimage import is_old_appimage
from crashtool.formats.archives.refusals import FOLDER_HINT
from crashtool.formats.breakpad import symbol_header
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf, pe
from crashtool.formats.object_file.pe import find_image_end
from crashtool.formats.pdb import msf

HEAD_BYTES = 1 << 12  # with the section table of a program for Windows
ISO_MARK, ISO_PLACE = b"CD001", 0x8001
DMG_TRAILER, DMG_TRAILER_SIZE = b"koly", 512
PROGRAM_MAGICS = (elf.MAGIC, msf.MAGIC, symbol_header.MAGIC)
SCRIPT_MARKS = (b"Makeself", b"_ARCHIVE_START", b"__ARCHIVE_BELOW__", b"PAYLOAD:")
SCRIPT_BYTES = 1 << 14
TAIL_BYTES = 1 << 16  # in which an appended zip archive has its end
OVERLAY_BYTES = 1 << 20
SECTION_MARK = b".wixburn"
# Marks of what is appended to an installer's program; WiX's is the name of a section.
INSTALLER_MARKS = (
    (b"NullsoftInst", "an NSIS installer"),
    (b"Inno Setup Setup Data", "an Inno Setup installer"),
    (SECTION_MARK, "a WiX bundle"),
    (b"ISSetupStream", "an InstallShield installer"),
    (b"7z\xbc\xaf\x27\x1c", "a self-extracting 7-Zip archive"),
    (b"Rar!\x1a\x07", "a self-extracting RAR archive"),
    (b"MSCF\0\0\0\0", "a self-extracting cabinet"),
)


class Closed(NamedTuple):
    """What a file is, and what to do with it."""

    sentence: str
    hint: str


_MAGICS = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a Windows Installer package (.msi)",
        f"unpack it (msiexec /a, lessmsi) and {FOLDER_HINT}",
    ),
    (b"sqsh", "a SquashFS image of an old version", f"unpack it (unsquashfs) and {FOLDER_HINT}"),
    (b"xar!", "a macOS installer package (.pkg)", f"unpack it (pkgutil) and {FOLDER_HINT}"),
    (b"Rar!\x1a\x07", "a RAR archive", f"unpack it and {FOLDER_HINT}"),
    (b"\x04\x22\x4d\x18", "packed with LZ4", f"unpack it (lz4 -d) and {FOLDER_HINT}"),
    (b"LZIP", "packed with lzip", f"unpack it (lzip -d) and {FOLDER_HINT}"),
    (b"\x89LZO\0\r\n\x1a\n", "packed with lzop", f"unpack it (lzop -d) and {FOLDER_HINT}"),
    (b"\x1f\x9d", "packed with compress (.Z)", f"unpack it (gzip -d) and {FOLDER_HINT}"),
    (b"flatpak\0", "a Flatpak bundle", f"install it and {FOLDER_HINT}"),
    (b"070707", "a cpio archive", f"unpack it (cpio -i) and {FOLDER_HINT}"),
    (b"070701", "a cpio archive", f"unpack it (cpio -i) and {FOLDER_HINT}"),
    (b"070702", "a cpio archive", f"unpack it (cpio -i) and {FOLDER_HINT}"),
    (b"PK\x07\x08", "a part of a split zip archive", f"join its parts and {FOLDER_HINT}"),
    (b"MSWIM\0\0\0", "a Windows image (.wim)", f"unpack it and {FOLDER_HINT}"),
)


def find_closed(head: bytes) -> Closed | None:
    """What the first bytes say of a container that is not opened here; None for other files."""
    for magic, sentence, hint in _MAGICS:
        if head.startswith(magic):
            return Closed(sentence, hint)
    if head.startswith(squashfs_tables.MAGIC) and (obstacle := squashfs_tables.find_obstacle(head)):
        return Closed(f"a SquashFS image{obstacle}", squashfs_tables.UNPACK_HINT)
    if is_old_appimage(head):
        hint = f"unpack it (7z x) and {FOLDER_HINT}"
        return Closed("an AppImage of type 1: a CD image whose head is a program", hint)
    return None


def find_closed_file(file: IO[bytes]) -> Closed | None:
    """As `find_closed`, with all that a file tells: its end, and what is appended to a program."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if kind := find_closed(head):
        return kind
    if head.startswith(pe.MAGIC):
        return _find_installer(file, head)
    return None if head.startswith(PROGRAM_MAGICS) else _find_image(file, head)


def _find_image(file: IO[bytes], head: bytes) -> Closed | None:
    """A disk's image, or a script with an archive behind it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - DMG_TRAILER_SIZE))
    if file.read(len(DMG_TRAILER)) == DMG_TRAILER and size >= DMG_TRAILER_SIZE:
        hint = f"mount it (hdiutil attach) and {FOLDER_HINT}"
        return Closed("a disk image of macOS (.dmg)", hint)
    file.seek(ISO_PLACE)
    if file.read(len(ISO_MARK)) == ISO_MARK:
        return Closed("a CD image (.iso)", f"mount it and {FOLDER_HINT}")
    if head.startswith(b"#!"):
        file.seek(0)
        script = file.read(SCRIPT_BYTES)
        if any(mark in script for mark in SCRIPT_MARKS):
            return Closed("a script that unpacks itself", f"unpack it and {FOLDER_HINT}")
    return None


def _find_installer(file: IO[bytes], head: bytes) -> Closed | None:
    """Whether a program for Windows carries an archive behind its last section."""
    parts = [head]
    size = file.seek(0, os.SEEK_END)
    end = find_image_end(head)
    if 0 < end < size:
        file.seek(end)
        parts.append(file.read(OVERLAY_BYTES))
        file.seek(max(end, size - TAIL_BYTES))
        parts.append(file.read(TAIL_BYTES))
    hint = f"unpack it (7z x) and {FOLDER_HINT}"
    for mark, sentence in INSTALLER_MARKS:
        if any(mark in part for part in parts[mark != SECTION_MARK :]):
            return Closed(sentence, hint)
    if b"PK\x05\x06" in b"".join(parts[2:]):
        return Closed("a program with a zip archive appended", hint)
    return None
