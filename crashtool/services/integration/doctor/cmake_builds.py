"""Build folders of CMake as builds: a target for each program or shared library."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.cmake.build_lines import CompileLine, LinkLine
from crashtool.formats.cmake.cmake_cache import parse_cache
from crashtool.formats.cmake.compile_commands import parse_compile_commands
from crashtool.formats.cmake.makefiles import parse_flags, parse_link_text
from crashtool.formats.cmake.ninja import parse_compile_lines, parse_link_lines
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.text_file import read_text_file
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.crashpad_library import read_object_runtime
from crashtool.services.integration.doctor.project_paths import locate

MAX_TEXT = 64 << 20  # bytes of one file
MAX_FOLDERS, MAX_TARGETS, MAX_CONFIGURATIONS = 20_000, 2_000, 16
TARGET = re.compile(r"CMakeFiles[\\/]([^\\/]+)\.dir[\\/]")
RUNTIME = re.compile(r"[-/](MTd?|MDd?)$")
STANDARD = re.compile(r"(?:--?std=|[-/]std:)(?:c|gnu)\+\+(\w+)$")
STANDARDS = {
    "98": 3,
    "03": 3,
    "11": 11,
    "0x": 11,
    "14": 14,
    "1y": 14,
    "17": 17,
    "1z": 17,
    "20": 20,
    "2a": 20,
    "23": 23,
    "2b": 23,
    "26": 26,
    "2c": 26,
    "latest": 23,
}
INCLUDE_OPTIONS = (
    "-I",
    "/I",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-external:I",
    "/external:I",
    "-imsvc",
)
MSVC_COMPILERS = ("cl", "clang-cl")
MSVC_DEFAULT_STANDARD, OWN_DEFAULT = 14, 0
# Programs of Crashpad, which stand in the same folder where it is built along
CRASHPADS_OWN = frozenset(
    (
        "handler",
        "handler_console",
        "crashpad_handler",
        "crashpad_handler_console",
        "crashpad_wer",
        "crashpad_database_util",
        "crashpad_http_upload",
        "generate_dump",
        "dump_minidump_annotations",
        "base94_output_stream",
        "exception_port_tool",
        "run_with_crashpad",
        "catch_exception_tool",
    )
)
RELEASES = ("release", "relwithdebinfo", "minsizerel")
CONSTANTS = {"x64": "x86_64", "x86": "x86", "arm64": "arm64", "arm64ec": "arm64ec", "arm": "arm"}


class Lines(NamedTuple):
    """What a build folder says."""

    cache: dict[str, str]
    links: tuple[LinkLine, ...]
    compiles: dict[str, list[CompileLine]]


def read_cmake_builds(folder: str) -> tuple[Build, ...]:
    """A build for each target that is linked. InputUnusable when nothing says how; OSError."""
    cache = parse_cache(read_text_file(Path(folder, "CMakeCache.txt"), largest=MAX_TEXT))
    if several := sorted(Path(folder, "CMakeFiles").glob("impl-*.ninja"))[:MAX_CONFIGURATIONS]:
        return tuple(build for path in several for build in _read_configuration(path, cache))
    ninja = Path(folder, "build.ninja")
    links, compiles = _read_ninja(ninja) if ninja.is_file() else _read_makefiles(folder)
    if not links:
        generator = cache.get("CMAKE_GENERATOR", "its generator")
        raise InputUnusable(f"{folder}: {generator} leaves no link lines that can be read")
    commands = Path(folder, "compile_commands.json")
    if commands.is_file():
        text = read_text_file(commands, largest=MAX_TEXT)
        compiles = [*parse_compile_commands(text, str(commands)), *compiles]
    lines = Lines(cache, tuple(links[:MAX_TARGETS]), _group(compiles))
    return tuple(
        _make_build(folder, link, lines)
        for link in lines.links
        if _stem(link.target) not in CRASHPADS_OWN
    )


def _read_configuration(path: Path, cache: dict[str, str]) -> Iterator[Build]:
    """The builds of one configuration of Ninja Multi-Config: CMakeFiles/impl-Release.ninja."""
    folder, name = str(path.parent.parent), path.stem.removeprefix("impl-")
    links, compiles = _read_ninja(path, folder)
    own = {**cache, "CMAKE_BUILD_TYPE": name}
    lines = Lines(own, tuple(links[:MAX_TARGETS]), _group(compiles))
    for link in lines.links:
        if _stem(link.target) not in CRASHPADS_OWN:
            yield _make_build(folder, link, lines)


def _read_ninja(path: Path, folder: str = "") -> tuple[list[LinkLine], list[CompileLine]]:
    folder = folder or str(path.parent)
    text = read_text_file(path, largest=MAX_TEXT)
    return (
        list(parse_link_lines(text, str(path), folder)),
        list(parse_compile_lines(text, str(path), folder)),
    )


def _read_makefiles(folder: str) -> tuple[list[LinkLine], list[CompileLine]]:
    links, compiles = [], []
    for directory in _walk_target_folders(folder):
        above = str(directory.parent.parent)
        link, flags = directory / "link.txt", directory / "flags.make"
        if link.is_file() and (
            line := parse_link_text(read_text_file(link, largest=MAX_TEXT), str(link), above)
        ):
            links.append(line)
            if flags.is_file():
                text = read_text_file(flags, largest=MAX_TEXT)
                compiles.append(parse_flags(text, str(flags), above))
    return links, compiles


def _walk_target_folders(folder: str) -> Iterator[Path]:
    """CMakeFiles/NAME.dir, in a build folder and the folders of its subdirectories."""
    for count, (path, names, _) in enumerate(os.walk(folder)):
        if count >= MAX_FOLDERS:
            return
        if Path(path).name == "CMakeFiles":
            yield from (Path(path, name) for name in sorted(names) if name.endswith(".dir"))
            names.clear()


def _group(compiles: Iterable[CompileLine]) -> dict[str, list[CompileLine]]:
    """By target: the name in CMakeFiles/NAME.dir of the object, or of the flags' file."""
    grouped: dict[str, list[CompileLine]] = {}
    for line in compiles:
        for text in (line.output, line.file):
            if match := TARGET.search(text):
                grouped.setdefault(match[1], []).append(line)
                break
    return grouped


def _make_build(folder: str, link: LinkLine, lines: Lines) -> Build:
    target = next((match[1] for word in link.words if (match := TARGET.search(word))), "")
    compiles = lines.compiles.get(target, [])
    words = tuple(word for line in compiles[:1] for word in line.words)
    compiler = _stem(lines.cache.get("CMAKE_CXX_COMPILER") or (words[0] if words else ""))
    is_msvc = compiler in MSVC_COMPILERS or "/nologo" in words or "-nologo" in words
    configuration = lines.cache.get("CMAKE_BUILD_TYPE", "")
    is_here = _is_here(folder, lines.cache)
    dirs = [
        locate(line.folder or folder, text)
        for line in compiles[:1]
        for text in _values(line.words, INCLUDE_OPTIONS)
        if is_here
    ]
    runtime = _find_runtime(words, link) if is_msvc else ""
    defined = list(_values(words, ("-D", "/D")))
    level = next(
        (text.partition("=")[2] for text in defined if text.startswith("_ITERATOR_DEBUG_LEVEL=")),
        "",
    )
    return Build(
        link.file,
        f"{target or link.target} {configuration}".strip(),
        is_msvc=is_msvc,
        runtime=runtime,
        iterator_level=level or ({"d": "2"}.get(runtime[-1:], "0") if runtime else ""),
        architecture=_find_architecture(lines.cache, link),
        standard=_find_standard(words, is_msvc=is_msvc) if compiles else None,
        definitions=frozenset(text.partition("=")[0] for text in defined),
        knows_definitions=bool(compiles),
        include_dirs=tuple(path for path in dirs if path),
        knows_includes=bool(compiles) and is_here and None not in dirs,
        names=tuple(_walk_names(link.words)),
        libraries=tuple(_walk_libraries(link)),
        sources=tuple(
            path
            for line in compiles
            if line.source and (path := locate(line.folder or folder, line.source)) is not None
        ),
        is_release=configuration.lower() in RELEASES,
        link=link,
        compile_words=words,
        compiler=compiler,
    )


def _is_here(folder: str, cache: dict[str, str]) -> bool:
    """Whether a build folder lies where it was made, so that its paths are this machine's."""
    made = cache.get("CMAKE_CACHEFILE_DIR", "")
    return not made or os.path.realpath(made) == os.path.realpath(folder)


def _stem(path: str) -> str:
    return base_name(path).lower().removesuffix(".exe")


def _values(words: Iterable[str], options: tuple[str, ...]) -> Iterator[str]:
    """The values of options that stand alone or joined with them."""
    pending = False
    for word in words:
        if pending:
            yield word
            pending = False
            continue
        option = next((name for name in options if word.startswith(name)), None)
        if option is not None:
            value = word[len(option) :]
            pending = not value
            if value:
                yield value


def _find_runtime(words: tuple[str, ...], link: LinkLine) -> str:
    """The C runtime by the last of the options; else by an object that was made."""
    stated = [option[1] for word in words if (option := RUNTIME.match(word))]
    if stated:
        return stated[-1]
    for word in link.words:
        path = locate(link.folder, word) if word.lower().endswith(".obj") else None
        if path and Path(path).is_file():
            return read_object_runtime(path)
    return ""


def _find_architecture(cache: dict[str, str], link: LinkLine) -> str:
    """By the option of Microsoft's linker, or the compiler's folder; "" when neither tells."""
    for word in link.words:
        if word.lower().startswith(("/machine:", "-machine:")):
            return CONSTANTS.get(word.partition(":")[2].lower(), "")
    linker = cache.get("CMAKE_LINKER", "").replace("\\", "/").lower().split("/")
    return CONSTANTS.get(linker[-2], "") if len(linker) > 1 else ""


def _find_standard(words: tuple[str, ...], *, is_msvc: bool) -> int | None:
    stated = [option[1] for word in words if (option := STANDARD.match(word))]
    if stated:
        return STANDARDS.get(stated[-1])
    return MSVC_DEFAULT_STANDARD if is_msvc else OWN_DEFAULT


def _walk_names(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word.startswith("-l") and len(word) > 2:  # noqa: PLR2004 (the option's length)
            yield word[2:].lower()
        elif word.lower().endswith((".a", ".lib")):
            stem = _stem(word).rpartition(".")[0]
            yield stem.removeprefix("lib") if word.endswith(".a") else stem


def _walk_libraries(link: LinkLine) -> Iterator[str]:
    """The paths of static libraries that are there."""
    dirs = [text for text in _values(link.words, ("-L",)) if text]
    for word in dict.fromkeys(link.words):
        candidates = [word] if word.lower().endswith((".a", ".lib")) else []
        if word.startswith("-l"):
            candidates = [f"{directory}/lib{word[2:]}.a" for directory in dirs]
        for candidate in candidates:
            path = locate(link.folder, candidate)
            if path and Path(path).is_file():
                yield path
                break
