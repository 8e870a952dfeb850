"""What kind of archive a file is by its first bytes, and the files in it, whatever the kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, TypeAlias

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives import (
    appimage,
    ar_file,
    cabinet,
    cpio_file,
    rpm_package,
    seven_zip,
    squashfs,
    tar_file,
    zip_file,
)
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Rejoined,
    Slice,
    read_fully,
)
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.codecs import BZIP2, GZIP, LZMA_ALONE, XZ, Unpacker
from crashtool.formats.archives.refusals import FOLDER_HINT, NotOpened
from crashtool.formats.archives.squashfs_tables import MAGIC as SQUASHFS_MAGIC
from crashtool.formats.archives.zstandard_frames import MAGIC as ZSTD_MAGIC
from crashtool.formats.archives.zstandard_frames import Zstandard

Walker: TypeAlias = Callable[[IO[bytes], Budget], Iterator[ArchiveMember]]

HEAD_BYTES = 512  # that is_archive and is_packed need
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst", ".lzma")
METHODS = {GZIP.magic: GZIP, XZ.magic: XZ, BZIP2.magic: BZIP2}
LZMA_ALONE_HEAD = 13  # properties, dictionary size, unpacked size
PACKAGE_CONTENT = "data.tar"
EXTRACT_HINT = f"unpack it (--appimage-extract) and {FOLDER_HINT}"
OTHER_IMAGES = {b"DWARFS": "a DwarFS image"}


def is_archive(head: bytes) -> bool:
    """Whether the first bytes are those of an archive of several files, or of a package."""
    return _find_walker(head) is not None


def is_packed(head: bytes) -> bool:
    """Whether the first bytes are those of a gzip, xz, bzip2, Zstandard or lzma file."""
    return head.startswith((*METHODS, ZSTD_MAGIC)) or _is_lzma_alone(head)


def walk_contents(
    file: IO[bytes], head: bytes, budget: Budget, name: str
) -> Iterator[ArchiveMember]:
    """The files and folders in an archive, package or packed archive; the one in a packed file.

    `name` is the file's own, which gives that of a packed file's content. A member's stream is to
    be read before the next is asked for. InputUnusable for what cannot be read at all,
    MalformedFile for damage, both here and while a member is read.
    """
    walker = _find_walker(head)
    if walker:
        yield from walker(file, budget)
        return
    file.seek(0)
    stream = unpack(file, head, budget)
    start = read_fully(stream, HEAD_BYTES)
    whole = Rejoined(start, stream)
    if tar_file.looks_like_tar(start):
        yield from tar_file.walk_members(whole)
    else:
        yield ArchiveMember(name_without_suffix(name), None, whole)


def unpack(stream: ArchiveStream, head: bytes, budget: Budget) -> ArchiveStream:
    """The unpacked bytes of a packed stream that begins with `head`; the stream itself if it is
    not packed.
    """
    if head.startswith(ZSTD_MAGIC):
        return Zstandard(stream, budget)
    for magic, method in METHODS.items():
        if head.startswith(magic):
            return Unpacker(stream, method, budget)
    return Unpacker(stream, LZMA_ALONE, budget) if _is_lzma_alone(head) else stream


def name_without_suffix(name: str) -> str:
    """What a packed file is called when it is unpacked."""
    for suffix in PACKED_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def name_kind(head: bytes) -> str:
    """What an archive or packed file is called: "a zip archive", "gzip"."""
    for magics, name in _NAMES:
        if head.startswith(magics):
            return name
    return "a tar archive" if tar_file.looks_like_tar(head) else "lzma"


_NAMES: tuple[tuple[bytes | tuple[bytes, ...], str], ...] = (
    (zip_file.MAGICS, "a zip archive"),
    (seven_zip.MAGIC, "a 7-Zip archive"),
    (cabinet.MAGIC, "a cabinet"),
    (ar_file.PACKAGE_HEAD, "a Debian package"),
    (rpm_package.MAGIC, "an RPM package"),
    (SQUASHFS_MAGIC, "a SquashFS image"),
    (appimage.ELF_MAGIC, "an AppImage"),
    (GZIP.magic, "gzip"),
    (XZ.magic, "xz"),
    (BZIP2.magic, "bzip2"),
    (ZSTD_MAGIC, "zstd"),
)


def _find_walker(head: bytes) -> Walker | None:
    for magics, walker in _WALKERS:
        if head.startswith(magics):
            return walker
    if squashfs.is_squashfs(head):
        return squashfs.walk_members
    if appimage.is_appimage(head):
        return _walk_appimage
    return _walk_tar if tar_file.looks_like_tar(head) else None


def _walk_tar(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:  # noqa: ARG001 (as the others)
    file.seek(0)
    yield from tar_file.walk_members(file)


def _walk_debian_package(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    """The files that a package installs; what controls the installation is passed over."""
    has_data = False
    for member in ar_file.walk_members(file):
        if member.name.startswith(PACKAGE_CONTENT):
            has_data = True
            head = read_fully(member.stream, HEAD_BYTES)
            stream = unpack(Rejoined(head, member.stream), head, budget)
            for archive_member in tar_file.walk_members(stream):
                yield archive_member._replace(name=archive_member.name.removeprefix("./"))
    if not has_data:
        raise InputUnusable("a Debian package without a data.tar", hint="dpkg-deb -x unpacks it")


def _walk_rpm_package(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    start = rpm_package.find_payload(file)
    packed = Slice(file, start, file.seek(0, 2) - start)
    head = read_fully(packed, HEAD_BYTES)
    for member in cpio_file.walk_members(unpack(Rejoined(head, packed), head, budget)):
        yield member._replace(name=member.name.removeprefix("./"))


def _walk_appimage(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    """The files in the image behind the runtime, which is none of them."""
    start = appimage.find_image(file)
    file.seek(start)
    mark = file.read(max(map(len, OTHER_IMAGES)))
    if not mark:
        raise MalformedFile("the AppImage is cut short", offset=start)
    if not mark.startswith(SQUASHFS_MAGIC):
        kind = OTHER_IMAGES.get(mark, "an image of an unknown kind")
        raise NotOpened(f"an AppImage with {kind}, which is not read here", hint=EXTRACT_HINT)
    yield from squashfs.walk_members(file, budget, start)


_WALKERS: tuple[tuple[bytes | tuple[bytes, ...], Walker], ...] = (
    (zip_file.MAGICS, zip_file.walk_members),
    (seven_zip.MAGIC, seven_zip.walk_members),
    (cabinet.MAGIC, cabinet.walk_members),
    (ar_file.PACKAGE_HEAD, _walk_debian_package),
    (rpm_package.MAGIC, _walk_rpm_package),
)


def _is_lzma_alone(head: bytes) -> bool:
    """Whether this may be a .lzma file, which has no mark: by the sizes that its makers write."""
    if len(head) < LZMA_ALONE_HEAD or head[0] != 0x5D:  # noqa: PLR2004 (lc=3, lp=0, pb=2)
        return False
    window = int.from_bytes(head[1:5], "little")
    size = int.from_bytes(head[5:LZMA_ALONE_HEAD], "little")
    is_usual = window >= 1 << 12 and window & window - 1 == 0
    return is_usual and (size == (1 << 64) - 1 or size < 1 << 40)
