"""database.place, .length, .space: whether the configured path can hold a database at all."""

from __future__ import annotations

import ntpath
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from crashtool.errors import reason_of
from crashtool.formats.attributes import is_absolute
from crashtool.formats.crashpad.client.linking import MAX_PATH
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.shell_words import quote_word
from crashtool.model.doctor import DATABASE, PROGRAM, CheckResult, Subject
from crashtool.services.integration.doctor.build_kind import find_build_folder
from crashtool.services.integration.doctor.configured import read_configured
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning
from crashtool.services.integration.doctor.mounts import (
    LAYERED,
    NETWORK,
    Mount,
    find_mount,
    parse_mounts,
)

NULL = "CrashReportDatabase::Initialize gives null: no crash is reported."
BELOW_WINDOWS = len(r"\reports\00000000-0000-0000-0000-000000000000.dmp")
LEAST_FREE = 50 << 20  # bytes; the largest dumps of usual programs have some 20 MB
INSTALLED = ("/usr/", "/opt/", "/Applications/", "/Library/")
INSTALLED_WINDOWS = ("/program files/", "/program files (x86)/")
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 (looked for, not used)
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
MOUNTS = "/proc/self/mountinfo"


class Doubt(NamedTuple):
    """Why a place will not do, and what follows."""

    cause: str
    consequence: str


IN_TEMPORARY = Doubt(
    "is in the folder for temporary files",
    "The system empties it: reports that wait for their upload are lost.",
)
AMONG_PROGRAMS = Doubt(
    "is where programs are installed",
    "Users may not write there, an update removes it, and in a macOS bundle it breaks the "
    "signature.",
)
IN_LAYER = Doubt(
    "is in the container's own layer",
    "It goes with the container, and reports that wait for their upload with it.",
)
SLOW = (
    "A dump is written while the program crashes: a server that is slow or away holds it up, and "
    "locks do not hold there."
)


def check_place(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """A folder that is there or can be made, by this user, and that stays."""
    configured = read_configured(subject, examination)
    path = str(configured.values.get("database") or "")
    if not path:
        yield skip("", f"no database is set in {subject.path or 'the settings'}")
        return
    if not is_absolute(path):
        yield warning(
            configured.locate("database"),
            f"the path {path} is relative",
            "The database is wherever the program happens to be started: its reports are found "
            "neither by the next handler nor by you.",
            "make it absolute in the program",
        )
        return
    if _is_windows(path) and (os.name != "nt" or examination.options.root):
        yield skip(path, "a path of Windows, looked at on another system")
        return
    results = list(_walk_obstacles(path, _in_root(path, examination)))
    yield from results or _walk_doubts(path, examination)


def _is_windows(path: str) -> bool:
    return bool(ntpath.splitdrive(path)[0])


def _in_root(path: str, examination: Examination) -> Path:
    """Where a path of the program's system is on this one."""
    root = examination.options.root
    return Path(path) if root is None else root / PurePosixPath(path).relative_to("/")


def _walk_obstacles(shown: str, path: Path) -> Iterator[CheckResult]:
    """Why Crashpad cannot make or use the folder; it makes one level, no parents."""
    if path.is_dir():
        if not _may_write(path):
            yield failure(
                shown,
                f"may not be written: {_owner(path)}",
                NULL,
                "run the program as the user who owns it, or remove it: handlers make theirs "
                "for their own user alone, so a first run as root locks all others out",
            )
        return
    if os.path.lexists(path):
        yield failure(shown, "a file is in the way", NULL, f"remove {quote_word(shown)}")
        return
    parent = path.parent
    if not parent.is_dir():
        missing = parent
        while not missing.parent.exists():
            missing = missing.parent
        yield failure(
            shown,
            f"its parent folder {PurePosixPath(shown).parent} does not exist",
            f"Crashpad makes one folder, not those above it. {NULL}",
            "make it when the program is installed, or in the program before Initialize",
        )
    elif not _may_write(parent):
        yield failure(
            shown,
            f"cannot be made: {_owner(parent)} above it",
            NULL,
            "choose a folder of the user: %LOCALAPPDATA%, ~/Library/Application Support, "
            "$XDG_STATE_HOME",
        )


def _may_write(folder: Path) -> bool:
    """Whether this process may make files in a folder, by the user that it acts for."""
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=effective)


def _owner(folder: Path) -> str:
    status = folder.stat()
    if os.name == "nt":
        return "the system forbids it"
    return f"mode {stat.S_IMODE(status.st_mode):o}, of user {status.st_uid}"


def _walk_doubts(path: str, examination: Examination) -> Iterator[CheckResult]:
    """Where it will not last."""
    installed = [
        subject.path
        for subject in examination.of_kind(PROGRAM)
        if not find_build_folder(subject.path)
    ]
    if reason := find_doubt(path, installed):
        yield warning(
            path,
            reason.cause,
            reason.consequence,
            "choose a folder of the user: %LOCALAPPDATA%, ~/Library/Application Support, "
            "$XDG_STATE_HOME",
        )
    if examination.options.root is None and sys.platform == "linux":
        is_container = any(Path(mark).exists() for mark in CONTAINER_MARKS)
        mounts = parse_mounts(Path(MOUNTS).read_text("utf-8", "replace"))
        mount = find_mount(mounts, os.path.realpath(path))
        if reason := assess_mount(mount, is_container=is_container):
            yield warning(
                path, reason.cause, reason.consequence, "put it on a volume or a local disk"
            )


def find_doubt(path: str, programs: list[str], system: str = sys.platform) -> Doubt | None:
    """Why a path will not do for long; None for others."""
    plain = path.replace("\\", "/").rstrip("/") + "/"
    temporary = [*TEMPORARY, "C:/Windows/Temp"]
    if system == sys.platform:
        temporary.append(tempfile.gettempdir().replace("\\", "/").rstrip("/"))
    if plain.lower().startswith(tuple(f"{folder.lower()}/" for folder in temporary)):
        return IN_TEMPORARY
    folders = [str(Path(program).absolute().parent).rstrip("/") + "/" for program in programs]
    is_installed = plain.startswith((*INSTALLED, *folders)) or ".app/Contents/" in plain
    is_windows = any(part in plain.lower() for part in INSTALLED_WINDOWS)
    return AMONG_PROGRAMS if is_installed or is_windows else None


def assess_mount(mount: Mount | None, *, is_container: bool) -> Doubt | None:
    """Why a file system is no good for a database; None for others."""
    if mount is not None and mount.type in NETWORK:
        return Doubt(f"is on a network file system ({mount.type}, {mount.point})", SLOW)
    if mount is not None and is_container and mount.type in LAYERED:
        return IN_LAYER
    return None


def check_length(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """On Windows, a path that leaves room for the names of reports."""
    configured = read_configured(subject, examination)
    path = str(configured.values.get("database") or "")
    if not path:
        yield skip("", f"no database is set in {subject.path or 'the settings'}")
        return
    length = len(path.encode("utf-16-le", "surrogatepass")) // 2 + BELOW_WINDOWS
    if _is_windows(path) and length > MAX_PATH:
        yield warning(
            configured.locate("database"),
            f"its reports have paths of {length} characters, and Windows takes {MAX_PATH}",
            "The dump cannot be written: no crash is reported.",
            f"shorten it by {length - MAX_PATH} characters",
        )


def check_space(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Enough room, and no limit on the size of files."""
    if subject.kind == DATABASE:
        path, shown = Path(subject.path), subject.path
    else:
        configured = read_configured(subject, examination)
        shown = str(configured.values.get("database") or "")
        if not shown or examination.options.root is not None:
            reason = "no database is set" if not shown else "another system's disk"
            yield skip("", reason)
            return
        path = Path(shown)
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        free = shutil.disk_usage(path).free
    except OSError as error:
        yield skip(shown, f"the free space is not known: {reason_of(error)}")
        return
    yield from assess_space(shown, free, _file_size_limit())


def assess_space(shown: str, free: int, limit: int | None) -> Iterator[CheckResult]:
    """`free` and `limit` (of one file, None without one) in bytes."""
    lost = "A dump that does not fit is cut or not written, and the program may hang for 5 s."
    if free < LEAST_FREE:
        yield warning(shown, f"{free >> 20} MiB are free there", lost, "make room")
    if limit is not None and limit < LEAST_FREE:
        yield warning(
            shown,
            f"files may have no more than {limit >> 10} KiB (ulimit -f)",
            lost,
            "raise the limit: ulimit -f unlimited",
        )


def _file_size_limit() -> int | None:
    limit = None
    if sys.platform != "win32":
        import resource

        soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        limit = None if soft == resource.RLIM_INFINITY else soft
    return limit
