"""handler.present, .executable, .kind, .arch and .name: each fault planted, its twin healthy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.model.doctor import NOTE, PASS, WARNING
from tests.conftest import ROOT
from tests.services.integration.doctor import projects
from tests.services.integration.doctor.folders import (
    ARM64,
    MACHO_ARM64,
    MACHO_X86_64,
    SENTRY_TEXT,
    elf_program,
    examine,
    failures,
    find_finding,
    handler_texts,
    macho_program,
    pe_program,
    warnings,
    write_program,
)

FAKE = "crashpad_handler"


def test_a_healthy_installation_fails_nothing(healthy):
    diagnosis = examine(healthy)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())


def test_a_handler_that_is_missing(install):
    diagnosis = examine(install(None))
    assert failures(diagnosis) == {"handler.present"}
    finding = find_finding(diagnosis, "handler.present")
    assert finding.file == str(Path("dist", "app"))
    assert "Nothing is reported" in finding.consequence
    assert "copy the crashpad_handler" in finding.fix


def test_a_program_that_is_named_is_checked_with_the_handler_beside_it(healthy):
    diagnosis = examine(healthy / "app")
    assert failures(diagnosis) == set()
    assert {subject.kind for subject in diagnosis.subjects} >= {"program", "handler"}


def test_a_handler_elsewhere_is_a_note(install, sentry_handler):
    folder = install(None, SENTRY_TEXT)
    write_program(folder / "libexec" / FAKE, sentry_handler.read_bytes())
    diagnosis = examine(folder)
    assert failures(diagnosis) == set()
    assert "libexec" in find_finding(diagnosis, "handler.present", NOTE).cause


def test_a_configured_handler_that_does_not_exist(install):
    diagnosis = examine(install(None), settings={"handler": "absent/crashpad_handler"})
    assert failures(diagnosis) == {"handler.kind"}
    assert "no such file" in find_finding(diagnosis, "handler.kind").cause


@pytest.mark.skipif(os.name == "nt", reason="needs modes of files")
def test_a_handler_that_is_not_executable(healthy):
    (healthy / FAKE).chmod(0o644)
    diagnosis = examine(healthy)
    assert failures(diagnosis) == {"handler.executable"}
    finding = find_finding(diagnosis, "handler.executable")
    assert "not executable (mode 644)" in finding.cause
    assert finding.fix.startswith(f"chmod +x {Path('dist', FAKE)}")


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_handler_on_a_noexec_mount(healthy):
    """The mode says rwx there; access(2) does not. Mounted in a namespace of its own."""
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    script = (
        "mkdir m && mount -t tmpfs -o noexec none m && cp dist/* m/ && "
        f"exec {sys.executable} -m crashtool doctor m --json"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path))},
    )
    if "unshare failed" in done.stderr or "mount:" in done.stderr:
        pytest.skip("needs mount namespaces")
    assert "may not be executed here" in done.stdout
    assert "noexec" in done.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"see the other folder\n", "a text file"),
        (b"", "an empty file"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"#!/bin/sh\nexec x\n", "a script"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!doctype html><p>404", "a web page"),
        (bytes(range(200, 256)), "no program"),
    ],
)
def test_a_handler_that_is_something_else(install, content, words):
    folder = install(None, SENTRY_TEXT)
    write_program(folder / FAKE, content)
    diagnosis = examine(folder)
    assert failures(diagnosis) == {"handler.kind"}
    assert words in find_finding(diagnosis, "handler.kind").cause


def test_another_program_in_the_handlers_place(install):
    folder = install(None)
    write_program(folder / FAKE, elf_program(client=False))
    assert failures(examine(folder)) == {"handler.kind"}


def test_something_called_like_a_handler_that_nobody_starts_is_a_warning(tmp_path):
    write_program(tmp_path / "bin" / FAKE, b"#!/usr/bin/env python\n")
    diagnosis = examine(tmp_path)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"handler.kind"})


def test_a_windows_program_with_a_handler_for_linux(tmp_path, sentry_handler):
    write_program(tmp_path / "app.exe", pe_program(SENTRY_TEXT))
    write_program(tmp_path / FAKE, sentry_handler.read_bytes())
    diagnosis = examine(tmp_path)
    assert failures(diagnosis) == {"handler.kind"}
    finding = find_finding(diagnosis, "handler.kind")
    assert "is a Linux program" in finding.cause
    assert "one for Windows" in finding.cause


def test_a_windows_program_with_its_handler(tmp_path, windows_handler):
    write_program(tmp_path / "app.exe", pe_program(SENTRY_TEXT))
    write_program(tmp_path / "crashpad_handler.exe", windows_handler.read_bytes())
    diagnosis = examine(tmp_path)
    assert failures(diagnosis) == set()
    assert warnings(diagnosis) == {"handler.libraries"}  # the redistributable


def test_a_handler_for_another_processor(install, sentry_handler):
    program = elf_program(SENTRY_TEXT, machine=ARM64)
    diagnosis = examine(install(sentry_handler, program=program))
    assert failures(diagnosis) == {"handler.arch"}
    assert "it is x86_64" in find_finding(diagnosis, "handler.arch").cause
    assert "app is arm64" in find_finding(diagnosis, "handler.arch").cause


def test_an_x64_handler_of_an_x86_program_is_a_note(tmp_path, windows_handler):
    write_program(tmp_path / "app.exe", pe_program(SENTRY_TEXT, machine=0x14C, wide=False))
    write_program(tmp_path / "crashpad_handler.exe", windows_handler.read_bytes())
    diagnosis = examine(tmp_path)
    assert failures(diagnosis) == set()
    assert "32-bit Windows" in find_finding(diagnosis, "handler.arch", NOTE).consequence


@pytest.mark.parametrize(
    ("cpu", "failed"), [(MACHO_ARM64, set()), (MACHO_X86_64, {"handler.arch"})]
)
def test_a_mac_program_with_a_handler_for_a_processor(tmp_path, cpu, failed):
    write_program(tmp_path / "app", macho_program(cpu=MACHO_ARM64))
    content = macho_program(cpu=cpu) + handler_texts()
    write_program(tmp_path / FAKE, content)
    assert failures(examine(tmp_path)) == failed


def test_a_handler_of_another_name(install, sentry_handler):
    folder = install(sentry_handler, SENTRY_TEXT, "/opt/game/crashpad_handler", name="handler")
    diagnosis = examine(folder)
    assert failures(diagnosis) == {"handler.name"}
    finding = find_finding(diagnosis, "handler.name")
    assert "it is called handler" in finding.cause
    assert "names crashpad_handler" in finding.cause


def test_a_handler_of_the_name_that_the_code_has(install, sentry_handler):
    folder = install(sentry_handler, SENTRY_TEXT, "/opt/game/crashpad_handler")
    assert failures(examine(folder)) == set()


def test_windows_code_names_the_handler_in_utf_16(tmp_path, windows_handler):
    name = "crashpad_handler.exe".encode("utf-16-le")
    write_program(tmp_path / "app.exe", pe_program(SENTRY_TEXT, b"\0" + name))
    write_program(tmp_path / "handler.exe", windows_handler.read_bytes())
    assert failures(examine(tmp_path)) == {"handler.name"}
    (tmp_path / "handler.exe").rename(tmp_path / "crashpad_handler.exe")
    assert failures(examine(tmp_path)) == set()
    assert WARNING not in {
        f.verdict for f in examine(tmp_path).findings if f.check == "handler.name"
    }


def test_a_handler_of_another_installation_is_not_paired(install, sentry_handler, tmp_path):
    """Two programs and one handler, far from one: whose it is cannot be told."""
    install(sentry_handler, SENTRY_TEXT)
    write_program(tmp_path / "other" / "tool", elf_program(machine=ARM64))
    diagnosis = examine(tmp_path)
    assert failures(diagnosis) == set()
    assert find_finding(diagnosis, "handler.present", NOTE).file.endswith("tool")


def test_an_executable_with_the_anchor_alone_has_the_client(tmp_path):
    write_program(tmp_path / "app", elf_program(client=False, interpreter=True))
    assert failures(examine(tmp_path)) == {"handler.present"}


def test_a_library_with_the_anchor_alone_only_annotates(tmp_path):
    write_program(tmp_path / "libpart.so", elf_program(client=False))
    assert failures(examine(tmp_path)) == set()


@pytest.mark.parametrize("is_shipped", [False, True])
def test_the_handler_of_the_package_manager_is_not_shipped(tmp_path, sentry_handler, is_shipped):
    """A build beside vcpkg's tree has a handler near it, and its users have none."""
    projects.vcpkg(tmp_path / "vcpkg_installed" / "x64-linux")
    tools = tmp_path / "vcpkg_installed" / "x64-linux" / "tools" / "crashpad"
    tools.mkdir(parents=True)
    shutil.copy(sentry_handler, tools / "crashpad_handler")
    write_program(tmp_path / "build" / "game", elf_program(SENTRY_TEXT))
    if is_shipped:
        shutil.copy(sentry_handler, tmp_path / "build" / "crashpad_handler")

    diagnosis = examine(tmp_path)

    told = [
        row.cause
        for row in diagnosis.findings
        if row.check == "handler.present" and row.verdict != PASS
    ]
    assert [("tools" in cause) for cause in told] == ([] if is_shipped else [True])
    assert ("handler.present" in warnings(diagnosis)) == (not is_shipped)
