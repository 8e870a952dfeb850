"""What a file is that should be a minidump and is not, and what to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.minidump.structs import SIGNATURE, VERSION, MinidumpHeader
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

HEAD_SIZE = 1 << 16
CORE_FILE = 4  # ET_CORE (elf.h), and MH_CORE (mach-o/loader.h)
VERSION_MASK = 0xFFFF


class FileKind(NamedTuple):
    """What a file is. `word` is for programs: "gzip", "zip", "multipart", "elf_core", …"""

    word: str
    name: str
    hint: str


_ARCHIVE_HINT = "unpack it and give the minidump inside"
_OBJECT_HINT = "this is a program or its debug file: give the minidump of its crash instead"
_KERNEL_HINT = "it describes a crash of Windows itself: open it in WinDbg"
_TRANSFER_HINT = "a download or proxy gave this instead of the dump: fetch the file again"
_APPLE_HINT = (
    "it is already a report in text: read it as it is, or symbolicate it with Apple's atos"
)

_MAGICS: tuple[tuple[bytes, FileKind], ...] = (
    (b"PAGEDU64", FileKind("kernel_dump", "a 64-bit Windows kernel crash dump", _KERNEL_HINT)),
    (b"PAGEDUMP", FileKind("kernel_dump", "a 32-bit Windows kernel crash dump", _KERNEL_HINT)),
    (
        b"PMDM",
        FileKind(
            "big_endian_minidump",
            "a minidump in big-endian byte order",
            "it was written on a big-endian machine (PowerPC, SPARC, MIPS): "
            "Breakpad's minidump_stackwalk reads such",
        ),
    ),
    (b"\x1f\x8b", FileKind("gzip", "gzip data", _ARCHIVE_HINT)),
    (b"PK\x03\x04", FileKind("zip", "a zip archive", _ARCHIVE_HINT)),
    (b"PK\x05\x06", FileKind("zip", "an empty zip archive", _ARCHIVE_HINT)),
    (b"BZh", FileKind("bzip2", "bzip2 data", _ARCHIVE_HINT)),
    (b"\xfd7zXZ\0", FileKind("xz", "xz data", _ARCHIVE_HINT)),
    (b"\x28\xb5\x2f\xfd", FileKind("zstd", "zstd data", _ARCHIVE_HINT)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("7z", "a 7-Zip archive", _ARCHIVE_HINT)),
    (b"MSCF", FileKind("cab", "a Windows cabinet archive", _ARCHIVE_HINT)),
    (b"\x04\x22\x4d\x18", FileKind("lz4", "lz4 data", _ARCHIVE_HINT)),
    (
        b"CR1",
        FileKind("unreal_crash", "an Unreal Engine crash container", _ARCHIVE_HINT),
    ),
    (b"Microsoft C/C++ MSF", FileKind("pdb", "a PDB debug file", _OBJECT_HINT)),
    (b"MZ", FileKind("pe", "a Windows program or DLL", _OBJECT_HINT)),
    (b"\x7fELF", FileKind("elf", "an ELF program or library", _OBJECT_HINT)),
    (b"MODULE ", FileKind("symbol_file", "a Breakpad symbol file", _OBJECT_HINT)),
    (b"!<arch>\ndebian-binary", FileKind("deb", "a Debian package", _ARCHIVE_HINT)),
    (b"\xed\xab\xee\xdb", FileKind("rpm", "an RPM package", _ARCHIVE_HINT)),
    (b"!<arch>\n", FileKind("archive", "a static library", _OBJECT_HINT)),
    (b"SQLite format 3\0", FileKind("sqlite", "an SQLite database", "give the minidump itself")),
    (b"CPds", FileKind("settings", "a Crashpad database's settings", "give its .dmp files")),
    (b"sdPC", FileKind("settings", "a Crashpad database's settings", "give its .dmp files")),
    (
        b"version https://git-lfs",
        FileKind("git_lfs", "a Git LFS pointer", "run 'git lfs pull' to get the file itself"),
    ),
    (b"HTTP/1.", FileKind("http", "an HTTP message", _TRANSFER_HINT)),
    (b"<!doctype html", FileKind("html", "an HTML page", _TRANSFER_HINT)),
    (b"<html", FileKind("html", "an HTML page", _TRANSFER_HINT)),
    (b"<?xml", FileKind("xml", "an XML file", "give the minidump itself")),
)

_MACH_O = {
    b"\xcf\xfa\xed\xfe": False,
    b"\xce\xfa\xed\xfe": False,
    b"\xfe\xed\xfa\xcf": True,
    b"\xfe\xed\xfa\xce": True,
}
_MICRODUMP = b"-----BEGIN BREAKPAD MICRODUMP-----"
_EMPTY = FileKind(
    "empty",
    "empty",
    "the writer was stopped before it wrote anything, or the disk was full",
)


def refuse_other_files(data: Buffer, name: str) -> None:
    """Raise InputUnusable, with what the file is and what to do, unless it is a minidump."""
    kind = find_file_kind(data)
    if kind:
        raise InputUnusable(f"{name} is {kind.name}, not a minidump", hint=kind.hint)


def find_file_kind(data: Buffer) -> FileKind | None:
    """What a file is by its first bytes; None for a minidump, also for a damaged one."""
    head = bytes(data[:HEAD_SIZE])
    if not head:
        return _EMPTY
    if head.startswith(SIGNATURE):
        return None
    for find in _TESTS:
        kind = find(head)
        if kind:
            return kind
    return FileKind("unknown", "of an unknown kind", "a minidump starts with the letters MDMP")


def _find_unfinished(head: bytes) -> FileKind | None:
    """Crashpad writes the signature last (minidump_file_writer.cc), so until then it is zero."""
    if head[: len(SIGNATURE)].strip(b"\0"):
        return None
    if (
        len(head) >= MinidumpHeader.SIZE
        and MinidumpHeader.read(head).version & VERSION_MASK == VERSION
    ):
        return FileKind(
            "incomplete_crashpad_dump",
            "an incomplete Crashpad dump (its signature is still zero)",
            "the handler was stopped while it wrote: look for a full disk, a kill or a time limit",
        )
    if not head.strip(b"\0"):
        return FileKind("zeros", "made of zero bytes", "its content was lost: look for a full disk")
    return None


def _find_by_magic(head: bytes) -> FileKind | None:
    start = head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, kind in _MAGICS:
        if head.startswith(magic) or (magic[:1] == b"<" and start.startswith(magic)):
            if kind.word == "elf" and _is_core(head):
                return FileKind(
                    "elf_core",
                    "an ELF core file",
                    "gdb opens it; a minidump comes from a Crashpad or Breakpad handler",
                )
            return kind
    if head[257:262] == b"ustar":
        return FileKind("tar", "a tar archive", _ARCHIVE_HINT)
    if head[:1] == b"\x78" and head[1:2] in {b"\x01", b"\x5e", b"\x9c", b"\xda"}:
        return FileKind(
            "zlib", "zlib data, perhaps an Unreal Engine crash container", _ARCHIVE_HINT
        )
    return None


def _is_core(head: bytes) -> bool:
    """Whether e_type of an ELF header says core, in the byte order that it names."""
    is_big = head[5:6] == b"\x02"
    return int.from_bytes(head[16:18], "big" if is_big else "little") == CORE_FILE


def _find_mach_o(head: bytes) -> FileKind | None:
    if head.startswith(b"\xca\xfe\xba\xbe"):
        return FileKind("mach_o", "a universal Mach-O file", _OBJECT_HINT)
    is_big = _MACH_O.get(head[:4])
    if is_big is None:
        return None
    if int.from_bytes(head[12:16], "big" if is_big else "little") == CORE_FILE:
        return FileKind("mach_o_core", "a Mach-O core file", "lldb opens it")
    return FileKind("mach_o", "a Mach-O program or library", _OBJECT_HINT)


def _find_report(head: bytes) -> FileKind | None:
    if _MICRODUMP in head:
        return FileKind(
            "microdump",
            "a Breakpad microdump (text)",
            "Breakpad's microdump_stackwalk reads it",
        )
    if b"Incident Identifier:" in head or (b"Process:" in head and b"Thread 0" in head):
        return FileKind("apple_report", "an Apple crash report in text", _APPLE_HINT)
    return None


def _find_text(head: bytes) -> FileKind | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"--") and b"content-disposition" in head.lower():
        return FileKind("multipart", "the body of an upload request", _ARCHIVE_HINT)
    if start.startswith(b"{") and (b'"bug_type"' in head or b'"incident_id"' in head):
        return FileKind("apple_ips", "an Apple crash report (.ips)", _APPLE_HINT)
    if start.startswith((b"{", b"[")):
        return FileKind("json", "JSON", "give the minidump itself")
    if b"\0" not in head and not any(byte < 9 for byte in head):  # noqa: PLR2004 - TAB
        return FileKind("text", "text", "give the minidump itself")
    return None


def _find_wrapped(head: bytes) -> FileKind | None:
    offset = head.find(SIGNATURE + VERSION.to_bytes(2, "little"))
    if offset < 0:
        return None
    return FileKind(
        "wrapped",
        f"something with a minidump inside, {offset} bytes from its start",
        "cut off what comes before it",
    )


_TESTS = (_find_unfinished, _find_by_magic, _find_mach_o, _find_report, _find_text, _find_wrapped)
