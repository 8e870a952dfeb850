"""Folders as projects, builds and installers really look: doctor finds no failure in a sound one.

What is in them is made here; their shapes are those of the forks' documents, of vcpkg's port, of
installers and of engines. Each is looked at with its handler's family and its client's alike.
"""

import pytest

from crashtool.formats.crashpad.client.layouts import LAYOUTS, LINUX, MACOS, WINDOWS
from tests.services.integration.doctor.folders import (
    MACHO_ARM64,
    SENTRY_TEXT,
    elf_program,
    examine,
    failures,
    handler_texts,
    macho_program,
    pe_program,
    write_program,
)
from tests.services.integration.doctor.test_bundle import code

FAMILIES = {
    "upstream": (),
    "backtrace": (b"_backtrace_internal_guid_override",),
    "backtrace-2018": (b"requires NAME=PATH",),
    "sentry": (b"wait-for-upload", b"report-id"),
}
MAKERS = {LINUX: elf_program, WINDOWS: pe_program, MACOS: macho_program}
APP, LIB, HANDLER, TEXT = "app", "lib", "handler", "text"


def make(platform, what, fork):
    maker = MAKERS[platform]
    options = {"cpu": MACHO_ARM64} if platform == MACOS else {}
    if what == HANDLER:
        content = code() if platform == MACOS else maker(**options)
        return content + handler_texts(*FAMILIES[fork])
    texts = [SENTRY_TEXT] if fork == "sentry" else []
    if what == APP:
        return code(*texts) if platform == MACOS else maker(*texts, **options)
    return maker(client=False, **options) if what == LIB else b"some text\n"


def suffix(platform):
    return ".exe" if platform == WINDOWS else ""


# Each: a name, the platform, whose Crashpad, and what lies where
PROJECTS = (
    ("beside", LINUX, "upstream", {"bin/game": APP, "bin/crashpad_handler": HANDLER}),
    ("libexec", LINUX, "backtrace",
     {"usr/bin/game": APP, "usr/libexec/game/crashpad_handler": HANDLER}),
    ("opt", LINUX, "sentry",
     {"opt/game/game": APP, "opt/game/libengine.so": LIB, "opt/game/crashpad_handler": HANDLER}),
    ("several programs", LINUX, "upstream",
     {"bin/a": APP, "bin/b": APP, "bin/c": APP, "bin/crashpad_handler": HANDLER}),
    ("client in a library", LINUX, "upstream",
     {"game": LIB, "libcrash.so": APP, "crashpad_handler": HANDLER}),
    ("chromium", LINUX, "upstream",
     {"chromium": APP, "chrome_crashpad_handler": HANDLER, "icudtl.dat": TEXT, "libEGL.so": LIB}),
    ("electron", LINUX, "upstream",
     {"linux-unpacked/app": APP, "linux-unpacked/chrome_crashpad_handler": HANDLER,
      "linux-unpacked/resources/app.asar": TEXT}),
    ("unreal", LINUX, "sentry",
     {"Game/Binaries/Linux/Game": APP, "Game/Binaries/Linux/crashpad_handler": HANDLER,
      "Engine/Binaries/Linux/libtbb.so": LIB}),
    ("snap", LINUX, "upstream",
     {"snap/game/x1/bin/game": APP, "snap/game/x1/bin/crashpad_handler": HANDLER,
      "snap/game/x1/meta/snap.yaml": TEXT}),
    ("appdir", LINUX, "upstream",
     {"Game.AppDir/AppRun": LIB, "Game.AppDir/usr/bin/game": APP,
      "Game.AppDir/usr/bin/crashpad_handler": HANDLER}),
    ("debug and release", LINUX, "backtrace",
     {"build/debug/game": APP, "build/debug/crashpad_handler": HANDLER,
      "build/release/game": APP, "build/release/crashpad_handler": HANDLER}),
    ("a build that keeps handlers elsewhere", LINUX, "backtrace",
     {"build/src/game": APP, "build/tests/unit": APP, "build/crashpad/handler/handler": HANDLER}),
    ("container", LINUX, "upstream",
     {"app/game": APP, "app/crashpad_handler": HANDLER, "app/entrypoint.sh": TEXT}),
    ("no crashpad", LINUX, "upstream", {"bin/tool": LIB, "README.md": TEXT, "lib/libz.so": LIB}),
    ("windows", WINDOWS, "upstream", {"Game.exe": APP, "crashpad_handler.exe": HANDLER}),
    ("windows with both handlers", WINDOWS, "upstream",
     {"Game.exe": APP, "crashpad_handler.exe": HANDLER, "crashpad_handler.com": HANDLER,
      "crashpad_wer.dll": LIB}),
    ("windows bin", WINDOWS, "backtrace-2018",
     {"bin/Game.exe": APP, "bin/crashpad_handler.exe": HANDLER, "bin/Qt5Core.dll": LIB}),
    ("unreal for windows", WINDOWS, "sentry",
     {"Game/Binaries/Win64/Game.exe": APP, "Game/Binaries/Win64/crashpad_handler.exe": HANDLER,
      "Game/Binaries/Win64/crashpad_wer.dll": LIB}),
    ("squirrel", WINDOWS, "upstream",
     {"app-1.0.0/App.exe": APP, "app-1.0.0/crashpad_handler.exe": HANDLER,
      "app-1.0.1/App.exe": APP, "app-1.0.1/crashpad_handler.exe": HANDLER, "Update.exe": LIB}),
    ("bundle", MACOS, "upstream",
     {"Game.app/Contents/MacOS/Game": APP, "Game.app/Contents/MacOS/crashpad_handler": HANDLER,
      "Game.app/Contents/Info.plist": TEXT}),
    ("bundle with helpers", MACOS, "sentry",
     {"Game.app/Contents/MacOS/Game": APP, "Game.app/Contents/Helpers/crashpad_handler": HANDLER}),
    ("electron for macos", MACOS, "upstream",
     {"App.app/Contents/MacOS/App": APP,
      "App.app/Contents/Frameworks/Electron Framework.framework/Helpers/chrome_crashpad_handler":
      HANDLER}),
    ("two bundles", MACOS, "upstream",
     {"A.app/Contents/MacOS/A": APP, "A.app/Contents/MacOS/crashpad_handler": HANDLER,
      "B.app/Contents/MacOS/B": APP, "B.app/Contents/MacOS/crashpad_handler": HANDLER}),
    ("command line tools of macos", MACOS, "backtrace",
     {"usr/local/bin/tool": APP, "usr/local/bin/crashpad_handler": HANDLER}),
)  # fmt: skip


def plant(root, platform, fork, files):
    for name, what in files.items():
        write_program(root / name, make(platform, what, fork))


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project[0])
def test_a_sound_installation_has_no_failure(tmp_path, project):
    _, platform, fork, files = project
    plant(tmp_path, platform, fork, files)
    (tmp_path / "system").mkdir()
    diagnosis = examine(tmp_path, without=("host.ptrace", "host.pid1", "host.files", "host.lsm"))
    found = {finding for finding in diagnosis.findings if finding.verdict == "failure"}
    assert {finding for finding in found if finding.check != "handler.libraries"} == set()
    clients = sum(what == APP for what in files.values())
    assert len([s for s in diagnosis.subjects if s.kind == "program"]) == clients


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project[0])
def test_the_same_without_its_handlers_fails_where_there_is_a_client(tmp_path, project):
    _, platform, fork, files = project
    plant(tmp_path, platform, fork, {k: v for k, v in files.items() if v != HANDLER})
    expected = {"handler.present"} if APP in files.values() else set()
    assert failures(examine(tmp_path)) == expected


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("platform", [LINUX, WINDOWS, MACOS])
def test_a_distribution_of_crashpad_has_no_failure(tmp_path, name, platform):
    """As it is unpacked, built or installed, with the client's header, libraries and handler."""
    layout = LAYOUTS[name]
    if platform not in layout.platforms:
        pytest.skip(f"{name} is not for {platform}")
    for folder in layout.include_dirs:
        header = tmp_path / layout.fill(folder, platform) / "client" / "crashpad_client.h"
        write_program(header, b"#pragma once\nclass CrashpadClient { bool StartHandler(); };\n")
    for library in layout.libraries:
        folder = tmp_path / layout.fill(library.folder, platform)
        write_program(folder / library.file_name(platform), b"!<arch>\n")
    for mark in layout.marks:
        if "CMakeCache" not in mark and not (tmp_path / mark).exists():
            write_program(tmp_path / mark, b"!<arch>\n")
    handler = tmp_path / (layout.fill(layout.handler[platform], platform) + suffix(platform))
    write_program(handler, make(platform, HANDLER, layout.forks[0]))
    diagnosis = examine(tmp_path)
    assert failures(diagnosis) == set()
    assert [s.path for s in diagnosis.subjects if s.kind == "handler"] == [str(handler)]
