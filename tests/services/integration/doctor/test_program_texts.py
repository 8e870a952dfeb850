"""program.ratelimit, .url and .paths: texts planted in programs of three systems."""

import pytest

from crashtool.model.doctor import NOTE, WARNING
from tests.services.integration.doctor.folders import (
    elf_program,
    examine,
    failures,
    find_finding,
    macho_program,
    pe_program,
    warnings,
    write_program,
)
from tests.toolchain import need_programs, run_tool

TOKEN = "0123456789abcdef" * 4
GOOD_URL = f"https://submit.backtrace.io/acme/{TOKEN}/minidump"
MAKERS = [elf_program, pe_program, macho_program]
OURS = ("host.", "handler.", "annotations.", "url.", "token.", "database.", "link.", "source.")
SOURCE = r"""
#include <assert.h>
#include <stdio.h>
const char *volatile file = "client/crashpad_client_linux.cc";
const char *volatile option = "--no-rate-limit";
__asm__(".pushsection .note.crashpad.info,\"a\",%note\n"
        ".long 9, 8, 0x4f464e49\n .asciz \"Crashpad\"\n .balign 4\n .quad 1\n .popsection\n");
int main(int count, char **arguments) { assert(count); return puts(file) + puts(option); }
"""


@pytest.fixture
def look(tmp_path):
    def examine_texts(*texts, make=elf_program, **options):
        return examine(write_program(tmp_path / "app", make(*texts, **options)), without=OURS)

    return examine_texts


@pytest.mark.parametrize("make", MAKERS)
def test_a_good_url_passes(look, make):
    diagnosis = look(GOOD_URL, make=make)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())


@pytest.mark.parametrize("make", MAKERS)
def test_a_url_with_a_placeholder_is_a_warning(look, make):
    diagnosis = look("https://submit.backtrace.io/acme/<Token>/minidump", make=make)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"program.url"})
    assert "placeholder" in find_finding(diagnosis, "program.url", WARNING).cause


def test_a_url_that_windows_refuses_fails_there(look):
    url = f"https://acme.sp.backtrace.io:6098?format=minidump&token={TOKEN}"
    diagnosis = look(url, make=pe_program)
    assert failures(diagnosis) == {"program.url"}
    finding = find_finding(diagnosis, "program.url")
    assert "path-missing" in finding.cause
    assert TOKEN not in repr(finding)


def test_a_url_in_utf_16_is_read(look):
    wide = GOOD_URL.replace(TOKEN, "your_token").encode("utf-16-le")
    assert warnings(look(b"\0" + wide, make=pe_program)) == {"program.url"}


@pytest.mark.parametrize(
    "text",
    [
        "https://submit.backtrace.io/%s/%s/minidump", "https://{}.sp.backtrace.io:6098/post?",
        "https://support.backtrace.io/hc/en-us", "minidump", "see https://acme.sp.backtrace.io",
    ],
)  # fmt: skip
def test_texts_that_are_no_whole_submission_url_are_let_alone(look, text):
    diagnosis = look(text)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())


def test_the_root_form_is_a_note(look):
    diagnosis = look("https://acme.sp.backtrace.io:6098/")
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())
    assert find_finding(diagnosis, "program.url", NOTE)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "text",
    [
        "/home/jo/build/crashpad_handler", "/Users/jo/game/crashpad_handler",
        "C:\\Users\\jo\\build\\crashpad_handler.exe", "~/game/crashpad_handler",
        "/home/jo/game/crashpad_db",
    ],
)  # fmt: skip
def test_a_path_of_the_build_machine_is_a_warning(look, make, text):
    diagnosis = look(text, make=make)
    assert warnings(diagnosis) == {"program.paths"}
    assert text in find_finding(diagnosis, "program.paths", WARNING).cause


@pytest.mark.parametrize(
    "text",
    ["/opt/game/crashpad_handler", "/home/jo/crashpad/client/settings.cc", "crashpad_handler"],
)
def test_other_paths_are_let_alone(look, text):
    assert warnings(look(text)) == set()


def test_paths_in_debug_information_are_let_alone(look):
    debug = (".debug_str", 1, 0, b"/home/jo/build/crashpad_handler\0")
    assert warnings(look(sections=[debug])) == set()


@pytest.mark.parametrize("make", MAKERS)
def test_no_rate_limit_in_a_release_build_is_a_warning(look, make):
    diagnosis = look("--no-rate-limit", make=make)
    assert warnings(diagnosis) == {"program.ratelimit"}
    assert "NDEBUG" in find_finding(diagnosis, "program.ratelimit", WARNING).fix


@pytest.mark.parametrize(("flags", "warned"), [((), set()), (("-DNDEBUG",), {"program.ratelimit"})])
def test_no_rate_limit_in_a_debug_build_is_well(tmp_path, flags, warned):
    need_programs("gcc")
    (tmp_path / "app.c").write_text(SOURCE)
    run_tool("gcc", *flags, "-o", tmp_path / "app", tmp_path / "app.c")
    assert warnings(examine(tmp_path / "app", without=OURS)) == warned


def test_a_mac_program_with_assertions_is_a_debug_build(look):
    assert warnings(look("--no-rate-limit", "___assert_rtn", make=macho_program)) == set()
