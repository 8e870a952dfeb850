"""Which file a dynamic linker would take for a library: this system's, or that below a root.

As ld.so(8) has it, but for LD_LIBRARY_PATH, which is the user's program's, and the cache, which is
made from the same folders.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import CLASS_64, LITTLE, MAGIC
from crashtool.formats.object_file.elf_dynamic import Dynamic, NeededVersion
from crashtool.formats.object_file.elf_structs import Header64, Identification
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import read_elf_dynamic

TRIPLETS = {
    62: "x86_64-linux-gnu",
    183: "aarch64-linux-gnu",
    3: "i386-linux-gnu",
    40: "arm-linux-gnueabihf",
}
FOLDERS = ("lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib", "usr/local/lib64")
CONFIGURATION = "etc/ld.so.conf"
MAX_LIBRARIES = 256
MAX_LINKS = 40
MAX_INCLUDES = 64
MAX_CONFIGURATION = 1 << 16  # bytes


class Missing(NamedTuple):
    """What a program cannot be loaded without: a library, or a version of symbols in it."""

    library: str
    version: str
    wanted_by: str


class Linker:
    """A search in one system for the libraries of one machine."""

    def __init__(self, root: Path | None, machine: int, *, is_wide: bool) -> None:
        self.root = root
        self.machine = machine
        self.is_wide = is_wide
        triplet = TRIPLETS.get(machine, "")
        multiarch = (f"lib/{triplet}", f"usr/lib/{triplet}") if triplet else ()
        self.folders = [
            *_read_configuration(root),
            *(f"/{folder}" for folder in (*multiarch, *FOLDERS)),
        ]

    def find(self, name: str, run_paths: tuple[str, ...] = (), origin: str = "") -> str | None:
        """The file that a library's name leads to; None when there is none.

        `origin`: the folder, on this machine, of the file that wants it.
        """
        if "/" in name:
            path = resolve_in(self.root, name)
            return path if self.fits(path) else None
        own = [text.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for text in run_paths]
        inside = [text if text.startswith(origin) else resolve_in(self.root, text) for text in own]
        for folder in (*inside, *(resolve_in(self.root, text) for text in self.folders)):
            path = os.path.join(folder, name)  # noqa: PTH118
            path = resolve_in(self.root, _strip(self.root, path))
            if self.fits(path):
                return path
        return None

    def fits(self, path: str) -> bool:
        """Whether a file is a library for this machine."""
        try:
            if not Path(path).is_file():
                return False
            with Path(path).open("rb") as file:
                head = file.read(Header64.SIZE)
            identification = Identification.read(head)
            header = Header64.read(head, big_endian=identification.encoding != LITTLE)
        except (OSError, InputUnusable):
            return False
        wide = identification.word_class == CLASS_64
        return head.startswith(MAGIC) and (wide, header.machine) == (self.is_wide, self.machine)


def find_missing(path: str, examination: Examination) -> list[Missing]:
    """All that an ELF program lacks in the system that doctor looks at."""
    root = examination.options.root
    program = examination.recall(read_elf_dynamic, path)
    linker = Linker(root, program.machine, is_wide=program.is_wide)
    missing = []
    if program.interpreter and not linker.fits(resolve_in(root, program.interpreter)):
        return [Missing(program.interpreter, "", path)]
    pending: list[tuple[str, Dynamic]] = [(path, program)]
    loaded: dict[str, Dynamic | None] = {}
    while pending and len(loaded) < MAX_LIBRARIES:
        file, dynamic = pending.pop(0)
        origin = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120
        for name in dynamic.needed:
            if name in loaded:
                continue
            library = linker.find(name, (*dynamic.run_paths, *program.run_paths), origin)
            loaded[name] = None
            if library is None:
                missing.append(Missing(name, "", file))
                continue
            loaded[name] = _read(library, examination)
            if loaded_path := loaded[name]:
                pending.append((library, loaded_path))
        missing += _find_versions(file, dynamic.needed_versions, loaded)
    return missing


def _read(path: str, examination: Examination) -> Dynamic | None:
    try:
        return examination.recall(read_elf_dynamic, path)
    except (MalformedFile, InputUnusable, OSError):
        return None


def _find_versions(
    file: str, needed: tuple[NeededVersion, ...], loaded: dict[str, Dynamic | None]
) -> list[Missing]:
    """Versions that a library which is there does not have; a library without any has all."""
    missing = []
    for library, version in needed:
        there = loaded.get(library)
        if there and there.defined_versions and version not in there.defined_versions:
            missing.append(Missing(library, version, file))
    return missing


def resolve_in(root: Path | None, path: str) -> str:
    """Where a path of a system is on this machine: below its root, with links taken there."""
    if root is None or not path.startswith("/"):
        return path
    base, rest = str(root).rstrip("/"), path.split("/")
    done: list[str] = []
    links = 0
    while rest:
        part = rest.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        here = "/".join((base, *done, part))
        if links < MAX_LINKS and os.path.islink(here):  # noqa: PTH114
            links += 1
            target = os.readlink(here)  # noqa: PTH115
            done = [] if target.startswith("/") else done
            rest = target.split("/") + rest
            continue
        done.append(part)
    return "/".join((base, *done))


def _strip(root: Path | None, path: str) -> str:
    """A path of this machine as the system below `root` has it."""
    base = str(root).rstrip("/") if root is not None else ""
    return path[len(base) :] if base and path.startswith(base + "/") else path


def _read_configuration(root: Path | None) -> list[str]:
    """The folders in ld.so.conf and the files that it includes."""
    folders: list[str] = []
    pending = [f"/{CONFIGURATION}"]
    for _ in range(MAX_INCLUDES):
        if not pending:
            break
        try:
            with Path(resolve_in(root, pending.pop(0))).open("rb") as file:
                text = file.read(MAX_CONFIGURATION).decode("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            word, _, rest = line.partition("#")[0].strip().partition(" ")
            if word == "include":
                pattern = rest.strip() if rest.strip().startswith("/") else f"/etc/{rest.strip()}"
                base = str(root or "").rstrip("/")
                pending += [
                    _strip(root, path)
                    for path in sorted(glob.glob(base + pattern))  # noqa: PTH207
                ][:MAX_INCLUDES]
            elif word.startswith("/"):
                folders.append(word)
    return folders
