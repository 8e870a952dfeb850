"""What several of the files of an integration say of Crashpad's own."""

from __future__ import annotations

from crashtool.formats.crashpad.client.layouts import LINUX, MACOS, WINDOWS, ClientLayout, Library
from crashtool.model.integration import Integration

PLATFORM_NAMES = {WINDOWS: "Windows", MACOS: "macOS", LINUX: "Linux"}


def usual_layout(integration: Integration) -> ClientLayout:
    """The layout of the first platform; a CMake file has one for all of them."""
    return next(iter(integration.layouts.values()))


def libraries_of(integration: Integration, platform: str) -> list[Library]:
    """Crashpad's libraries for a platform in link order, by what the client's date has."""
    layout = integration.layouts[platform]
    is_split = integration.release.has_common_library or layout.name not in ("gn", "vcpkg")
    return [
        library
        for library in layout.libraries
        if platform in library.platforms and (is_split or library.name != "common")
    ]


def dir_meaning(layout: ClientLayout) -> str:
    """What folder a build file must be told."""
    folders = {
        "backtrace-zip": "the folder that Backtrace's zip was unpacked in",
        "artifacts": "the folder that the zip was unpacked in",
        "cmake": "the checkout of Crashpad, in which cbuild is its build",
        "gn": "the checkout of Crashpad, in which out/Default is its build",
        "vcpkg": "vcpkg's folder of a triplet, such as vcpkg/installed/x64-linux",
        "sentry": "the folder that sentry-native was installed in",
        "conan": "the folder of Conan's package, which `conan cache path` prints",
    }
    return folders[layout.name]
