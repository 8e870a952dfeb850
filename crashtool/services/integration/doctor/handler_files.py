"""handler.present, .executable, .kind, .arch, .name: the handler as a file beside a program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.object_file.data_texts import find_texts
from crashtool.formats.object_kinds import PE
from crashtool.formats.shell_words import quote_word
from crashtool.model.doctor import CRASHPAD_HEADERS, CRASHPAD_LIBRARY, HANDLER, CheckResult, Subject
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import (
    SYSTEMS,
    markers_of,
    read_head,
    read_objects,
)
from crashtool.services.integration.doctor.findings import failure, note, warning
from crashtool.services.integration.doctor.pairing import find_handlers, find_programs, is_beside
from crashtool.services.integration.doctor.sniffing import read_markers
from crashtool.services.symbols.mapped_file import map_file

LOST = "Nothing is reported: StartHandler has nothing to start, and on Linux returns true."
LOST_ON_WINDOWS = "Nothing is reported: StartHandler has nothing to start."
NAMED = re.compile(r"(?:^|[\\/])((?:[\w-]+_)?crashpad[\w-]*?handler(?:\.exe|\.com)?)$", re.ASCII)
SUFFIXES = ("", ".exe", ".com")
ZIP, GZIP, XZ, SEVEN_ZIP = b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c"
COPY = "copy the crashpad_handler program itself"
PRINTABLE = frozenset((*range(0x20, 0x7F), *b"\t\r\n"))
FOREIGN_FILES = (  # first bytes, what such a file is, what to do about it
    (b"#!", "a script", "name the program that the script starts: --handler PATH"),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS", "git lfs pull"),
    (ZIP, "a zip archive", f"unpack it, and {COPY}"),
    (GZIP, "a gzip archive", f"unpack it, and {COPY}"),
    (XZ, "an xz archive", f"unpack it, and {COPY}"),
    (SEVEN_ZIP, "a 7z archive", f"unpack it, and {COPY}"),
    (b"!<arch>\n", "a static library or package", COPY),
    (b"<!DOCTYPE", "a web page, perhaps of a failed download", "download it again, and look at it"),
    (b"<html", "a web page, perhaps of a failed download", "download it again, and look at it"),
)


def check_present(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """A program that has the client needs a handler where it looks for one."""
    markers = markers_of(program, examination)
    if not markers.has_client or markers.is_handler:  # program.client tells of the one
        return
    handlers = find_handlers(program, examination)
    folder = Path(program.path).parent
    elsewhere = handlers or [subject.path for subject in examination.of_kind(HANDLER)]
    if not elsewhere:
        is_windows = examination.recall(read_objects, program.path)[0].kind == PE
        name, lost = (
            ("crashpad_handler.exe", LOST_ON_WINDOWS) if is_windows else ("crashpad_handler", LOST)
        )
        yield failure(
            program.path,
            "no crash handler beside it",
            lost,
            f"copy the {name} of the same Crashpad to {folder}/, in the build and in the installer",
        )
    elif is_beside(elsewhere[0], program.path):
        return
    elif all(_is_of_distribution(handler, program, examination) for handler in elsewhere):
        yield warning(
            program.path,
            f"no crash handler beside it, only Crashpad's own copy: {elsewhere[0]}",
            "Users do not get that folder: without a handler of its own the program reports "
            "nothing there, and on Linux StartHandler returns true.",
            f"copy it to {folder}/, in the build and in the installer",
        )
    else:
        yield note(
            program.path,
            f"the handler is not beside it: {elsewhere[0]}",
            "It is found only if the code passes this path to StartHandler.",
        )


def _is_of_distribution(handler: str, program: Subject, examination: Examination) -> bool:
    """Whether a handler lies where Crashpad was built or unpacked, and the program does not.

    Libraries are in a folder of that, headers one or two levels below it: include/crashpad.
    """
    roots = {
        Path(subject.path).absolute().parent.parent
        for subject in examination.of_kind(CRASHPAD_LIBRARY)
    }
    for sighting in examination.of_kind(CRASHPAD_HEADERS):
        roots |= set(list(Path(sighting.path).absolute().parents)[:2])
    here, own = Path(handler).absolute(), Path(program.path).absolute()
    return any(here.is_relative_to(root) and not own.is_relative_to(root) for root in roots)


def check_executable(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The system may run it: by access(2), for a noexec mount leaves the mode as it is."""
    (first, *_) = examination.recall(read_objects, handler.path)
    if os.name == "nt" or first.kind == PE:
        return
    status = Path(handler.path).stat()
    quoted = quote_word(handler.path)
    if not status.st_mode & 0o111:
        is_unpacked = examination.is_unpacked(handler.path)
        yield failure(
            handler.path,
            f"it is not executable (mode {status.st_mode & 0o777:o})",
            "Every crash is lost, and StartHandler says nothing of it.",
            "make the archive by tar or by zip on Unix, of a file with mode 755: what is made on "
            "Windows, or by GitHub's upload-artifact, has no modes"
            if is_unpacked
            else f"chmod +x {quoted}; archives and copies that drop modes must keep this one",
        )
    elif _is_where_it_will_be(handler, examination) and not os.access(handler.path, os.X_OK):
        yield failure(
            handler.path,
            f"it may not be executed here, although its mode is {status.st_mode & 0o777:o}",
            "Every crash is lost, and StartHandler says nothing of it.",
            "put it on a file system that is not mounted noexec, or run doctor as its user",
        )


def _is_where_it_will_be(handler: Subject, examination: Examination) -> bool:
    return examination.options.root is None and not examination.is_unpacked(handler.path)


def check_kind(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """It is a crashpad_handler, and of the system of the program that starts it."""
    starters = list(find_programs(handler, examination))
    tell = failure if starters or handler.named else warning
    if not Path(handler.path).exists():
        yield failure(
            handler.path,
            "there is no such file",
            LOST,
            "build it, or give its path: --handler PATH",
        )
        return
    try:
        objects = examination.recall(read_objects, handler.path)
    except InputUnusable:
        kind, fix = _tell_kind(examination.recall(read_head, handler.path))
        yield tell(
            handler.path,
            f"it is {kind}, not a crashpad_handler",
            "Every crash is lost, and StartHandler says nothing of it.",
            fix,
        )
        return
    if not examination.recall(read_markers, handler.path).is_handler:
        yield tell(
            handler.path,
            "it is a program, but not a crashpad_handler",
            "Every crash is lost, and the program may hang for 5 s at the crash.",
            "copy the crashpad_handler that was built with the client",
        )
        return
    for program in starters:
        own = examination.recall(read_objects, program.path)[0].kind
        if own != objects[0].kind:
            yield failure(
                handler.path,
                f"it is a {SYSTEMS[objects[0].kind]} program, {program.path} is one for "
                f"{SYSTEMS[own]}",
                "Every crash is lost: it cannot start.",
                f"copy the crashpad_handler for {SYSTEMS[own]}",
            )


def check_architecture(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The handler is for the processor of the program."""
    for handler in find_handlers(program, examination)[:1]:
        try:
            objects = examination.recall(read_objects, handler)
        except InputUnusable:
            return  # handler.kind tells of it
        wanted = {
            object_file.architecture
            for object_file in examination.recall(read_objects, program.path)
        }
        there = {object_file.architecture for object_file in objects}
        missing = wanted - there
        if not missing or objects[0].kind != examination.recall(read_objects, program.path)[0].kind:
            return
        shown, own = " and ".join(sorted(there)), " and ".join(sorted(missing))
        if objects[0].kind == PE and there == {"x86_64"} and missing == {"x86"}:
            yield note(
                handler,
                "it is x86_64, the program x86",
                "That works on 64-bit Windows; 32-bit Windows cannot start it.",
            )
            return
        yield failure(
            handler,
            f"it is {shown}, {program.path} is {own}",
            f"Every crash of the {own} program is lost: the handler cannot start, or cannot read "
            "it.",
            f"copy the crashpad_handler that was built for {own}",
        )


def check_name(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The handler is called what the program's code calls it."""
    markers = markers_of(program, examination)
    handlers = find_handlers(program, examination)
    if not markers.has_client or markers.is_handler or not handlers:
        return
    expected = examination.recall(read_handler_names, program.path)
    there = {Path(handler).name.lower() for handler in handlers}
    wanted = {name + suffix for name in expected for suffix in SUFFIXES}
    if expected and not wanted & there:
        yield failure(
            handlers[0],
            f"it is called {Path(handlers[0]).name}, the code of {program.path} names "
            f"{' and '.join(sorted(expected))}",
            LOST,
            f"rename it to {min(expected)}, or have the code name it as it is",
        )


def read_handler_names(path: str) -> frozenset[str]:
    """The names of handlers in a program's texts: those of files, without folders, lower case."""
    texts = find_texts(map_file(path), ("handler",))
    matches = (NAMED.search(text) for text in texts)
    return frozenset(match[1].lower() for match in matches if match)


def _tell_kind(head: bytes) -> tuple[str, str]:
    """What a file is that is no object file, with its article, and what to do about it."""
    if not head:
        return "an empty file", COPY
    for magic, words, fix in FOREIGN_FILES:
        if head[: len(magic)].lower() == magic.lower():
            return words, fix
    if all(byte in PRINTABLE for byte in head):
        return "a text file", COPY
    return "no program that can be read: damaged, or of another format", COPY
