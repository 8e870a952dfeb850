"""Where this machine may have a module's files, of what its dump says: paths that are safe to open.

A dump is made by whoever crashed, so its paths are hostile: no device, pipe or network is touched
for them. What is found counts only when its identifier is the module's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.symbol_lookup import Candidate

if TYPE_CHECKING:
    from crashtool.model.module import Module

RECORDED = "at its recorded path"
BESIDE_PROGRAM = "beside its program"
BESIDE_DUMP = "beside the dump"
SYSTEM = "in the system's folders"
DEBUG_FOLDER = "/usr/lib/debug"  # gdb's debug-file-directory as distributions set it
LINKED = "by its .gnu_debuglink"
CACHED = "in the cache"
NOT_HERE = Candidate(
    "this machine",
    "not_found",
    note="no file of it at its recorded path, beside the dump, among the system's or in the cache",
)

MAX_PATH_LENGTH = 4096
MAX_NAME_LENGTH = 255
BUILD_ID_DIGITS = range(16, 129)
HEX_DIGITS = frozenset("0123456789abcdef")
PDB_SUFFIX = ".pdb"
DWARF_FOLDER = "Contents/Resources/DWARF"
# Opening what is in there may wait for ever, start devices, or read another process's files.
UNSAFE_FOLDERS = ("proc", "sys", "dev")
UNSAFE_FILE_SYSTEMS = frozenset(
    (
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "debugfs",
        "tracefs",
        "configfs",
        "mqueue",
        "bpf",
        "securityfs",
        "binfmt_misc",
        "efivarfs",
        "fusectl",
        "autofs",
    )  # looking below it makes this machine ask another one
)
WINDOWS_DEVICES = frozenset(
    (
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789\u00b9\u00b2\u00b3"),
    )
)
REMOTE_DRIVE = 4  # DRIVE_REMOTE (fileapi.h)
MOUNT_POINT = 4  # the field of mountinfo
# Where libraries of Linux are: Crashpad records them by their own names (DT_SONAME), without path.
LIBRARY_FOLDERS = (
    *(
        f"{root}/{name}"
        for root in ("/lib", "/usr/lib", "/usr/local/lib")
        for name in (
            "x86_64-linux-gnu",
            "aarch64-linux-gnu",
            "i386-linux-gnu",
            "arm-linux-gnueabihf",
        )
    ),
    "/lib64",
    "/usr/lib64",
    "/usr/local/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
    "/lib32",
    "/usr/lib32",
)


class Surroundings(NamedTuple):
    """The folders of one dump: where it lies, "" for none, and where its main program ran."""

    dump_folder: str = ""
    program_folder: str = ""


class LocalPath(NamedTuple):
    """A path where a file of a module may be, and how that is said."""

    path: str
    ground: str


def find_surroundings(dump: str, modules: tuple[Module, ...]) -> Surroundings:
    """The surroundings of the dump at the path `dump`, "" when what lies beside it is not to be
    looked at. Its first module is the program.
    """
    program = recorded_path(modules[0].code_file or "") if modules else ""
    folder = (os.path.dirname(dump) or os.curdir) if dump and dump != "-" else ""
    return Surroundings(folder, os.path.dirname(program) if program else "")


def walk_places(module: Module, around: Surroundings) -> Iterator[LocalPath]:
    """Every regular file that may be a file of the module, in the order to try them; none twice,
    whatever names it has.
    """
    seen: set[object] = set()
    for local in _walk_paths(module, around):
        if local.path in seen:
            continue
        seen.add(local.path)
        if (key := identify_regular(local.path)) is not None and key not in seen:
            seen.add(key)
            yield local


def _walk_paths(module: Module, around: Surroundings) -> Iterator[LocalPath]:
    program = recorded_path(module.code_file or module.name)
    name = plain_name(module.code_file or module.name)
    debug_name = plain_name(module.debug_file or "")
    if program:
        yield LocalPath(program, RECORDED)
        for path in _walk_partners(os.path.dirname(program), name, debug_name):
            yield LocalPath(path, BESIDE_PROGRAM)
    if recorded := recorded_path(module.debug_file or ""):
        yield LocalPath(recorded, RECORDED)
    for folder, ground in (
        (around.dump_folder, BESIDE_DUMP),
        (around.program_folder, BESIDE_PROGRAM),
    ):
        if folder and name:
            yield LocalPath(os.path.join(folder, name), ground)
            for path in _walk_partners(folder, name, debug_name):
                yield LocalPath(path, ground)
    if not program and name and os.name == "posix" and "\\" not in (module.code_file or ""):
        for folder in LIBRARY_FOLDERS:
            yield LocalPath(f"{folder}/{name}", SYSTEM)
    yield from _walk_build_id(module)


def _walk_partners(folder: str, name: str, debug_name: str) -> Iterator[str]:
    """What separate debug files of a program are called, beside it."""
    if not name:
        return
    stem = name.rpartition(".")[0] or name
    names = [
        f"{name}.debug",
        f".debug/{name}.debug",
        f".debug/{name}",
        f"{name}.dbg",
        f"{name}.dSYM/{DWARF_FOLDER}/{name}",
        f"{name}.sym",
    ]
    if debug_name.lower().endswith(PDB_SUFFIX):
        names = [debug_name, f"{debug_name[: -len(PDB_SUFFIX)]}.sym", f"{stem}{PDB_SUFFIX}"]
    elif debug_name and debug_name != name:
        names.append(debug_name)
    for partner in names:
        yield os.path.join(folder, *partner.split("/"))


def _walk_build_id(module: Module) -> Iterator[LocalPath]:
    """Debug packages' files by build id: .build-id/ab/cdef….debug, of Linux's modules alone."""
    build_id = (module.code_id or "").lower()
    if len(build_id) not in BUILD_ID_DIGITS or not HEX_DIGITS.issuperset(build_id):
        return
    if (module.debug_file or "").lower().endswith(PDB_SUFFIX) or os.name != "posix":
        return
    path = f"{DEBUG_FOLDER}/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
    yield LocalPath(path, f"in {DEBUG_FOLDER}")


def recorded_path(text: str) -> str:
    """A path of a dump as one of this machine; "" when it is none, or not safe to open."""
    if not text or len(text) > MAX_PATH_LENGTH or not text.isprintable():
        return ""
    return _windows_path(text) if os.name == "nt" else _posix_path(text)


def _posix_path(text: str) -> str:
    if not text.startswith("/"):
        return ""
    path = os.path.normpath(text.lstrip("/").join(("/", "")))
    if path.split("/")[1] in UNSAFE_FOLDERS or _is_unsafe_mount(path):
        return ""
    return path


def _windows_path(text: str) -> str:
    r"""`C:\folder\file` alone: no share, no device, no stream of a file, no drive of a server."""
    drive, rest = text[:2], text[2:].replace("/", "\\")
    if not (drive[:1].isascii() and drive[:1].isalpha() and drive[1:] == ":"):
        return ""
    if not rest.startswith("\\") or rest.startswith("\\\\") or set(rest) & set(':*?"<>|'):
        return ""
    if any(is_windows_device(part) for part in rest.split("\\")) or _is_remote(drive):
        return ""
    return os.path.normpath(drive + rest)


def is_windows_device(name: str) -> bool:
    """Whether Windows opens a device for a file name: NUL, COM1, also with a suffix."""
    return name.partition(".")[0].strip().lower() in WINDOWS_DEVICES


def _is_remote(drive: str) -> bool:
    """Whether a drive's letter stands for a server's share."""
    try:
        import ctypes  # slow to load

        kernel: object = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
        kind: int = kernel.GetDriveTypeW(f"{drive}\\")  # type: ignore[attr-defined]
    except (ImportError, AttributeError, OSError):
        return True
    return kind == REMOTE_DRIVE


def plain_name(path: str) -> str:
    r"""The last part of a path of any system as a file's name here; "" when it leads elsewhere."""
    name = base_name(path)
    is_plain = name.isprintable() and len(name) <= MAX_NAME_LENGTH and bool(name.strip(". "))
    if os.name == "nt" and (set(name) & set(':*?"<>|') or is_windows_device(name)):
        return ""
    return name if is_plain else ""


def identify_regular(path: str) -> object:
    """What tells a regular file from others; None for a path to anything else. It is not opened."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else path


_unsafe_mounts: list[str] | None = None


def _is_unsafe_mount(path: str) -> bool:
    """Whether a path leads into what is no storage, or is mounted when somebody looks."""
    global _unsafe_mounts  # noqa: PLW0603 (read once; mounts do not come and go during a call)
    if _unsafe_mounts is None:
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                _unsafe_mounts = list_unsafe_mounts(file.read())
        except OSError:
            _unsafe_mounts = []
    return any(path.startswith(f"{folder.rstrip('/')}/") for folder in _unsafe_mounts)


def list_unsafe_mounts(text: str) -> list[str]:
    """The mount points of /proc/self/mountinfo (proc_pid_mountinfo(5)) below which nothing may be
    opened that a dump names.
    """
    mounts = []
    for line in text.splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) > MOUNT_POINT and source.split(" ")[0] in UNSAFE_FILE_SYSTEMS:
            mounts.append(fields[MOUNT_POINT].replace("\\040", " "))
    return mounts
