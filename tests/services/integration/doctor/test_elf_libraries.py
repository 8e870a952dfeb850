"""Crashpad's libraries for Linux, made by GCC: the annotations' marker in them, thin archives."""

import shutil
from contextlib import suppress

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.ar_file import THIN_MAGIC
from crashtool.model.doctor import NOTE, PASS
from crashtool.services.integration.doctor.crashpad_library import (
    DROPPED,
    KEPT,
    UNKNOWN,
    read_library,
)
from tests.services.integration.doctor.folders import examine, find_finding
from tests.toolchain import need, run_tool

# As in crashpad_info.cc: a pointer that nothing uses keeps the note, if the compiler keeps it
INFO = """extern int CRASHPAD_NOTE_REFERENCE;
static int *keep = &CRASHPAD_NOTE_REFERENCE;
const char *name = "client/crashpad_client_linux.cc";
int used(void) { return name[0] USE; }
"""
NOTE_TEXT = """  .globl CRASHPAD_NOTE_REFERENCE
  .section .note.crashpad.info, "a", %note
CRASHPAD_NOTE_REFERENCE:
  .long 9, 8, 0x4f464e49
  .asciz "Crashpad"
  .balign 4
  .quad 1
"""


@pytest.fixture
def make_library(tmp_path):
    """make_library(*flags, keeps=False, thin=False, objects="obj") -> the path of a libclient.a."""
    need("gcc", "ar")

    def make(*flags, keeps=False, thin=False, note=True):
        folder = tmp_path / "lib"
        (folder / "obj").mkdir(parents=True)
        (folder / "info.c").write_text(INFO.replace("USE", "+ *keep" if keeps else ""))
        (folder / "note.S").write_text(NOTE_TEXT)
        sources = ["info.c", "note.S"] if note else ["info.c"]
        objects = [f"obj/crashpad_{name}.o" for name in sources]
        for source, made in zip(sources, objects, strict=True):
            run_tool("gcc", "-c", *flags, folder / source, "-o", folder / made)
        run_tool("ar", "rcsT" if thin else "rcs", "libclient.a", *objects, cwd=folder)
        return folder / "libclient.a"

    return make


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize(
    ("flags", "keeps", "has_note", "expected"),
    [
        (("-O2",), False, True, DROPPED),
        (("-O2",), True, True, KEPT),
        (("-O2", "-flto"), False, True, UNKNOWN),
        (("-O2",), False, False, UNKNOWN),
    ],
)
def test_what_becomes_of_the_marker_is_read(make_library, thin, flags, keeps, has_note, expected):
    library = make_library(*flags, keeps=keeps, thin=thin, note=has_note)
    assert read_library(str(library)).note == expected


@pytest.mark.parametrize("thin", [False, True])
def test_a_library_without_the_marker_is_a_note(make_library, thin):
    library = make_library("-O2", thin=thin)
    finding = find_finding(examine(library.parent), "program.note", NOTE)
    assert "-Wl,-u,CRASHPAD_NOTE_REFERENCE" in finding.fix


def test_a_library_with_the_marker_passes(make_library):
    library = make_library("-O2", keeps=True)
    assert find_finding(examine(library.parent), "program.note", PASS)


def test_a_thin_archive_without_its_objects_says_so(make_library, tmp_path):
    library = make_library("-O2", thin=True)
    shutil.move(library, tmp_path / "libclient.a")
    with pytest.raises(InputUnusable, match="they are not there"):
        read_library(str(tmp_path / "libclient.a"))
    diagnosis = examine(tmp_path / "libclient.a")
    assert any("they are not there" in (row.cause or "") for row in diagnosis.findings)


def test_a_thin_archive_cut_at_any_byte_is_damaged_or_short(make_library, tmp_path):
    library = make_library("-O2", thin=True)
    content = library.read_bytes()
    assert content.startswith(THIN_MAGIC)
    whole = read_library(str(library)).objects
    read = []
    for end in range(len(THIN_MAGIC), len(content), 7):
        library.write_bytes(content[:end])
        with suppress(InputUnusable, MalformedFile):
            read.append(read_library(str(library)).objects)
    assert all(count <= whole for count in read)


@pytest.mark.parametrize(
    ("keeps", "options", "is_told"),
    [(False, "", True), (False, "-Wl,-u,CRASHPAD_NOTE_REFERENCE", False), (True, "", False)],
)
def test_a_build_needs_the_option_when_its_library_has_lost_the_marker(
    make_library, tmp_path, keeps, options, is_told
):
    need("cmake", "make")
    library = make_library("-O2", keeps=keeps)
    (tmp_path / "main.c").write_text("int used(void); int main(void) { return used(); }\n")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(game C)\nadd_executable(game main.c)\n"
        f"target_link_libraries(game {library})\ntarget_link_options(game PRIVATE {options})\n"
        if options
        else "cmake_minimum_required(VERSION 3.13)\nproject(game C)\nadd_executable(game main.c)\n"
        f"target_link_libraries(game {library})\n"
    )
    run_tool("cmake", "-S", tmp_path, "-B", tmp_path / "out", "-G", "Unix Makefiles")
    told = [
        row
        for row in examine(tmp_path / "out").findings
        if row.check == "link.elf" and row.cause and "CRASHPAD_NOTE_REFERENCE" in row.cause
    ]
    assert bool(told) == is_told
