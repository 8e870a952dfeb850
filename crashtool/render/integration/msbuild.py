"""The MSBuild property sheet that builds and links crash_reporting.cpp, and copies the handler."""

from __future__ import annotations

from xml.sax.saxutils import escape

from crashtool.formats.crashpad.client.layouts import WINDOWS, ClientLayout, Library
from crashtool.formats.crashpad.client.linking import COMPILER_RUNTIMES, WINDOWS_LIBRARIES
from crashtool.model.integration import Integration
from crashtool.render.integration.crashpad_parts import dir_meaning, libraries_of
from crashtool.render.integration.template import fill_template

PROPS_NAME = "CrashReporting.props"
CONFIG = "$(CrashpadConfiguration)"
MACROS = ("CRASH_REPORTING_URL", "CRASH_REPORTING_TOKEN", "CRASH_REPORTING_VERSION")
STANDARD = "      <LanguageStandard>stdcpp{}</LanguageStandard>\n"
DEBUG_RUNTIME = "'$(CrashpadRuntime)' == 'MTd' Or '$(CrashpadRuntime)' == 'MDd'"
STATIC_RUNTIME = "'$(CrashpadRuntime)' == 'MT' Or '$(CrashpadRuntime)' == 'MTd'"
NOTES = {
    "backtrace-zip": "  CrashpadDebugDir: the folder of the zip for /MTd and /MDd.\n",
    "cmake": "  CrashpadBuildDir: the folder that it was built in; cbuild when not given.\n",
    "gn": "  CrashpadBuildDir: the folder that it was built in; out\\Default when not given.\n",
}


def props_text(integration: Integration) -> str:
    """CrashReporting.props, for the layout that Crashpad has on Windows."""
    layout = integration.layouts[WINDOWS]
    libraries = libraries_of(integration, WINDOWS)
    folders = [*layout.include_dirs]
    if integration.release.buildflag_prefix:
        folders += layout.generated_dirs
    standard = integration.release.cxx
    return fill_template(
        PROPS_NAME,
        {
            "TITLE": integration.release.title,
            "DIR": escape(integration.crashpad_dir),
            "DIR_MEANING": dir_meaning(layout),
            "RUNTIMES": layout.runtimes.replace("--", "- -"),  # which ends a comment
            "PROPERTY_NOTES": NOTES.get(layout.name, ""),
            "RUNTIME_VALUES": "\n".join(
                _property("CrashpadRuntimeLibrary", value, f"'$(CrashpadRuntime)' == '{option}'")
                for option, value in COMPILER_RUNTIMES.items()
            ),
            "FOLDERS": _folders(layout, libraries),
            "HANDLER": _path(layout, layout.handler[WINDOWS]) + ".exe",
            "INCLUDES": ";".join(_path(layout, folder) for folder in folders),
            "LIBRARIES": ";".join(library.file_name(WINDOWS) for library in libraries),
            "SYSTEM_LIBRARIES": ";".join(f"{name}.lib" for name in WINDOWS_LIBRARIES),
            "DEFINITIONS": "\n".join(_definition(name) for name in MACROS),
            "STANDARD": STANDARD.format(standard) if standard > 14 else "",  # noqa: PLR2004 (C++14)
            "LIBRARY_ERRORS": "\n".join(_library_error(layout, library) for library in libraries),
        },
    )


def _folders(layout: ClientLayout, libraries: list[Library]) -> str:
    """Properties with the folders that the runtime decides, and the path to look for libraries."""
    lines = []
    if layout.out:
        out = layout.out.replace("/", "\\")
        build = f"$(CrashpadDir)\\{out}"
        lines.append(_property("CrashpadBuildDir", build, "'$(CrashpadBuildDir)' == ''"))
    if any("{crt}" in library.folder for library in libraries):
        lines.append(_property("CrashpadLibraryKind", "md"))
        lines.append(_property("CrashpadLibraryKind", "mt", STATIC_RUNTIME))
    if layout.name == "backtrace-zip":
        lines.append(_property("CrashpadLibraryDir", "$(CrashpadDir)"))
        lines.append(_property("CrashpadLibraryDir", "$(CrashpadDebugDir)", DEBUG_RUNTIME))
    elif layout.debug_folder:
        debug = f"$(CrashpadDir)\\{layout.debug_folder}"
        lines.append(_property("CrashpadLibraryDir", "$(CrashpadDir)"))
        lines.append(_property("CrashpadLibraryDir", debug, DEBUG_RUNTIME))
    else:
        lines.append(_property("CrashpadLibraryDir", "$(CrashpadDir)"))
    paths = dict.fromkeys(_library_folder(layout, library) for library in libraries)
    lines.append(_property("CrashpadLibraryPath", ";".join(paths)))
    return "\n".join(lines)


def _library_error(layout: ClientLayout, library: Library) -> str:
    path = f"{_library_folder(layout, library)}\\{library.file_name(WINDOWS)}"
    return (
        f'    <Error Code="CRASHTOOL012" Condition="!Exists(\'{path}\')" Text="There is no {path}'
        f' for /$(CrashpadRuntime): {escape(layout.runtimes, {chr(34): "&quot;"})}." />'
    )


def _definition(name: str) -> str:
    value = f'$(CrashReportingDefinitions);{name}="$({name})"'
    return _property("CrashReportingDefinitions", value, f"'$({name})' != ''")


def _property(name: str, value: str, condition: str = "") -> str:
    when = f' Condition="{condition}"' if condition else ""
    return f"    <{name}{when}>{value}</{name}>"


def _library_folder(layout: ClientLayout, library: Library) -> str:
    return _path(layout, library.folder, "$(CrashpadLibraryDir)")


def _path(layout: ClientLayout, path: str, base: str = "$(CrashpadDir)") -> str:
    """A layout's path as MSBuild has it."""
    filled = layout.fill(
        path, WINDOWS, out="$(CrashpadBuildDir)", config=CONFIG, crt="$(CrashpadLibraryKind)"
    )
    whole = filled if path.startswith("{out}") else f"{base}/{filled}"
    return whole.replace("/", "\\").removesuffix("\\.")
