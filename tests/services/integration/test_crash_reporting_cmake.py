"""The CMake file that scaffold writes, with folders of each layout: configured, linked, installed.

The libraries are made of the headers in stub_clients alone; what they contain is one symbol, by
which a program shows that it was linked with them.
"""

import os
import re
import shutil
import subprocess

import pytest

from crashtool.formats.crashpad.client.find_release import find_release
from crashtool.formats.crashpad.client.layouts import LAYOUTS, LINUX
from crashtool.formats.crashpad.client.linking import NOTE_SYMBOL
from crashtool.formats.crashpad.client.releases import RELEASES
from tests.services.integration.stub_clients import write_stub_client
from tests.toolchain import need

pytestmark = pytest.mark.toolchain
LISTS = """
cmake_minimum_required(VERSION 3.16)
project(game VERSION 1.4.2 LANGUAGES CXX)
include(crash_reporting/CrashReporting.cmake)
add_executable(game main.cpp)
@MORE@
crash_reporting_add(game)
install(TARGETS game)
"""
MAIN = """
#include "crash_reporting.h"
int main() { return crash_reporting::Start() ? 0 : 1; }
"""
NOTE = f'extern "C" {{ int {NOTE_SYMBOL} __attribute__((visibility("default"))) = 1; }}\n'
PACKAGE = """
add_library({target} INTERFACE IMPORTED)
set_target_properties({target} PROPERTIES INTERFACE_LINK_LIBRARIES
  "${{CMAKE_CURRENT_LIST_DIR}}/{up}/lib/{library}")
"""
OFTEN = ("cmake", "vcpkg")  # libraries by path, and by package
ON_LINUX = [layout for layout in LAYOUTS.values() if LINUX in layout.platforms]


def lay_out(folder, layout):
    """A folder that holds a Crashpad as a layout has it. Its libraries come from a compiler."""
    fork = layout.forks[0]
    since = RELEASES[fork][-1].since
    client = folder / "client"
    (included, *_) = write_stub_client(client, fork, since)
    for place in layout.include_dirs:
        shutil.copytree(included, folder / place, dirs_exist_ok=True)
    (client / "note.cpp").write_text(NOTE)
    subprocess.run(["g++", "-c", "note.cpp"], cwd=client, check=True)
    for library in layout.libraries:
        if LINUX in library.platforms:
            place = folder / layout.fill(library.folder, LINUX) / library.file_name(LINUX)
            place.parent.mkdir(parents=True, exist_ok=True)
            objects = ["note.o"] if library is layout.libraries[0] else []
            subprocess.run(["ar", "crs", place, *objects], cwd=client, check=True)
    handler = folder / layout.fill(layout.handler[LINUX], LINUX)
    handler.parent.mkdir(parents=True, exist_ok=True)
    handler.write_text("#!/bin/sh\n")
    handler.chmod(0o755)
    for mark in layout.marks:
        if not (folder / mark).exists():
            (folder / mark).parent.mkdir(parents=True, exist_ok=True)
            (folder / mark).write_text("")
    if layout.cmake:
        text = PACKAGE.format(
            target=layout.cmake[1],
            up="/".join([".."] * layout.marks[0].count("/")),
            library=layout.libraries[0].file_name(LINUX),
        )
        (folder / layout.marks[0]).write_text(text)
    return fork


class Project:
    def __init__(self, folder, crashtool, layout, more=""):
        need("g++", "cmake", "ninja", "ar", "readelf")
        self.folder = folder / "the project"
        self.folder.mkdir()
        fork = lay_out(folder / "crashpad", layout)
        done = crashtool(
            "scaffold",
            "cpp",
            "--annotation",
            "prod=Game",
            "--crashpad",
            fork,
            "--crashpad-dir",
            folder / "crashpad",
            "--into",
            self.folder,
        )
        assert done.exit_code == 0, done.stderr
        (self.folder / "CMakeLists.txt").write_text(LISTS.replace("@MORE@", more))
        (self.folder / "main.cpp").write_text(MAIN)
        self.release = find_release(fork)

    def run(self, *arguments, check=True, **variables):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)} | variables
        done = subprocess.run(
            ["cmake", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout + done.stderr

    def build(self, *defined, **variables):
        self.run("-S", ".", "-B", "out", "-G", "Ninja", *defined, **variables)
        self.run("--build", "out", **variables)


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(layout, marks=[] if layout.name in OFTEN else [pytest.mark.slow])
        for layout in ON_LINUX
    ],
    ids=[layout.name for layout in ON_LINUX],
)
def test_every_layout_is_built_linked_and_installed(crashtool, tmp_path, layout):
    project = Project(tmp_path, crashtool, layout)

    project.build(CRASH_REPORTING_URL="https://example.com/")
    project.run("--install", "out", "--prefix", str(tmp_path / "installed"))

    for program in (project.folder / "out/game", tmp_path / "installed/bin/game"):
        handler = program.with_name("crashpad_handler")
        assert os.access(handler, os.X_OK)
        said = subprocess.run(
            [program], env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True
        ).stdout
        assert f"handler {handler}\n" in said
        assert "annotation ver=1.4.2\n" in said
        assert "url https://example.com/\n" in said
    assert " RW " in stack_of(project.folder / "out/game")
    assert NOTE_SYMBOL in symbols_of(project.folder / "out/game")


def stack_of(program):
    lines = subprocess.run(
        ["readelf", "-lW", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return next(line for line in lines if "GNU_STACK" in line)


def symbols_of(program):
    return subprocess.run(
        ["readelf", "-sW", program], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("more", "wrapped"),
    [("", True), ("target_link_options(game PRIVATE -static)", False)],
)
def test_a_static_program_gets_no_wrapper_of_threads(crashtool, tmp_path, more, wrapped):
    project = Project(tmp_path, crashtool, LAYOUTS["cmake"], more)
    project.run("-S", ".", "-B", "out", "-G", "Ninja", "-DCRASHTOOL_EXECUTABLE=/opt/crashtool")
    rules = (project.folder / "out/build.ninja").read_text()
    (upload,) = re.findall(r"/opt/crashtool upload-symbols (.*)", rules)
    assert upload.strip().endswith('/out/game" --tag 1.4.2')
    assert ("-u,pthread_create" in rules) == wrapped
    assert f"-u,{NOTE_SYMBOL}" in rules
    assert "-z,noexecstack" in rules


def test_without_crashpad_the_way_to_get_it_is_said(crashtool, tmp_path):
    project = Project(tmp_path, crashtool, LAYOUTS["cmake"])
    said = project.run(
        "-S", ".", "-B", "out", "-G", "Ninja", "-DCRASHPAD_DIR=/nowhere", check=False
    )
    assert "Crashpad is not in CRASHPAD_DIR=/nowhere" in said
    assert "crashtool scaffold obtain" in said
