import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from crashtool.commands.dump_pages import DumpPages
from crashtool.commands.scaffold import NAMES
from crashtool.services.inspect_dumps import Wanted, read_report
from crashtool.services.integration.scaffold import SCAFFOLDS, read_scaffold
from crashtool.services.receiver.app import start_receiver
from crashtool.services.symbols.session import SymbolPlan, open_session
from tests.services.handler.conftest import find_or_skip
from tests.services.receiver.conftest import wait_until

needs_cmake = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("gcc") and shutil.which("ninja")),
    reason="needs cmake, ninja and gcc",
)
LISTS = """
cmake_minimum_required(VERSION 3.16)
project(game LANGUAGES CXX VERSION 1.4.2)
include(CrashtoolSymbols.cmake)
add_library(engine SHARED engine.cpp)
add_executable(game main.cpp)
target_link_libraries(game PRIVATE engine)
crashtool_debug_information(game engine)
crashtool_upload_symbols(symbols TARGETS game engine TAG "${PROJECT_VERSION}"
  REQUIRE_FOR "$<TARGET_FILE:game>" "$<TARGET_FILE:engine>" RECEIPT receipt.json ALWAYS)
crashtool_upload_symbols(half TARGETS game REQUIRE_FOR "$<TARGET_FILE:game>"
  "$<TARGET_FILE:engine>")
"""
ENGINE = """
struct Renderer { int *pixels; __attribute__((noinline)) int flush(int at); };
int Renderer::flush(int at) { return pixels[at] = at; }
extern "C" __attribute__((noinline)) int draw(int at)
{ Renderer renderer{nullptr}; return renderer.flush(at) + 1; }
"""
MAIN = """
extern "C" int draw(int at);
__attribute__((noinline)) int play(int level) { return draw(level) + 1; }
int main(int count, char **) { return play(count); }
"""


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_printed_and_written_to_its_place(crashtool, tmp_path, name):
    printed = crashtool("scaffold", name)
    assert printed.exit_code == 0
    assert crashtool("scaffold", name, "--into", "project").exit_code == 0
    target = tmp_path / "project" / SCAFFOLDS[name].place
    text = target.read_bytes().decode("utf-16" if name == "reg" else "utf-8")
    assert text.replace("\r\n", "\n").strip() == printed.stdout.strip()
    again = crashtool("scaffold", name, "-o", target)
    assert again.exit_code == 0  # the same file is in nobody's way
    target.write_text("mine")
    assert crashtool("scaffold", name, "-o", target).exit_code == 2
    assert target.read_text() == "mine"
    assert crashtool("scaffold", name, "-o", target, "--force").exit_code == 0
    assert target.read_text(errors="replace") != "mine"


def test_names_and_places_are_known_and_one_is_chosen(crashtool):
    assert set(NAMES) == set(SCAFFOLDS)
    assert crashtool("scaffold", "cmake", "-o", "a", "--into", "b").exit_code == 2
    assert crashtool("scaffold", "make").exit_code == 2


def test_the_msbuild_file_is_well_formed_and_names_no_token(tmp_path):
    text = read_scaffold("msbuild")
    project = ET.fromstring(text)  # noqa: S314 (our own)
    space = "{http://schemas.microsoft.com/developer/msbuild/2003}"
    assert project.tag == f"{space}Project"
    targets = {row.get("Name"): row for row in project.iter(f"{space}Target")}
    assert targets["CrashtoolUploadSymbols"].get("AfterTargets") == "Build"
    (command,) = (row.get("Command") for row in project.iter(f"{space}Exec"))
    assert "upload-symbols" in command
    assert "--require-for" in command
    assert "token" not in command.lower()
    for condition in re.findall(r'Condition="([^"]*)"', text):
        assert condition.count("'") % 2 == 0


def test_the_action_keeps_inputs_out_of_its_script():
    text = read_scaffold("github-action")
    script = text.partition("      run: |\n")[2]
    assert script
    assert "${{" not in script
    assert "::add-mask::" in script
    run = re.search(r"run: python3.*", text)[0]
    assert "${{" not in run


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_actions_script_passes_its_inputs_on(tmp_path):
    script = read_scaffold("github-action").partition("      run: |\n")[2]
    lines = "\n".join(line[8:] for line in script.splitlines())
    fake = tmp_path / "crashtool"
    fake.write_text('#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n')
    fake.chmod(0o755)
    output = tmp_path / "output"
    done = subprocess.run(
        ["bash", "-e", "-c", lines],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(output),
            "PATHS": "build dir/\n$(touch hacked)\n", "REQUIRE_FOR": "dist/\n", "TAG": 'v1"; ls',
            "RECEIPT": "r.json", "SOFT_FAIL": "network", "DRY_RUN": "true",
            "CRASHTOOL_SYMBOLS_TOKEN": "", "CRASHTOOL_SYMBOLS_URL": "", "CRASHTOOL_UNIVERSE": "u",
        },
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = re.findall(r"\[(.*)\]", done.stdout)
    assert words == [
        "upload-symbols", "--ci", "github", "--receipt", "r.json", "build dir/", "$(touch hacked)",
        "--require-for", "dist/", "--tag", 'v1"; ls', "--soft-fail=network", "--dry-run",
    ]  # fmt: skip
    assert not (tmp_path / "hacked").exists()


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "the project"
    folder.mkdir()
    for name, text in (("CMakeLists.txt", LISTS), ("engine.cpp", ENGINE), ("main.cpp", MAIN),
                       ("CrashtoolSymbols.cmake", read_scaffold("cmake"))):  # fmt: skip
        (folder / name).write_text(text)
    return folder


def cmake(project, url, *arguments, check=True):
    crashtool = Path(sys.executable).with_name("crashtool")
    environment = {"PATH": "/usr/bin:/bin", "CRASHTOOL_SYMBOLS_URL": url, "HOME": str(project)}
    defined = [f"-DCRASHTOOL_EXECUTABLE={crashtool}"] if "-S" in arguments else []
    return subprocess.run(
        ["cmake", *arguments, *defined],
        cwd=project, env=environment, capture_output=True, text=True, check=check,
    )  # fmt: skip


@needs_cmake
def test_a_project_goes_from_build_to_a_readable_stack(project, tmp_path):
    """Build, gate, upload; crash under the real handler; read it with what the receiver has."""
    handler = find_or_skip().path
    pages = DumpPages()
    with start_receiver(tmp_path / "inbox", read_dump=pages) as receiver:
        url = receiver.submission_url("symbols")
        cmake(project, url, "-S", ".", "-B", "out", "-G", "Ninja")
        built = cmake(project, url, "--build", "out")
        assert "2 of 2 modules can be symbolicated" in built.stdout
        for file in (project / "out").rglob("*"):
            if file.is_file() and file.stat().st_size < 1 << 20:
                assert url.encode() not in file.read_bytes(), file
        (upload,) = receiver.inbox.reports()
        assert upload.query["tag"] == "1.4.2"
        wait_until(lambda: receiver.inbox.get(upload.rxid).headline)
        crashed = subprocess.run(
            [sys.executable, "-m", "crashtool", "run", "--handler", handler, "--url",
             receiver.submission_url(), "--database", str(tmp_path / "db"), "--",
             str(project / "out" / "game")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert crashed.returncode in (-11, 139), crashed.stderr
        wait_until(lambda: len(receiver.inbox.reports()) == 2)
        report = receiver.inbox.reports()[1]
        wait_until(lambda: receiver.inbox.get(report.rxid).headline)
        assert receiver.inbox.get(report.rxid).signature.startswith("Renderer::flush")
        plan = SymbolPlan((str(receiver.inbox.folder / "symbols"),))
        with open_session(plan, str(tmp_path / "cache")) as symbols:
            stack = read_report(str(report.minidump), "", Wanted(symbols=symbols)).crashed_thread
        named = [(frame.function, frame.line) for frame in stack.frames[:4]]
        assert named == [("Renderer::flush", 3), ("draw", 5), ("play", 3), ("main", 4)]
    pages.close()


@needs_cmake
def test_without_the_symbols_of_one_module_the_build_fails_and_names_it(project, tmp_path):
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url("symbols")
        cmake(project, url, "-S", ".", "-B", "out", "-G", "Ninja")
        done = cmake(project, url, "--build", "out", "--target", "half", check=False)
        assert done.returncode != 0
        assert "libengine.so" in done.stdout + done.stderr
        assert "cannot be symbolicated" in done.stdout + done.stderr
        assert receiver.inbox.count() == 0
