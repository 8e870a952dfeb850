"""program.client, .note, .stack, .threads, .static, .symbols: how the client is linked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crashtool.formats.crashpad.client.linking import NOTE_SYMBOL, THREAD_SYMBOL
from crashtool.formats.object_kinds import CODEVIEW, ELF, EXECUTABLE, MACHO, PE, ObjectFile
from crashtool.model.doctor import CRASHPAD_LIBRARY, CheckResult, Subject
from crashtool.services.integration.doctor.crashpad_library import DROPPED, read_library
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import (
    THREADS,
    markers_of,
    read_elf_dynamic,
    read_objects,
)
from crashtool.services.integration.doctor.findings import failure, note, warning
from crashtool.services.symbols.mapped_file import map_file

INFO_SIGNATURE = (0x43506164).to_bytes(4, "little")  # crashpad_info.cc, kSignature: "CPad"


def check_client(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """A program that was named has the client."""
    if not markers_of(program, examination).has_client:
        yield warning(
            program.path,
            "no Crashpad client found in it",
            "Unless a library that it loads has the client, its crashes are not reported.",
            "name that library, or the folder with both; else link the client and call "
            "StartHandler: crashtool scaffold",
        )


def check_note(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """An ELF file that sets annotations has the note by which a handler finds them."""
    if program.kind == CRASHPAD_LIBRARY:
        yield from _check_library_note(program, examination)
        return
    markers = markers_of(program, examination)
    if first_of(program, examination).kind != ELF or not markers.has_client or markers.has_anchor:
        return
    fix = f"link it with -Wl,-u,{NOTE_SYMBOL}"
    if map_file(program.path).find(INFO_SIGNATURE) < 0:
        yield note(
            program.path,
            "a handler finds no annotations of its own in it",
            "That is well as long as the program sets none (StringAnnotation, "
            "SimpleStringDictionary).",
            fix,
        )
        return
    yield failure(
        program.path,
        "the note .note.crashpad.info is missing: GCC drops the marker that keeps it",
        "Annotations set in the program (StringAnnotation, SimpleStringDictionary) are lost; those "
        "that StartHandler is given arrive.",
        fix,
    )


def _check_library_note(library: Subject, examination: Examination) -> Iterator[CheckResult]:
    """A library whose marker is lost unless those who link it ask for it by name."""
    if examination.recall(read_library, library.path).note == DROPPED:
        yield note(
            library.path,
            f"GCC has dropped the reference to {NOTE_SYMBOL} in it",
            "What is linked with it gets no note .note.crashpad.info: annotations set in the "
            "program are lost.",
            f"link programs with -Wl,-u,{NOTE_SYMBOL}, as scaffold cpp does",
        )


def check_stack(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """An ELF file has no executable stack, which Crashpad's assembler files would give it."""
    if first_of(program, examination).kind != ELF:
        return
    if examination.recall(read_elf_dynamic, program.path).executable_stack:
        yield warning(
            program.path,
            "its stack is executable, from Crashpad's assembler files as a rule",
            "A defence against attacks is gone, and hardened systems may refuse to load it.",
            "link it with -Wl,-z,noexecstack",
        )


def check_threads(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Threads other than the first get a signal stack of their own."""
    first = first_of(program, examination)
    if first.kind != ELF or first.role != EXECUTABLE:
        return
    if not markers_of(program, examination).has_client:
        return
    dynamic = examination.recall(read_elf_dynamic, program.path)
    if THREADS in dynamic.imported:
        yield note(
            program.path,
            "threads are started without Crashpad's wrapper of pthread_create",
            "A stack overflow in any thread but the first is not reported, unless each calls "
            "CrashpadClient::InitializeSignalStackForThread().",
            f"link it with -Wl,-u,{THREAD_SYMBOL} before Crashpad's libraries (not with -static)",
        )


def check_static(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The program has the dynamic section that a handler finds modules by."""
    first = first_of(program, examination)
    if first.kind != ELF or first.role != EXECUTABLE:
        return
    if not markers_of(program, examination).has_client:
        return
    if not examination.recall(read_elf_dynamic, program.path).is_dynamic:
        yield warning(
            program.path,
            "it is a static program",
            "Reports arrive, with the program alone in their list of modules.",
            "link it dynamically if the libraries that it loads matter",
        )


def check_symbols(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The program has an identifier by which a report finds its symbols."""
    for object_file in examination.recall(read_objects, program.path):
        if object_file.kind == PE and CODEVIEW in object_file.traits:
            continue
        if object_file.debug_id is None:
            yield warning(
                program.path,
                f"it has no {IDENTIFIERS[object_file.kind]}",
                "Its reports never find its symbols: stacks stay addresses.",
                FIXES[object_file.kind].format(name=Path(program.path).name),
            )
            return


IDENTIFIERS = {ELF: "build id", PE: "CodeView record (no PDB belongs to it)", MACHO: "UUID"}
FIXES = {
    ELF: "link {name} with -Wl,--build-id",
    PE: "link {name} with /DEBUG",
    MACHO: "link {name} without -no_uuid",
}


def first_of(program: Subject, examination: Examination) -> ObjectFile:
    """The object of the first architecture in a program."""
    return examination.recall(read_objects, program.path)[0]
