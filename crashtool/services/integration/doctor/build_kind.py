"""Whether a program was built for its developer or for its users, as far as files tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.gn_arguments import parse_arguments
from crashtool.formats.object_file.data_texts import find_texts
from crashtool.formats.object_file.pe_imports import read_imports
from crashtool.formats.object_kinds import ELF, MACHO
from crashtool.formats.text_file import read_text_file
from crashtool.model.doctor import Subject
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.cmake_builds import read_cmake_builds
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import (
    ASSERTION,
    DEBUG_RUNTIMES,
    read_elf_dynamic,
)
from crashtool.services.integration.doctor.program_client import first_of
from crashtool.services.symbols.mapped_file import map_file

FOR_DEVELOPERS, FOR_USERS, UNKNOWN = "developers", "users", "unknown"
CMAKE_CACHE, GN_ARGUMENTS = "CMakeCache.txt", "args.gn"
LEVELS = 8  # folders above a program in which its build may be
NAMED_LEVELS = 5  # Debug/Game.app/Contents/MacOS/Game
# Debug, cmake-build-debug, x64-Debug, Debug-iphoneos, build_debug; not debug_tools
DEBUG_FOLDER = re.compile(
    r"(?:(?:(?:cmake-)?build|out|bin|x64|x86|win32|win64|arm64|linux|macos|osx|windows)[-_.])*debug"
    r"(?:[-_.](?:build|x64|x86|x86_64|win32|win64|arm64|linux|macos|osx|windows|iphone\w+))*",
    re.IGNORECASE,
)
MAC_ASSERTION = b"___assert_rtn"
# Sources of the debug heap that /MTd links: Visual Studio 2015 and later, 2013 and before
DEBUG_HEAPS = ("\\heap\\debug_heap.cpp", "\\dbgheap.c")
PRODUCER = re.compile(rb"GNU C(?:\+\+|\d)[^\0]{1,2048}")  # DW_AT_producer of GCC, with its options
PRODUCER_SECTIONS = ("debug_str", "debug_info", "debug_line_str")
OPTIMIZED = re.compile(rb" -O(?:[1-3sz]|fast)?(?: |$)")
MAX_PRODUCERS = 4096  # of a section
MAX_SEARCHED = 1 << 28  # bytes of a section
MAX_ARGUMENTS = 1 << 20  # bytes of args.gn


def tell_build(program: Subject, examination: Examination) -> str:
    """Whether a program is FOR_DEVELOPERS (debug), FOR_USERS (release), or that is UNKNOWN.

    The build folder that it lies in knows best, then what is linked into it, then its folder's
    name. Without any of it, a program that still has its debug information may be either.
    """
    for kind in (
        examination.recall(_read_build_folder, program.path),
        _FOR[_has_debug_parts(program, examination)],
        _FOR[_is_in_debug_folder(program.path)],
    ):
        if kind != UNKNOWN:
            return kind
    return examination.recall(_read_debug_information, program.path)


_FOR = {True: FOR_DEVELOPERS, False: UNKNOWN}


def find_build_folder(path: str) -> str:
    """The nearest folder above a program in which CMake or GN builds; "" when there is none."""
    for above in list(Path(path).absolute().parents)[:LEVELS]:
        if any((above / name).is_file() for name in (CMAKE_CACHE, GN_ARGUMENTS)):
            return str(above)
    return ""


def _read_build_folder(path: str) -> str:
    folder = find_build_folder(path)
    if not folder:
        return UNKNOWN
    try:
        if Path(folder, GN_ARGUMENTS).is_file():
            text = read_text_file(Path(folder, GN_ARGUMENTS), largest=MAX_ARGUMENTS)
            # is_debug is true unless it is said otherwise (//build/config/BUILDCONFIG.gn)
            is_release = parse_arguments(text).get("is_debug") is False
            return FOR_USERS if is_release else FOR_DEVELOPERS
        builds = read_cmake_builds(folder)
    except (InputUnusable, OSError):
        return UNKNOWN
    own = next((build for build in builds if _is_made_by(build, path)), None)
    if own is None or not own.knows_definitions:
        return UNKNOWN
    return FOR_USERS if "NDEBUG" in own.definitions else FOR_DEVELOPERS


def _is_made_by(build: Build, path: str) -> bool:
    """Whether a build's target is a program: the path fits, from the end, as far as it is told."""
    if build.link is None:
        return False
    target = build.link.target.replace("\\", "/").split("/")
    parts = [part for part in target if part not in ("", ".", "..")]
    return list(Path(path).absolute().parts[-len(parts) :]) == parts if parts else False


def _has_debug_parts(program: Subject, examination: Examination) -> bool:
    """Whether assertions or a debug runtime are in a program."""
    kind = first_of(program, examination).kind
    data = map_file(program.path)
    if kind == ELF:
        return ASSERTION in examination.recall(read_elf_dynamic, program.path).imported
    if kind == MACHO:
        return data.find(MAC_ASSERTION) >= 0
    imports = {name.lower() for name in read_imports(data)}
    return not imports.isdisjoint(DEBUG_RUNTIMES) or bool(find_texts(data, DEBUG_HEAPS))


def _is_in_debug_folder(path: str) -> bool:
    """Whether Visual Studio, Xcode or an IDE's CMake put it where debug builds go."""
    parents = list(Path(path).absolute().parents)[:NAMED_LEVELS]
    return any(DEBUG_FOLDER.fullmatch(above.name) for above in parents)


def _read_debug_information(path: str) -> str:
    """By GCC's options: a unit that is not optimized is of a debug build.

    What comes with a compiler, or from Crashpad's own build, is optimized in either. An ELF file
    without debug information is stripped, and so on its way to users; files of other kinds have
    theirs elsewhere as a rule.
    """
    sections = open_all_sections(map_file(path))
    if sections is None:
        return UNKNOWN
    producers = list(_walk_producers(sections))
    if any(not OPTIMIZED.search(text) for text in producers):
        return FOR_DEVELOPERS
    return UNKNOWN if sections.has("debug_info") and not producers else FOR_USERS


def _walk_producers(sections: DebugSections) -> Iterator[bytes]:
    """GCC's notes of how it was called, of units in C and C++."""
    for name in PRODUCER_SECTIONS:
        try:
            cursor = sections.open(name, size=min(sections.size(name), MAX_SEARCHED))
        except DamagedDwarf:
            continue
        matches = PRODUCER.finditer(cursor.data, cursor.offset, cursor.end)
        yield from (match[0] for match in islice(matches, MAX_PRODUCERS))
