"""Archives and packed files: what may be a debug file is unpacked to a scratch folder.

Only members whose first bytes are those of a debug file are unpacked, so that the size of the rest
does not matter.
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, Self, cast

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats import cabinet
from crashtool.formats.object_file.reading import HEAD_BYTES, looks_like_object
from crashtool.services.symbols.encoded_text import TEXT_MAGICS, Utf8Text
from crashtool.services.symbols.scratch import Budget, Scratch

TAR_HEAD = 512
TAR_MARK = slice(257, 262)
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
SEVEN_ZIP_MAGIC = b"7z\xbc\xaf\x27\x1c"
ARCHIVE_MAGICS = (*ZIP_MAGICS, SEVEN_ZIP_MAGIC, cabinet.MAGIC)
MOST_MEMBERS = 1_000_000
ZSTD_STEP = 1 << 10  # bytes; three of them may unpack to 128 KiB
ENCRYPTED = 0x1
ENCRYPTED_ARCHIVE, UNPACK_IT = "the archive is encrypted", "unpack it, and give the folder"


def open_zstd(path: str) -> IO[bytes]:
    """A file packed with Zstandard. InputUnusable when nothing here can unpack it."""
    try:
        from compression import zstd  # Python 3.14

        return cast("IO[bytes]", zstd.open(path))
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise InputUnusable(
            "packed with Zstandard, which needs the extra 'zstd'",
            hint="pip install 'crashtool[zstd]', or unpack it with zstd -d",
        ) from None
    return cast("IO[bytes]", _Zstandard(path, zstandard))


class _Zstandard:
    """A stream of the library: its own one takes a file that was cut for a whole one."""

    def __init__(self, path: str, library: Any) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 (closed as this is)
        self._library = library
        self._frame: Any = None
        self._ready = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """As streams do. ValueError when it is damaged, EOFError when it is cut."""
        while len(self._ready) < size and self._fill():
            pass
        block = bytes(self._ready[:size])
        del self._ready[:size]
        return block

    def _fill(self) -> bool:
        """Unpack a little; False at the end."""
        rest = self._frame.unused_data if self._frame and self._frame.eof else b""
        packed = rest or self._file.read(ZSTD_STEP)
        if not packed:
            if self._frame and not self._frame.eof:
                raise EOFError("it was cut short")
            return False
        if self._frame is None or self._frame.eof:
            self._frame = self._library.ZstdDecompressor().decompressobj()
        try:
            self._ready += self._frame.decompress(packed)
        except self._library.ZstdError as error:
            raise ValueError(str(error)) from None
        return True


OPENERS: dict[bytes, Callable[[str], IO[bytes]]] = {
    b"\x1f\x8b": cast("Callable[[str], IO[bytes]]", gzip.open),
    b"\xfd7zXZ\0": cast("Callable[[str], IO[bytes]]", lzma.open),
    b"BZh": cast("Callable[[str], IO[bytes]]", bz2.open),
    b"\x28\xb5\x2f\xfd": open_zstd,
    **dict.fromkeys(TEXT_MAGICS, cast("Callable[[str], IO[bytes]]", Utf8Text)),
}
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")
DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError, zlib.error,
    lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip


class Unpacked(NamedTuple):
    """A file out of an archive: its name in there, and where its bytes are now."""

    name: str
    source: str


def is_archive(head: bytes) -> bool:
    """Whether the first bytes (TAR_HEAD are enough) are those of an archive of several files."""
    return head.startswith(ARCHIVE_MAGICS) or head[TAR_MARK] == b"ustar"


def is_packed(head: bytes) -> bool:
    """Whether the first bytes are those of a gzip, xz, bzip2 or Zstandard file, or UTF-16."""
    return any(head.startswith(magic) for magic in OPENERS)


def walk_archive(path: str, head: bytes, scratch: Scratch) -> Iterator[Unpacked]:
    """The debug files in an archive or packed file, unpacked; names are as the archive has them.

    InputUnusable when the archive is damaged; what came before the damage has been given.
    """
    try:
        if head.startswith(ZIP_MAGICS):
            yield from _walk_zip(path, scratch)
        elif head.startswith(SEVEN_ZIP_MAGIC):
            yield from _walk_seven_zip(path, scratch)
        elif head.startswith(cabinet.MAGIC):
            yield from _walk_cabinet(path, scratch)
        elif head[TAR_MARK] == b"ustar":
            with Path(path).open("rb") as file:
                yield from _walk_tar(file, Budget(Path(path).stat().st_size), scratch)
        else:
            yield from _walk_packed(path, head, scratch)
    except (*DAMAGE, MalformedFile) as error:
        reason = str(error) or type(error).__name__
        raise InputUnusable(f"cannot be unpacked: {reason}") from None


def _walk_zip(path: str, scratch: Scratch) -> Iterator[Unpacked]:
    budget = Budget(Path(path).stat().st_size)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist()[:MOST_MEMBERS]:
            if member.is_dir() or member.file_size < len(b"MZ"):
                continue
            if member.flag_bits & ENCRYPTED:
                raise InputUnusable(ENCRYPTED_ARCHIVE, hint=UNPACK_IT)
            with archive.open(member) as stream:
                head = stream.read(HEAD_BYTES)
            if _is_wanted(head, member.filename):
                with archive.open(member) as stream:
                    source = scratch.keep(stream, member.filename, budget)
                yield Unpacked(member.filename, source)


def _walk_seven_zip(path: str, scratch: Scratch) -> Iterator[Unpacked]:
    """All of it is unpacked, as its members are packed together; what is of no use is removed."""
    try:
        import py7zr
    except ImportError:
        raise InputUnusable(
            "a 7-Zip archive, which needs the extra '7z'",
            hint="pip install 'crashtool[7z]', or unpack it",
        ) from None
    folder = scratch.make_folder()
    try:
        with py7zr.SevenZipFile(path) as archive:
            if archive.needs_password():
                raise InputUnusable(ENCRYPTED_ARCHIVE, hint=UNPACK_IT)
            members = [row for row in archive.list() if not row.is_directory][:MOST_MEMBERS]
            unpacked = sum(row.uncompressed for row in members)
            Budget(Path(path).stat().st_size).spend(unpacked, Path(path).name)
            archive.extractall(folder)  # noqa: S202 (it lets no name lead out of the folder)
    except py7zr.exceptions.ArchiveError as error:
        raise ValueError(str(error)) from None
    for row in members:
        file = Path(folder, row.filename)
        if file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        if _is_wanted(head, row.filename):
            yield Unpacked(row.filename, str(file))
        else:
            file.unlink()


def _walk_cabinet(path: str, scratch: Scratch) -> Iterator[Unpacked]:
    budget = Budget(Path(path).stat().st_size)
    with Path(path).open("rb") as file:
        for member in cabinet.walk_members(file):
            head = member.stream.read(HEAD_BYTES)
            if _is_wanted(head, member.name):
                rest = cast("IO[bytes]", _Rejoined(head, member.stream))
                yield Unpacked(member.name, scratch.keep(rest, member.name, budget))


def _walk_tar(file: IO[bytes], budget: Budget, scratch: Scratch) -> Iterator[Unpacked]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None:
                continue
            head = stream.read(HEAD_BYTES)
            if _is_wanted(head, member.name):
                rest = cast("IO[bytes]", _Rejoined(head, stream))
                yield Unpacked(member.name, scratch.keep(rest, member.name, budget))


def _walk_packed(path: str, head: bytes, scratch: Scratch) -> Iterator[Unpacked]:
    opener = next(opener for magic, opener in OPENERS.items() if head.startswith(magic))
    budget = Budget(Path(path).stat().st_size)
    with opener(path) as stream:
        start = stream.read(TAR_HEAD)
        rest = cast("IO[bytes]", _Rejoined(start, stream))
        if start[TAR_MARK] == b"ustar":
            yield from _walk_tar(rest, budget, scratch)
        elif looks_like_object(start):
            name = Path(path).name
            for suffix in PACKED_SUFFIXES:
                name = name.removesuffix(suffix)
            yield Unpacked(name, scratch.keep(rest, name, budget))


def _is_wanted(head: bytes, name: str) -> bool:
    """Debug files, and what a dSYM bundle has besides its DWARF."""
    return looks_like_object(head) or ".dSYM/" in name


class _Rejoined:
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int) -> bytes:
        block, self._head = self._head[:size], self._head[size:]
        return block + self._rest.read(size - len(block)) if len(block) < size else block
