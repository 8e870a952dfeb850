"""The CMake file that builds and links crash_reporting.cpp, and ships the handler."""

from __future__ import annotations

from crashtool.formats.crashpad.client.layouts import LINUX, MACOS, WINDOWS, ClientLayout, Library
from crashtool.formats.crashpad.client.linking import (
    MACOS_FRAMEWORKS,
    MACOS_LIBRARIES,
    NOTE_SYMBOL,
    THREAD_SYMBOL,
    WINDOWS_LIBRARIES,
)
from crashtool.model.integration import Integration
from crashtool.render.integration.crashpad_parts import dir_meaning, libraries_of, usual_layout
from crashtool.render.integration.template import fill_template
from crashtool.render.literals import cmake_string

CMAKE_NAME = "CrashReporting.cmake"
CONDITIONS = {WINDOWS: "WIN32", MACOS: "APPLE", LINUX: 'CMAKE_SYSTEM_NAME STREQUAL "Linux"'}
BUILD_DIR = """\
set(CRASHPAD_BUILD_DIR "${{CRASHPAD_DIR}}/{out}" CACHE PATH "the folder that it was built in")
"""
CONFIGURATION = """\
set(CRASHPAD_CONFIGURATION "$<IF:$<CONFIG:Debug>,Debug,Release>" CACHE INTERNAL "")
"""
RUNTIME = """\
if(NOT CMAKE_MSVC_RUNTIME_LIBRARY OR CMAKE_MSVC_RUNTIME_LIBRARY MATCHES "DLL")
  set(CRASHPAD_RUNTIME md CACHE INTERNAL "")
else()
  set(CRASHPAD_RUNTIME mt CACHE INTERNAL "")
endif()
"""
PACKAGE = """\
find_package({package} CONFIG REQUIRED PATHS ${{CRASHPAD_DIR}})
get_filename_component(CRASHPAD_DIR "${{{package}_DIR}}/{up}" ABSOLUTE)
"""
CHECK = """\
if(NOT IS_DIRECTORY "${CRASHPAD_DIR}")
  message(FATAL_ERROR "Crashpad is not in CRASHPAD_DIR=${CRASHPAD_DIR}: pass -DCRASHPAD_DIR=... "
    "(`crashtool scaffold obtain` shows how to get it)")
endif()
"""


def cmake_text(integration: Integration) -> str:
    """CrashReporting.cmake. KeyError when no layout of the platforms is known."""
    layout = usual_layout(integration)
    frameworks = [f'"-framework {name}"' for name in MACOS_FRAMEWORKS] + list(MACOS_LIBRARIES)
    return fill_template(
        CMAKE_NAME,
        {
            "TITLE": integration.release.title,
            "FOLDER": "crash_reporting",
            "DIR": cmake_string(integration.crashpad_dir),
            "DIR_MEANING": dir_meaning(layout),
            "FIND": _find(layout),
            "LIBRARIES": _libraries(integration, layout),
            "CXX": str(integration.release.cxx),
            "WINDOWS_LIBRARIES": " ".join(WINDOWS_LIBRARIES),
            "FRAMEWORKS": "\n".join(f"      {name}" for name in frameworks),
            "NOTE": NOTE_SYMBOL,
            "THREAD": THREAD_SYMBOL,
            "HANDLERS": _handlers(integration),
        },
    )


def _find(layout: ClientLayout) -> str:
    """Where Crashpad is, as variables that the paths use."""
    if layout.cmake:
        up = "/".join([".."] * layout.marks[0].count("/"))
        return PACKAGE.format(package=layout.cmake[0], up=up)
    folders = "".join(library.folder for library in layout.libraries)
    return (
        CHECK
        + (BUILD_DIR.format(out=layout.out) if layout.out else "")
        + (CONFIGURATION if "{config}" in folders else "")
        + (RUNTIME if "{crt}" in folders else "")
    )


def _libraries(integration: Integration, layout: ClientLayout) -> str:
    folders = (*layout.include_dirs, *_generated(integration, layout))
    lines = ["  target_include_directories(crash_reporting_crashpad SYSTEM INTERFACE"]
    lines.append("\n".join(f'    "{_path(layout, folder, LINUX)}"' for folder in folders) + ")")
    if layout.cmake:
        lines.append(
            f"  target_link_libraries(crash_reporting_crashpad INTERFACE {layout.cmake[1]})"
        )
        return "\n".join(lines)
    for index, platform in enumerate(integration.layouts):
        lines.append(f"  {'elseif' if index else 'if'}({CONDITIONS[platform]})")
        lines.append("    target_link_libraries(crash_reporting_crashpad INTERFACE")
        files = [
            _library(layout, library, platform) for library in libraries_of(integration, platform)
        ]
        lines.append("\n".join(f"      {name}" for name in files) + ")")
    lines.append("  endif()")
    return "\n".join(lines)


def _generated(integration: Integration, layout: ClientLayout) -> tuple[str, ...]:
    return layout.generated_dirs if integration.release.buildflag_prefix else ()


def _library(layout: ClientLayout, library: Library, platform: str) -> str:
    return f'"{_path(layout, library.folder, platform)}/{library.file_name(platform)}"'


def _handlers(integration: Integration) -> str:
    """CRASHPAD_HANDLER, the handler's path on each platform."""
    layout = usual_layout(integration)
    paths = {name: _path(layout, layout.handler[name], name) for name in integration.layouts}
    if len(set(paths.values())) == 1:
        (path,) = set(paths.values())
        return _set_handler(path + "${CMAKE_EXECUTABLE_SUFFIX}")
    lines = []
    for index, (platform, path) in enumerate(paths.items()):
        suffix = ".exe" if platform == WINDOWS else ""
        lines += [
            f"{'elseif' if index else 'if'}({CONDITIONS[platform]})",
            "  " + _set_handler(path + suffix),
        ]
    return "\n".join([*lines, "endif()"])


def _set_handler(path: str) -> str:
    return f'set(CRASHPAD_HANDLER "{path}" CACHE INTERNAL "")'


def _path(layout: ClientLayout, path: str, platform: str) -> str:
    """A layout's path as CMake has it."""
    base = "" if path.startswith("{out}") else "${CRASHPAD_DIR}/"
    filled = layout.fill(
        path,
        platform,
        out="${CRASHPAD_BUILD_DIR}",
        config="${CRASHPAD_CONFIGURATION}",
        crt="${CRASHPAD_RUNTIME}",
    )
    return (base + filled).removesuffix("/.")
