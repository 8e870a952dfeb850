"""The search: kinds told by content, hostile folders bounded."""

import os
import sys

import pytest

from crashtool.errors import InputUnusable
from crashtool.model.doctor import (
    CMAKE_BUILD,
    CRASHPAD_HEADERS,
    DATABASE,
    DOCKERFILE,
    HANDLER,
    HOST,
    MSBUILD,
    PROGRAM,
    REGISTRY,
    SETTINGS,
    SOURCE,
)
from crashtool.services.files.scratch import Scratch
from crashtool.services.integration.doctor import search
from crashtool.services.integration.doctor.examination import Options
from crashtool.services.integration.doctor.search import BuildSearch
from crashtool.services.integration.doctor.sniffing import sniff
from tests.services.integration.doctor.folders import (
    elf_program,
    handler_texts,
    macho_program,
    pe_program,
    write_program,
)
from tests.synth.object_files import build_elf, build_sym
from tests.synth.pdb import build_pdb

REG = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\X]\r\n"
KINDS = {
    "app": (elf_program(), PROGRAM),
    "app.exe": (pe_program(), PROGRAM),
    "mac": (macho_program(), PROGRAM),
    "crashpad_handler": (elf_program() + handler_texts(), HANDLER),
    "tls.reg": (REG.encode("utf-16"), REGISTRY),
    "ansi.reg": (REG.encode(), REGISTRY),
    "game.vcxproj": (b"\xef\xbb\xbf<?xml?><Project ToolsVersion='15'></Project>", MSBUILD),
    "main.cpp": (b"client.StartHandler(path);", SOURCE),
    "Dockerfile": (b"FROM debian\n", DOCKERFILE),
    "game.dockerfile": (b"FROM debian\n", DOCKERFILE),
    "crashtool.toml": (b"url = ''\n", SETTINGS),
}
NOTHING = {
    "notes.txt": b"StartHandler",
    "other.cpp": b"int main() {}",
    "page.xml": b"<Project/>",
    "empty": b"",
    "ls": build_elf(),
    "app.pdb": build_pdb(),
    "app.sym": build_sym(),
    "cut": elf_program()[:90],
    "mz": b"MZ" + bytes(100),
    "fat": b"\xca\xfe\xba\xbe\0\0\0\x02",
}


def find(path, **options):
    return BuildSearch(Options(**options), Scratch()).find_subjects([str(path)])


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_told_by_its_content(tmp_path, name):
    content, kind = KINDS[name]
    path = write_program(tmp_path / name, content)
    assert sniff(str(path)) == (kind,)
    assert sniff(str(path), named=True) == (kind,)


@pytest.mark.parametrize("name", NOTHING)
def test_other_files_are_of_no_interest_and_stop_nothing(tmp_path, name):
    write_program(tmp_path / name, NOTHING[name])
    assert [subject.kind for subject in find(tmp_path)] == [SETTINGS, HOST]


def test_folders_are_told_by_what_is_in_them(tmp_path):
    write_program(tmp_path / "build" / "CMakeCache.txt", b"# This is the CMakeCache file.\n")
    write_program(tmp_path / "crashpad" / "client" / "crashpad_client.h", b"// no call\n")
    write_program(tmp_path / "db" / "settings.dat", bytes(40))
    (tmp_path / "db" / "pending").mkdir()
    found = {(subject.kind, subject.path) for subject in find(tmp_path) if subject.path}
    assert found == {
        (CMAKE_BUILD, str(tmp_path / "build")),
        (CRASHPAD_HEADERS, str(tmp_path / "crashpad")),
        (DATABASE, str(tmp_path / "db")),
    }


def test_the_search_ends_at_so_many_files_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "MAX_FILES", 20)
    for number in range(30):
        write_program(tmp_path / f"{number:02}", b"")
    looked = BuildSearch(Options(), Scratch())
    looked.find_subjects([str(tmp_path)])
    (problem,) = looked.problems
    assert problem.cause == "more than 20 files: name a part of it"


@pytest.mark.slow
def test_a_hundred_thousand_files_are_looked_through(tmp_path):
    for folder in range(100):
        (tmp_path / str(folder)).mkdir()
        for number in range(1_001):
            (tmp_path / str(folder) / f"{number}.o").write_bytes(b"\x7fELF")
    looked = BuildSearch(Options(), Scratch())
    assert [subject.kind for subject in looked.find_subjects([str(tmp_path)])] == [SETTINGS, HOST]
    assert len(looked.problems) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    "name", ["crashtool.toml", "crashpad_handler", "main.cpp", "CMakeCache.txt", "Dockerfile"]
)
def test_a_pipe_in_the_place_of_a_file_holds_nothing_up(tmp_path, name):
    os.mkfifo(tmp_path / name)
    kinds = {subject.kind for subject in find(tmp_path)}
    assert kinds <= {SETTINGS, HOST, CMAKE_BUILD}
    with pytest.raises(InputUnusable, match="a named pipe"):
        sniff(str(tmp_path / name), named=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_in_circles_and_out_of_the_folder(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    write_program(outside / "app", elf_program())
    inside.mkdir()
    (inside / "circle").symlink_to(inside)
    (inside / "self").symlink_to("self")
    (inside / "gone").symlink_to("nowhere")
    (inside / "link").symlink_to(outside)
    found = [subject.path for subject in find(inside) if subject.kind == PROGRAM]
    assert found == [str(inside / "link" / "app")]


@pytest.mark.skipif(sys.platform == "win32", reason="needs modes of files")
def test_what_may_not_be_read_is_told(tmp_path):
    if not os.geteuid():
        pytest.skip("needs a user who is not root")
    write_program(tmp_path / "app", elf_program(), mode=0o000)
    (tmp_path / "folder").mkdir(mode=0o000)
    looked = BuildSearch(Options(), Scratch())
    looked.find_subjects([str(tmp_path)])
    assert sorted(problem.file for problem in looked.problems) == [
        str(tmp_path / "app"),
        str(tmp_path / "folder"),
    ]


def test_a_folder_that_is_given_twice_counts_once(tmp_path):
    write_program(tmp_path / "app", elf_program())
    looked = BuildSearch(Options(), Scratch()).find_subjects(
        [str(tmp_path), str(tmp_path) + os.sep + "."]
    )
    assert [subject.kind for subject in looked].count(PROGRAM) == 1
