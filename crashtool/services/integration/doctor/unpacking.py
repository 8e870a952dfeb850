"""Programs in archives and packages, unpacked to be looked at as those in a folder are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from crashtool.errors import MalformedFile
from crashtool.formats.archives.archive_streams import ArchiveMember, Rejoined, read_fully
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.opening import HEAD_BYTES, is_archive, is_packed, walk_contents
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.identify import looks_like_object
from crashtool.formats.regular_file import open_regular
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.files.scratch import Scratch
from crashtool.services.integration.doctor.sniffing import HANDLER_NAMES

# What install folders hold on purpose; other archives are opened when they are named
SHIPPED = re.compile(
    r".*\.(?:zip|deb|ddeb|rpm|appimage|t[gx]z|tar(?:\.(?:gz|xz|bz2|zst))?)$", re.IGNORECASE
)
MAX_FOUND, MAX_FOUND_SIZE = 20, 256 << 20  # archives of a call that nobody named, their bytes
MAX_UNPACKED = 5_000  # files of an archive
OWNER_MAY = 0o600  # besides what the archive says, so that we can read it and remove it
USUAL_MODE = 0o755  # where an archive does not tell


class Contents(NamedTuple):
    """An archive, the folder that its programs are in now, and what could not be unpacked."""

    archive: str
    folder: str
    problem: str = ""


def is_container(path: str) -> bool:
    """Whether a file is an archive or package that is looked into. OSError, InputUnusable."""
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
    return is_archive(head) or is_packed(head)


def unpack_programs(path: str, scratch: Scratch) -> Contents:
    """Unpack what may be a program or handler, each at its place, with its mode.

    InputUnusable for what cannot be read at all; damage further on is a problem.
    """
    folder = scratch.make_folder()
    problem = ""
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
        budget = Budget(os.fstat(file.fileno()).st_size, scratch.allowance)
        taken = 0
        try:
            for member in walk_contents(file, head, budget, Path(path).name):
                target = _place(folder, member.name)
                if member.is_folder or target is None:
                    continue
                if member.obstacle:
                    problem = problem or f"{member.name} in it is {member.obstacle}"
                    continue
                taken += _take(member, target)
                if taken >= MAX_UNPACKED:
                    problem = f"more than {MAX_UNPACKED:,} programs in it: unpack it"
                    break
        except MalformedFile as error:
            if not taken:
                raise
            problem = f"it is damaged: {error.what}"
    return Contents(path, folder, problem)


def _take(member: ArchiveMember, target: Path) -> bool:
    """Write a member that is of interest; whether it was."""
    head = read_fully(member.stream, HEAD_BYTES)
    if not (looks_like_object(head) or target.name.lower() in HANDLER_NAMES) or target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = Rejoined(head, member.stream)
    with target.open("xb") as file:
        while block := whole.read(1 << 20):
            file.write(block)
    mode = USUAL_MODE if member.mode is None else member.mode
    target.chmod(mode | OWNER_MAY)
    return True


def _place(folder: str, name: str) -> Path | None:
    """Where a member goes: inside the folder, whatever its name says; None for no place at all."""
    parts = [part for part in re.split(r"[\\/]", name) if part not in ("", ".")]
    if not parts or ".." in parts or any(re.search(r"[\0-\x1f:]", part) for part in parts):
        return None
    return Path(folder, *parts)


class Names:
    """Paths in unpacked archives, as they are shown: below the archive's own."""

    def __init__(self, contents: tuple[Contents, ...]) -> None:
        self._pairs = [(member.folder, member.archive) for member in contents]

    def subject(self, subject: Subject) -> Subject:
        """A subject by the name that users know."""
        return subject._replace(path=self._shown(subject.path))

    def result(self, result: CheckResult) -> CheckResult:
        """A result in which no folder of ours is named."""
        return result._replace(
            file=self._shown(result.file),
            cause=self._shown(result.cause),
            consequence=self._shown(result.consequence),
            fix=self._shown(result.fix),
        )

    def _shown(self, text: str) -> str:
        for folder, archive in self._pairs:
            text = text.replace(folder, archive)
        return text
