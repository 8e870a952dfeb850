"""What checks ask of object files: each is read once a call, through `Examination.recall`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable

from crashtool.errors import InputUnusable
from crashtool.formats.crashpad.markers import CrashpadMarkers
from crashtool.formats.object_file.elf import MAGIC as ELF_MAGIC
from crashtool.formats.object_file.elf_dynamic import Dynamic, read_dynamic
from crashtool.formats.object_file.identify import HEAD_BYTES, read_object_files
from crashtool.formats.object_kinds import ELF, MACHO, PE, ObjectFile
from crashtool.formats.regular_file import open_regular
from crashtool.model.doctor import PROGRAM, CheckResult, Subject
from crashtool.services.integration.doctor.examination import Examination, Run
from crashtool.services.integration.doctor.findings import skip
from crashtool.services.integration.doctor.sniffing import read_markers
from crashtool.services.settings.project_file import find_writer
from crashtool.services.symbols.mapped_file import map_file

SYSTEMS = {ELF: "Linux", PE: "Windows", MACHO: "macOS"}
THREADS, ASSERTION = "pthread_create", "__assert_fail"
DEBUG_RUNTIMES = ("ucrtbased.dll", "vcruntime140d.dll", "msvcp140d.dll", "vcruntime140_1d.dll")
ASKED = (THREADS, ASSERTION)  # of an ELF file's dynamic symbols
MACHINES = {
    "AMD64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "arm64",
    "ARM64": "arm64",
    "i386": "x86",
    "i686": "x86",
}


def read_objects(path: str) -> tuple[ObjectFile, ...]:
    """The object of each architecture in a file."""
    return read_object_files(map_file(path))


def read_elf_dynamic(path: str) -> Dynamic:
    """What an ELF file needs when it is loaded."""
    return read_dynamic(map_file(path), ASKED)


def read_head(path: str) -> bytes:
    """The first bytes of a file, enough to tell its kind."""
    with open_regular(path) as file:
        return file.read(HEAD_BYTES * 8)


def is_elf(path: str, examination: Examination) -> bool:
    """Whether a file begins as ELF files do."""
    return examination.recall(read_head, path).startswith(ELF_MAGIC)


def markers_of(subject: Subject, examination: Examination) -> CrashpadMarkers:
    """What of Crashpad is in a program or handler."""
    return examination.recall(read_markers, subject.path)


def of_programs(run: Run) -> Run:
    """A check of handlers that looks at programs alone: handler.kind tells of other files."""

    def check(handler: Subject, examination: Examination) -> Iterable[CheckResult]:
        try:
            examination.recall(read_objects, handler.path)
        except InputUnusable:
            return [skip("", f"{handler.path} is not a program: see handler.kind")]
        return run(handler, examination)

    return check


def this_machine() -> tuple[str, str]:
    """The kind of object files that run here, and their architecture."""
    kind = {"linux": ELF, "win32": PE, "darwin": MACHO}.get(sys.platform, "")
    machine = platform.machine()
    return kind, MACHINES.get(machine, machine)


def find_obstacle(handler: str, examination: Examination) -> str:
    """Why a handler is not started for a question; "" when it may be.

    Only what is a handler and nothing else, for this machine, is started, and only when the user
    named a path: a folder that was merely the current one may be a stranger's.
    """
    options = examination.options
    if not options.may_start:
        return "handlers are started only in paths that are named: crashtool doctor PATH"
    if options.root is not None:
        return "with --root nothing is started"
    own = {subject.path for subject in examination.of_kind(PROGRAM)}
    if not examination.recall(read_markers, handler).is_handler or handler in own:
        return "it is not a crashpad_handler alone"
    return _find_misfit(handler, examination)


def _find_misfit(handler: str, examination: Examination) -> str:
    """Why this machine cannot, or should not, start a handler; "" when it can."""
    (first, *_) = examination.recall(read_objects, handler)
    if (first.kind, first.architecture) != this_machine():
        system = SYSTEMS.get(first.kind, first.kind)
        return f"it is for {system} on {first.architecture}, and cannot run here"
    if not os.access(handler, os.X_OK):
        return "it is not executable"
    writer = find_writer(os.path.abspath(handler)) if os.name != "nt" else ""  # noqa: PTH100
    return f"it is not started: {writer}" if writer else ""
