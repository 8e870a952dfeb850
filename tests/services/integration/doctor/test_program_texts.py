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
from tests.toolchain import need, need_programs, run_tool

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
        "https://submit.backtrace.io/%s/%s/minidump",
        "https://{}.sp.backtrace.io:6098/post?",
        "https://support.backtrace.io/hc/en-us",
        "minidump",
        "see https://acme.sp.backtrace.io",
    ],
)
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
        "/home/jo/build/crashpad_handler",
        "/Users/jo/game/crashpad_handler",
        "C:\\Users\\jo\\build\\crashpad_handler.exe",
        "~/game/crashpad_handler",
        "/home/jo/game/crashpad_db",
    ],
)
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


CMAKE_PROJECT = """cmake_minimum_required(VERSION 3.13)
project(game CXX)
add_executable(game main.cpp)
"""
PLAIN_SOURCE = SOURCE.replace("#include <assert.h>", "").replace("assert(count); ", "")


def build_with_cmake(folder, kind, generator):
    """A program without a single assertion, in a build folder of its own: its path."""
    (folder / "CMakeLists.txt").write_text(CMAKE_PROJECT)
    (folder / "main.cpp").write_text(PLAIN_SOURCE)
    run_tool(
        "cmake", "-S", folder, "-B", folder / "out", "-G", generator, f"-DCMAKE_BUILD_TYPE={kind}"
    )
    run_tool("cmake", "--build", folder / "out")
    return folder / "out" / "game"


@pytest.mark.parametrize("generator", ["Unix Makefiles", "Ninja"])
@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        ("Debug", set()),
        ("", set()),
        ("RelWithDebInfo", {"program.ratelimit"}),
        ("Release", {"program.ratelimit"}),
    ],
)
def test_no_rate_limit_is_a_fault_where_cmake_defines_ndebug(tmp_path, generator, kind, warned):
    need("cmake", "g++", "make", "ninja")
    program = build_with_cmake(tmp_path, kind, generator)
    assert warnings(examine(program, without=OURS)) == warned


@pytest.mark.parametrize(
    ("compiler", "flags", "verdict"),
    [
        ("gcc", ("-g",), None),
        ("gcc", ("-g", "-Og"), None),
        ("gcc", ("-g", "-gz"), None),
        ("gcc", ("-g", "-O2"), WARNING),
        ("gcc", ("-s",), WARNING),
        ("clang", ("-g",), NOTE),
        ("clang", ("-O2", "-s"), WARNING),
    ],
)
def test_without_a_build_folder_the_options_of_gcc_tell(tmp_path, compiler, flags, verdict):
    need_programs(compiler)
    (tmp_path / "app.c").write_text(PLAIN_SOURCE)
    run_tool(compiler, *flags, "-o", tmp_path / "app", tmp_path / "app.c")
    diagnosis = examine(tmp_path / "app", without=OURS)
    found = [row.verdict for row in diagnosis.findings if row.check == "program.ratelimit"]
    assert found == [verdict or "pass"]


@pytest.mark.parametrize("folder", ["x64/Debug", "cmake-build-debug", "Build/Products/Debug"])
@pytest.mark.parametrize("make", [pe_program, macho_program])
def test_a_folder_for_debug_builds_tells(tmp_path, folder, make):
    program = write_program(tmp_path / folder / "game", make("--no-rate-limit"))
    assert warnings(examine(program, without=OURS)) == set()
    other = write_program(tmp_path / "debug_tools" / "game", make("--no-rate-limit"))
    assert warnings(examine(other, without=OURS)) == {"program.ratelimit"}


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("is_debug = false\n", {"program.ratelimit"}),
        ('# is_debug = false\ntarget_cpu = "x64"\n', set()),
        ("is_debug=true # is_debug = false\n", set()),
    ],
)
def test_the_arguments_of_gn_tell(tmp_path, text, warned):
    (tmp_path / "args.gn").write_text(text)
    program = write_program(tmp_path / "game", elf_program("--no-rate-limit"))
    assert warnings(examine(program, without=OURS)) == warned


def test_a_path_of_this_machine_in_a_debug_build_is_a_note(tmp_path):
    text = "/home/jo/build/crashpad_handler"
    program = write_program(tmp_path / "x64" / "Debug" / "game.exe", pe_program(text))
    diagnosis = examine(program, without=OURS)
    assert warnings(diagnosis) == set()
    assert text in find_finding(diagnosis, "program.paths", NOTE).cause


COPYING = """#include <string>
#include <cstdio>
const char *volatile file = "client/crashpad_client_linux.cc";
__attribute__((noinline)) void start(const std::string &url) { std::puts(url.c_str()); }
int main() { start(URL); std::puts(file); }
"""
RANDOM = "d0c1a94f3be2576810fdab2c7e9465380a1bcdef72e3f495680d1e2fa3b4c596"


@pytest.mark.parametrize("flags", [("-O0",), ("-O2",), ("-O3", "-march=haswell")])
@pytest.mark.parametrize(
    ("url", "is_bad"),
    [
        (f"https://submit.backtrace.io/acme/{RANDOM}/minidump", False),
        (f"https://submit.backtrace.io/acme/{TOKEN}/minidump", False),
        (f"https://submit.backtrace.io/acme/{RANDOM[:-1]}/minidump", True),
    ],
)
def test_a_url_that_gcc_copies_in_pieces_is_not_judged(tmp_path, flags, url, is_bad):
    """Its pieces read as a URL with a part of it twice, or missing."""
    need_programs("g++", *flags)
    (tmp_path / "app.cc").write_text(COPYING)
    run_tool("g++", *flags, f'-DURL="{url}"', "-o", tmp_path / "app", tmp_path / "app.cc")
    diagnosis = examine(tmp_path / "app", without=OURS)
    (found,) = {row.verdict for row in diagnosis.findings if row.check == "program.url"}
    told = {True: "failure", False: "pass"}[is_bad]
    allowed = {told} if flags == ("-O0",) else {told, "skip"}
    assert found in allowed
