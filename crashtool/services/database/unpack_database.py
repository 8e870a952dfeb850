"""A Crashpad database in a zip, tar or other archive, unpacked to a folder."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path, PurePosixPath

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import ArchiveMember, ArchiveStream
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.opening import HEAD_BYTES, is_archive, is_packed, walk_contents
from crashtool.formats.crashpad.apple_double import pack_apple_double
from crashtool.formats.crashpad.extended_attributes import find_sidecar, read_pax_attributes
from crashtool.services.files.scratch import Scratch

MAX_MEMBERS = 100_000  # a handler keeps a year of reports, or 128 MB, at most
BESIDE = "__MACOSX"  # where a zip of macOS has the attributes of its files


def unpack_database(path: Path, folder: Path, scratch: Scratch) -> None:
    """The plain files of an archive, below a folder; links and devices are left out.

    InputUnusable when it is no archive, is damaged, or has members that lead out of the folder or
    cannot be read.
    """
    budget = Budget(path.stat().st_size, scratch.allowance)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not (is_archive(head) or is_packed(head)):
            raise InputUnusable(f"{path} is neither a folder nor a zip or tar file")
        try:
            for number, member in enumerate(walk_contents(file, head, budget, path.name)):
                if number >= MAX_MEMBERS:
                    raise _too_many()
                _unpack_member(member, _place(folder, member.name), scratch)
        except MalformedFile as error:
            raise InputUnusable(f"{path} is damaged: {error.what}") from None
        except InputUnusable as error:
            raise InputUnusable(f"cannot unpack {path}: {error.what}", hint=error.hint) from None


def _too_many() -> InputUnusable:
    return InputUnusable(f"more than {MAX_MEMBERS:,} members: not a Crashpad database")


def _unpack_member(member: ArchiveMember, target: Path, scratch: Scratch) -> None:
    """A folder or a plain file, with its extended attributes as a copy of macOS has them."""
    if member.obstacle:
        raise InputUnusable(f"the archive's member {member.name!r} is {member.obstacle}")
    if member.is_folder:
        target.mkdir(parents=True, exist_ok=True)
    else:
        _keep(member.stream, target, scratch)
    attributes = read_pax_attributes(member.attributes or {})
    if attributes:
        _keep(BytesIO(pack_apple_double(attributes)), find_sidecar(target), scratch)


def _place(folder: Path, name: str) -> Path:
    """Where a member goes. InputUnusable for a name that leads out of the folder."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != BESIDE]
    if any(part == ".." or part.startswith("/") or ":" in part or "\0" in part for part in parts):
        raise InputUnusable(f"the archive's member {name!r} leads out of it: refused")
    if not parts and not name.endswith("/"):
        raise InputUnusable("the archive has a member without a name: refused")
    return folder.joinpath(*parts)


def _keep(stream: ArchiveStream, target: Path, scratch: Scratch) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    Path(scratch.keep(stream)).replace(target)
