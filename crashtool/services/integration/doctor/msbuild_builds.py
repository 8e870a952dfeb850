"""Visual Studio projects as builds."""

from __future__ import annotations

import os
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.crashpad.client.linking import COMPILER_RUNTIMES
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.msbuild.configuration import Configuration, MsbuildSetting, split_list
from crashtool.formats.msbuild.elements import MAX_SIZE
from crashtool.formats.msbuild.project import COMPILER, LINKER, Files, read_project
from crashtool.formats.msbuild.property_values import is_known
from crashtool.formats.regular_file import open_regular
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.crashpad_library import read_object_runtime
from crashtool.services.integration.doctor.project_paths import (
    find_above,
    find_solution,
    is_inside,
    locate,
)

RUNTIMES = {value: option for option, value in COMPILER_RUNTIMES.items()}
ARCHITECTURES = {
    "x64": "x86_64",
    "win32": "x86",
    "x86": "x86",
    "arm64": "arm64",
    "arm64ec": "arm64ec",
    "arm": "arm",
}
STANDARDS = {"stdcpp14": 14, "stdcpp17": 17, "stdcpp20": 20, "stdcpp23": 23, "stdcpplatest": 23}
DEFAULT_STANDARD = 14  # cl without /std (learn.microsoft.com, /std)
ITERATOR_MACRO = "_ITERATOR_DEBUG_LEVEL="
MAX_OBJECTS = 20
PROJECT_SUFFIX = ".vcxproj"


def read_msbuild_builds(path: str) -> tuple[Build, ...]:
    """The configurations of a project. InputUnusable for one that cannot be read; OSError."""
    folder = str(Path(path).absolute().parent)
    solution = find_solution(folder)
    root = solution if solution and is_inside(folder, solution) else str(Path(folder).parent)
    name = Path(path).stem
    macros = {
        "projectdir": folder + os.sep,
        "msbuildprojectdirectory": folder,
        "projectname": name,
        "msbuildprojectname": name,
        "projectfilename": Path(path).name,
        "msbuildprojectfile": Path(path).name,
    }
    if solution:
        macros["solutiondir"] = solution + os.sep
    configurations = read_project(
        str(Path(path).absolute()),
        _open_files(root),
        macros,
        before=find_above(folder, "Directory.Build.props", root),
        after=find_above(folder, "Directory.Build.targets", root),
    )
    return tuple(_make_build(path, folder, configuration) for configuration in configurations)


def _open_files(root: str) -> Files:
    """The project's files: none outside of `root`, for a project may be a stranger's."""

    def load(path: str) -> bytes | None:
        try:
            with open_regular(path) as file:
                return file.read(MAX_SIZE + 1)
        except (OSError, InputUnusable, ValueError):
            return None

    def resolve(folder: str, name: str) -> str | None:
        located = locate(folder, name)
        return located if located and is_inside(located, root) else None

    return Files(
        load, os.path.exists, resolve, lambda path: str(Path(path).absolute().parent) + os.sep
    )


def _make_build(path: str, folder: str, configuration: Configuration) -> Build:
    debug = _find_text(configuration.find_property("UseDebugLibraries")).lower()
    runtime = _find_runtime(configuration, debug) or _find_compiled_runtime(
        folder, Path(path).stem, configuration
    )
    includes = _list(configuration, COMPILER, "AdditionalIncludeDirectories")
    page = _page_list(configuration, "IncludePath", "ExternalIncludePath")
    dirs = [locate(folder, text) for text in (*includes[0], *page[0])]
    definitions, knows_definitions = _list(configuration, COMPILER, "PreprocessorDefinitions")
    names, knows_names = _list(configuration, LINKER, "AdditionalDependencies")
    kind = _find_text(configuration.find_property("ConfigurationType")).lower()
    level = next(
        (text.partition("=")[2] for text in definitions if text.startswith(ITERATOR_MACRO)), ""
    )
    return Build(
        path,
        configuration.title if configuration.name else "",
        is_msvc=True,
        runtime=runtime,
        iterator_level=level or ({"d": "2"}.get(runtime[-1:], "0") if runtime else ""),
        architecture=ARCHITECTURES.get(configuration.platform.lower(), ""),
        toolset=_find_text(configuration.find_property("PlatformToolset")).lower(),
        standard=_find_standard(configuration),
        definitions=frozenset(text.partition("=")[0] for text in definitions),
        knows_definitions=knows_definitions,
        include_dirs=tuple(located for located in dirs if located),
        knows_includes=includes[1] and page[1] and None not in dirs and not configuration.not_read,
        names=tuple(_stem(text) for text in names) if knows_names else None,
        libraries=_find_libraries(folder, configuration, names),
        library_dirs=_find_library_dirs(folder, configuration),
        sources=tuple(
            located
            for source in configuration.sources
            if (located := locate(folder, source.path)) is not None
        ),
        is_linked=kind in ("", "application", "dynamiclibrary"),
        is_release=not configuration.name.lower().startswith("debug") and debug != "true",
        configuration=configuration,
        lines=_find_lines(path, configuration),
    )


def _find_text(setting: MsbuildSetting | None) -> str:
    return setting.value if setting and is_known(setting.value) else ""


def _find_runtime(configuration: Configuration, debug: str) -> str:
    """The C runtime; without a setting, Visual Studio goes by UseDebugLibraries."""
    if f"{COMPILER}.RuntimeLibrary" in configuration.unknown:
        return ""
    setting = configuration.compiler.get("RuntimeLibrary")
    if setting is not None:
        return RUNTIMES.get(setting.value, "")
    is_open = not configuration.name or configuration.not_read
    return "" if is_open else {"true": "MDd", "false": "MD"}.get(debug, "")


def _find_compiled_runtime(folder: str, name: str, configuration: Configuration) -> str:
    """The C runtime of the objects that were compiled last, where they are; "" if none tells."""
    platform, config = configuration.platform, configuration.name
    usual = (
        f"{platform}/{config}",
        config,
        f"{name}/{platform}/{config}",
        f"{name}/{config}",
        f"{name}.dir/{config}",
    )
    own = _find_text(configuration.find_property("IntDir"))
    for directory in (own, *usual) if config else ():
        path = locate(folder, directory)
        if path is None or not Path(path).is_dir():
            continue
        objects = sorted(Path(path).glob("*.obj"))[:MAX_OBJECTS]
        runtimes = {read_object_runtime(str(file)) for file in objects} - {""}
        if len(runtimes) == 1:
            return runtimes.pop()
    return ""


def _find_standard(configuration: Configuration) -> int | None:
    if f"{COMPILER}.LanguageStandard" in configuration.unknown:
        return None
    setting = configuration.compiler.get("LanguageStandard")
    options = configuration.compiler.get("AdditionalOptions")
    if options is not None and "std:" in options.value.lower():
        return _standard_of_option(options.value.lower())
    if setting is None or setting.value.lower() == "default":
        return None if configuration.not_read or not configuration.name else DEFAULT_STANDARD
    return STANDARDS.get(setting.value.lower())


def _standard_of_option(options: str) -> int | None:
    for word in options.replace("/std:", "-std:").split():
        if word.startswith("-std:c++"):
            return STANDARDS.get("stdcpp" + word.removeprefix("-std:c++"))
    return None


def _list(configuration: Configuration, tool: str, name: str) -> tuple[list[str], bool]:
    """A list setting's entries that are known here, and whether they are all."""
    settings = configuration.compiler if tool == COMPILER else configuration.linker
    setting = settings.get(name)
    entries = split_list(setting.value) if setting else []
    known_entries = [entry for entry in entries if is_known(entry)]
    is_whole = len(known_entries) == len(entries) and f"{tool}.{name}" not in configuration.unknown
    return known_entries, is_whole and not configuration.not_read and bool(configuration.name)


def _page_list(configuration: Configuration, *names: str) -> tuple[list[str], bool]:
    """Entries of the VC++ Directories page; those of Visual Studio's own count as known."""
    entries: list[str] = []
    is_whole = True
    for name in names:
        setting = configuration.find_property(name)
        is_whole &= name.lower() not in configuration.unknown
        for entry in split_list(setting.value) if setting else []:
            if is_known(entry):
                entries.append(entry)
            elif not entry.lower().startswith(("$(vc", "$(windowssdk", f"$({name.lower()})")):
                is_whole = False
    return entries, is_whole


def _find_libraries(folder: str, configuration: Configuration, names: list[str]) -> tuple[str, ...]:
    """The paths of static libraries that are found where the linker looks."""
    dirs = _list_library_dirs(configuration)
    paths = []
    for name in names:
        for directory in dirs:
            path = locate(folder, f"{directory}/{name}" if not Path(name).is_absolute() else name)
            if path and Path(path).is_file():
                paths.append(path)
                break
    return tuple(dict.fromkeys(paths))


def _list_library_dirs(configuration: Configuration) -> list[str]:
    listed = _list(configuration, LINKER, "AdditionalLibraryDirectories")[0]
    return [".", *listed, *_page_list(configuration, "LibraryPath")[0]]


def _find_library_dirs(folder: str, configuration: Configuration) -> tuple[str, ...]:
    """The folders where the linker looks, as far as they are known here."""
    folders = (locate(folder, text) for text in _list_library_dirs(configuration))
    return tuple(dict.fromkeys(path for path in folders if path))


def _stem(name: str) -> str:
    return base_name(name).lower().removesuffix(".lib")


def _find_lines(path: str, configuration: Configuration) -> tuple[tuple[str, int], ...]:
    own = str(Path(path).absolute())
    return tuple(
        (name, setting.line)
        for name, setting in {**configuration.compiler, **configuration.linker}.items()
        if setting.file == own
    )
