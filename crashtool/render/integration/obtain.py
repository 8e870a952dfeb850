"""Where each Crashpad comes from, how it is built, and which files result."""

from __future__ import annotations

from collections.abc import Iterable

from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.crashpad.client.layouts import (
    LAYOUTS,
    PLATFORMS,
    WINDOWS,
    ClientLayout,
    find_layouts,
)
from crashtool.formats.crashpad.client.releases import OLDEST_CXX, RELEASES
from crashtool.formats.named_tuple import NamedTuple
from crashtool.render.integration.crashpad_parts import PLATFORM_NAMES


class CrashpadSource(NamedTuple):
    """How a layout comes to be: sentences, then commands for each kind of machine."""

    words: str
    commands: tuple[str, ...] = ()


SOURCES = {
    "backtrace-zip": CrashpadSource(
        "Backtrace's builds of 2018 to 2021 for Windows, from get.backtrace.io/crashpad/builds: "
        "one zip for release and one for debug. They are no longer made; new projects take "
        "`backtrace`."
    ),
    "cmake": CrashpadSource(
        "Backtrace's fork, branch `backtrace`; with CMake 3.12 and a compiler for C++17, on macOS "
        "Python 3, on Linux zlib and libcurl with their headers (Debian: zlib1g-dev, "
        "libcurl4-openssl-dev). Without a configuration, Visual Studio builds Debug alone.",
        (
            "git clone --recursive -b backtrace https://github.com/backtrace-labs/crashpad",
            "cd crashpad",
            (
                "cmake -B cbuild -S . -DCMAKE_BUILD_TYPE=RelWithDebInfo "
                "-DCMAKE_POSITION_INDEPENDENT_CODE=ON"
            ),
            "cmake --build cbuild --config Release --target client handler",
        ),
    ),
    "artifacts": CrashpadSource(
        "Zips that the GitHub Actions of Backtrace's fork keep for some weeks. Crashpad's headers "
        "below build/ and third_party/ are left out of them, and nothing tells the MSVC runtime "
        "library: prefer a build of your own."
    ),
    "gn": CrashpadSource(
        "Chromium's repository, with Chromium's depot_tools in PATH. On Windows, build out/Debug, "
        "too, for a debug build.",
        (
            "fetch crashpad",
            "cd crashpad",
            'gn gen out/Default --args="is_debug=false"',
            "ninja -C out/Default client crashpad_handler",
        ),
    ),
    "vcpkg": CrashpadSource(
        "vcpkg's port of Chromium's Crashpad: x64-windows-static for /MT, x64-windows for /MD, "
        "x64-linux, arm64-osx. A triplet that builds release alone lacks the header "
        "build/chromeos_buildflags.h.",
        ("vcpkg install crashpad:x64-windows-static",),
    ),
    "sentry": CrashpadSource(
        "Sentry's fork, as sentry-native brings it, in external/crashpad.",
        (
            "git clone --recursive https://github.com/getsentry/sentry-native",
            "cd sentry-native",
            "cmake -B build -S . -DSENTRY_BACKEND=crashpad -DCMAKE_BUILD_TYPE=RelWithDebInfo",
            "cmake --build build --config RelWithDebInfo",
            "cmake --install build --config RelWithDebInfo --prefix install",
        ),
    ),
    "conan": CrashpadSource(
        "Sentry's fork from ConanCenter; the second command prints the folder of the package, "
        "which --crashpad-dir takes. Old packages have mini_chromium in include/mini_chromium.",
        (
            "conan install --requires=sentry-crashpad/VERSION --build=missing",
            "conan cache path sentry-crashpad/VERSION:PACKAGE_ID",
        ),
    ),
}


def obtain_text(forks: Iterable[str] = tuple(RELEASES)) -> str:
    """Markdown: a section for each fork, in it one for each layout."""
    return "\n".join(_fork_text(fork) for fork in forks).rstrip()


def layout_text(layout: ClientLayout, platforms: Iterable[str] = PLATFORMS) -> str:
    """How one layout is obtained, and what is in it."""
    source = SOURCES[layout.name]
    lines = [source.words, ""]
    if source.commands:
        lines += ["```", *source.commands, "```", ""]
    for platform in platforms:
        if platform in layout.platforms:
            lines.append(f"- {PLATFORM_NAMES[platform]}: {_files(layout, platform)}")
    if WINDOWS in layout.platforms and WINDOWS in platforms:
        lines.append(f"- MSVC's runtime library: {layout.runtimes}")
    return "\n".join(lines)


def _fork_text(fork: str) -> str:
    layouts = {layout.name: layout for name in PLATFORMS for layout in find_layouts(fork, name)}
    least = sorted(
        {
            f"C++{release.cxx} since {release.since}"
            for release in RELEASES[fork]
            if release.cxx != OLDEST_CXX
        }
        or {f"C++{OLDEST_CXX}"}
    )
    lines = [f"## {fork}: {HANDLER_KINDS[fork].meaning}", "", f"Its headers need {least[0]}.", ""]
    for name in sorted(layouts, key=list(LAYOUTS).index):
        lines += [
            f"### {layouts[name].meaning[0].upper()}{layouts[name].meaning[1:]}",
            "",
            layout_text(layouts[name]),
            "",
        ]
    return "\n".join(lines)


def _files(layout: ClientLayout, platform: str) -> str:
    """The libraries in link order, the handler and the folders to include."""
    names = [
        library.file_name(platform) for library in layout.libraries if platform in library.platforms
    ]
    folders = dict.fromkeys(
        layout.fill(library.folder, platform, config="Release", crt="md")
        for library in layout.libraries
        if platform in library.platforms
    )
    suffix = ".exe" if platform == WINDOWS else ""
    handler = layout.fill(layout.handler[platform], platform) + suffix
    includes = ", ".join(
        layout.fill(folder, platform) for folder in (*layout.include_dirs, *layout.generated_dirs)
    )
    return (
        f"link {', '.join(names)} in this order, from {', '.join(folders)}; ship {handler} as "
        f"crashpad_handler{suffix}; include {includes}"
    )
