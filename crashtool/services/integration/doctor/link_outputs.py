"""link.pdb, .elf, .pic: what the linker is told to make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.cmake.build_lines import SHARED
from crashtool.formats.crashpad.client.linking import NOTE_SYMBOL
from crashtool.formats.msbuild.configuration import Configuration
from crashtool.formats.msbuild.project import COMPILER, LINKER
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.crashpad_builds import (
    NotConcerned,
    list_libraries,
    walk_builds,
)
from crashtool.services.integration.doctor.crashpad_library import DROPPED, UNKNOWN, read_library
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, note, skip, warning

UNREADABLE = "Crashes of this configuration stay bare addresses: there is nothing to upload."
WINDOWS_WORDS = re.compile(r"\.(?:lib|obj|exe|dll)$")
MACOS_WORDS = ("-framework", "-dynamiclib", "-bundle", "-search_paths_first")
DEBUG_OPTION = re.compile(r"-g(?:[1-3]|gdb[1-3]?|dwarf.*|line-tables-only|split-dwarf)?$")


def check_pdb(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Debug information in what users get, whole in one PDB."""
    for build in walk_builds(subject, examination):
        if build.configuration is None:
            raise NotConcerned("only projects of Visual Studio say how their PDBs are made")
        if build.is_release and build.is_linked:
            yield from _assess_pdb(build, build.configuration)


def _assess_pdb(build: Build, configuration: Configuration) -> Iterator[CheckResult]:
    compiled = configuration.compiler.get("DebugInformationFormat")
    linked = configuration.linker.get("GenerateDebugInformation")
    unknown = {f"{COMPILER}.DebugInformationFormat", f"{LINKER}.GenerateDebugInformation"}
    if unknown & configuration.unknown or (linked is None and compiled is None):
        yield skip(build.file, f"{build.shown}: whether it makes a PDB is not written there")
        return
    line = build.line_of("GenerateDebugInformation")
    how = linked.value.lower() if linked else ""
    if compiled and compiled.value.lower() == "none":
        yield failure(
            build.file,
            f"{build.shown} is compiled without debug information",
            UNREADABLE,
            "set DebugInformationFormat to ProgramDatabase (/Zi)",
            line=build.line_of("DebugInformationFormat"),
        )
    elif how == "false":
        yield failure(
            build.file,
            f"{build.shown} is linked without debug information",
            UNREADABLE,
            "set GenerateDebugInformation to true (/DEBUG)",
            line=line,
        )
    elif how == "debugfastlink":
        yield failure(
            build.file,
            f"{build.shown} is linked with /DEBUG:FASTLINK",
            "Its PDB is an index into object files of this machine: uploaded, it is worth nothing.",
            "set GenerateDebugInformation to DebugFull (/DEBUG:FULL)",
            line=line,
        )
    elif how in ("true", "debugfull") and not _folds(configuration):
        yield note(
            build.file,
            f"{build.shown} has /DEBUG, which turns /OPT:REF and /OPT:ICF off",
            "The program is larger than it need be.",
            "set OptimizeReferences and EnableCOMDATFolding to true",
            line=line,
        )


def _folds(configuration: Configuration) -> bool:
    settings = (
        configuration.linker.get(name) for name in ("OptimizeReferences", "EnableCOMDATFolding")
    )
    return all(setting is not None and setting.value.lower() == "true" for setting in settings)


def check_elf(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """What GNU ld must be told, and what makes reports unreadable."""
    for build in walk_builds(subject, examination):
        if build.link is None or not _is_elf(build):
            raise NotConcerned("not linked into ELF, or not by lines that can be read")
        if libraries := list_libraries(build, examination):
            yield from _assess_elf(build, _find_note(libraries, examination))


def _is_elf(build: Build) -> bool:
    words = build.link.words if build.link else ()
    return not build.is_msvc and not any(
        WINDOWS_WORDS.search(word.lower()) or word in MACOS_WORDS or "search_paths_first" in word
        for word in words
    )


def _find_note(libraries: list[str], examination: Examination) -> str:
    """What becomes of the annotations' marker in some libraries, by the one that has it."""
    for path in libraries:
        try:
            note = examination.recall(read_library, path).note
        except (InputUnusable, OSError):
            continue
        if note != UNKNOWN:
            return note
    return UNKNOWN


def _assess_elf(build: Build, note: str) -> Iterator[CheckResult]:
    if build.link is None:
        return
    words = ",".join(build.link.words)
    line = build.link.line
    is_dropped = note == DROPPED or (note == UNKNOWN and "clang" not in build.compiler)
    if is_dropped and NOTE_SYMBOL not in words:
        yield warning(
            build.file,
            f"{build.shown} is linked without -u {NOTE_SYMBOL}",
            "GCC drops the marker of Crashpad's annotations: what the program sets "
            "(StringAnnotation, SimpleStringDictionary) never reaches a report.",
            f"-Wl,-u,{NOTE_SYMBOL}; CMake: target_link_options(APP PRIVATE "
            f"LINKER:--undefined={NOTE_SYMBOL})",
            line=line,
        )
    if "noexecstack" not in words:
        yield warning(
            build.file,
            f"{build.shown} is linked without -z noexecstack",
            "Crashpad's assembler files give the program an executable stack.",
            "-Wl,-z,noexecstack; CMake: target_link_options(APP PRIVATE LINKER:-z,noexecstack)",
            line=line,
        )
    yield from _assess_symbols(build, words)


def _assess_symbols(build: Build, words: str) -> Iterator[CheckResult]:
    if build.link is None:
        return
    line = build.link.line
    if re.search(r"(?:^|,)(?:-s|--strip-all|-S|--strip-debug)(?:,|$)", words):
        yield warning(
            build.file,
            f"{build.shown} is stripped while it is linked",
            UNREADABLE,
            "leave -s out, keep the file with symbols, and strip a copy: objcopy --only-keep-debug",
            line=line,
        )
    if "--build-id=none" in words:
        yield warning(
            build.file,
            f"{build.shown} is linked without a build id",
            "Nothing ties a crash to its symbols.",
            "leave --build-id=none out",
            line=line,
        )
    flags = (*build.compile_words, *build.link.words)
    if build.is_release and build.compile_words and not any(map(DEBUG_OPTION.match, flags)):
        yield warning(
            build.file,
            f"{build.shown} is compiled without -g",
            UNREADABLE,
            "compile with -g (CMake: RelWithDebInfo), upload the symbols, strip what is shipped",
            line=line,
        )


def check_pic(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Position-independent code where the client goes into a shared library."""
    for build in walk_builds(subject, examination):
        if build.link is None or not _is_elf(build):
            raise NotConcerned("not linked into ELF, or not by lines that can be read")
        if build.link.kind != SHARED:
            continue
        for path in list_libraries(build, examination):
            try:
                facts = examination.recall(read_library, path)
            except InputUnusable as error:
                yield skip(path, error.what)
                continue
            if facts.knows_fixed and facts.fixed:
                yield failure(
                    build.file,
                    f"{build.shown} is a shared library, and {Path(path).name} is not "
                    f"position independent (it fixes the address of {facts.fixed[0]})",
                    "It does not link: recompile with -fPIC.",
                    "build Crashpad with -DCMAKE_POSITION_INDEPENDENT_CODE=ON",
                    line=build.link.line,
                )
            elif not facts.knows_fixed:
                yield skip(path, "whether its code is position independent is unknown")
