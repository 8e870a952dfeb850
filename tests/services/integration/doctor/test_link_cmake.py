"""link.* of CMake's build folders: made here by CMake itself, or as it writes them for Windows."""

import pytest

from crashtool.model.doctor import PASS, SKIP, WARNING
from tests.services.integration.doctor.folders import bad, examine, find_finding
from tests.services.integration.doctor.projects import SOURCE, write, write_headers
from tests.synth.coff import build_coff, crashpad_library, directives
from tests.toolchain import need, run_tool

pytestmark = pytest.mark.toolchain
GOOD_OPTIONS = '"LINKER:-z,noexecstack;LINKER:--undefined=CRASHPAD_NOTE_REFERENCE"'
CLIENT = """
#include <cstdio>
extern int crashpad_other;
int crashpad_mine = 3;
const char* kName = "crashpad_client_linux.cc";
namespace crashpad { struct Client { virtual ~Client(); virtual int Start(); }; }
crashpad::Client::~Client() {}
int crashpad::Client::Start() { std::fprintf(stderr, "%s", kName); return crashpad_mine; }
int StartIt() { crashpad::Client client; return client.Start(); }
"""
MAIN = "int StartIt();\nint main() { return StartIt(); }\n"


@pytest.fixture
def build(tmp_path):
    """build(options, kind) -> the diagnosis of a real build folder that links a small client."""
    need("cmake", "g++")

    def make(
        options=GOOD_OPTIONS,
        *,
        kind="add_executable(app",
        flags="",
        client="-fPIC",
        generator="Unix Makefiles",
        standard="17",
    ):
        if generator.startswith("Ninja"):
            need("ninja")
        crashpad = tmp_path / "crashpad"
        source = write(crashpad / "client.cc", CLIENT)
        run_tool("g++", "-O1", client, "-c", "-o", crashpad / "client.o", source)
        run_tool("ar", "rcs", crashpad / "libclient.a", crashpad / "client.o")
        write_headers(crashpad, crashpad / "mini_chromium", cxx17=True)
        write(tmp_path / "src" / "main.cpp", MAIN)
        write(
            tmp_path / "src" / "CMakeLists.txt",
            f"""
cmake_minimum_required(VERSION 3.16)
project(game CXX)
set(CMAKE_CXX_STANDARD {standard})
{kind} main.cpp)
target_include_directories(app PRIVATE {crashpad} {crashpad}/mini_chromium)
target_link_libraries(app PRIVATE {crashpad}/libclient.a)
target_link_options(app PRIVATE {options})
target_compile_options(app PRIVATE {flags})
""",
        )
        folder = tmp_path / "build"
        run_tool(
            "cmake",
            "-S",
            tmp_path / "src",
            "-B",
            folder,
            "-G",
            generator,
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_CXX_COMPILER=g++",
        )
        return examine(folder)

    return make


def causes(diagnosis, check):
    return [
        row.cause
        for row in diagnosis.findings
        if row.check == check and row.verdict in ("failure", "warning")
    ]


@pytest.mark.parametrize("generator", ["Unix Makefiles", "Ninja"])
def test_a_healthy_build_passes(build, generator):
    diagnosis = build(flags="-g", generator=generator)

    assert bad(diagnosis) == set()
    passed = {row.check for row in diagnosis.findings if row.verdict == "pass"}
    assert passed >= {"link.elf", "link.pic", "link.include", "link.standard", "link.libraries"}


@pytest.mark.parametrize(
    ("options", "flags", "words"),
    [
        ('"LINKER:-z,noexecstack"', "-g", "without -u CRASHPAD_NOTE_REFERENCE"),
        ('"LINKER:-u,CRASHPAD_NOTE_REFERENCE"', "-g", "without -z noexecstack"),
        (f"{GOOD_OPTIONS} -s", "-g", "is stripped while it is linked"),
        (f"{GOOD_OPTIONS} -Wl,--build-id=none", "-g", "without a build id"),
        (GOOD_OPTIONS, "", "is compiled without -g"),
    ],
)
@pytest.mark.parametrize("generator", ["Unix Makefiles", "Ninja"])
def test_an_option_that_is_missing_or_too_much(build, options, flags, words, generator):
    diagnosis = build(options, flags=flags, generator=generator)

    assert bad(diagnosis) == {"link.elf"}
    (cause,) = causes(diagnosis, "link.elf")
    assert cause.startswith("app Release")
    assert words in cause
    assert find_finding(diagnosis, "link.elf", WARNING).line


@pytest.mark.parametrize("generator", ["Unix Makefiles", "Ninja"])
@pytest.mark.parametrize(("client", "is_bad"), [("-fPIC", False), ("-fPIE", True)])
def test_a_client_in_a_shared_library(build, client, is_bad, generator):
    diagnosis = build(flags="-g", kind="add_library(app SHARED", client=client, generator=generator)

    if any(
        row.check == "link.pic" and row.verdict == SKIP and row.file for row in diagnosis.findings
    ):
        pytest.skip("needs a machine whose relocations are known")
    assert bad(diagnosis) == ({"link.pic"} if is_bad else set())
    if is_bad:
        found = find_finding(diagnosis, "link.pic")
        assert "libclient.a is not position independent" in found.cause
        assert "POSITION_INDEPENDENT_CODE" in found.fix


def test_a_program_needs_no_position_independent_client(build):
    assert bad(build(flags="-g", client="-fPIE")) == set()


def test_an_older_standard_than_the_headers_need(build):
    diagnosis = build(flags="-g", standard="14")

    assert bad(diagnosis) == {"link.standard"}
    assert "-std=c++17" in find_finding(diagnosis, "link.standard").fix


NINJA = r"""
build CMakeFiles\game.dir\main.cpp.obj: CXX_COMPILER__game_Release ..\main.cpp
  DEFINES = {defines}
  FLAGS = /DWIN32 /D_WINDOWS /EHsc /O2 {flags}
  INCLUDES = -I..\crashpad -I..\crashpad\mini_chromium

build game.exe: CXX_EXECUTABLE_LINKER__game_Release CMakeFiles\game.dir\main.cpp.obj
  FLAGS = /DWIN32 {flags}
  LINK_FLAGS = /machine:{machine} /INCREMENTAL:NO /subsystem:console
  LINK_LIBRARIES = ..\crashpad\client.lib  kernel32.lib user32.lib
  TARGET_FILE = game.exe
"""


def windows_build(
    tmp_path,
    *,
    runtime="MD",
    flags="-MD -std:c++17",
    machine="x64",
    defines="-DNOMINMAX",
    compiled=None,
):
    """What CMake writes for Visual C++ and Ninja."""
    write_headers(tmp_path / "crashpad", tmp_path / "crashpad" / "mini_chromium", cxx17=True)
    write(tmp_path / "crashpad" / "client.lib", crashpad_library(runtime))
    write(tmp_path / "main.cpp", SOURCE)
    folder = tmp_path / "build"
    write(folder / "build.ninja", NINJA.format(flags=flags, machine=machine, defines=defines))
    write(
        folder / "CMakeCache.txt",
        "CMAKE_GENERATOR:INTERNAL=Ninja\nCMAKE_BUILD_TYPE:STRING=Release\n"
        "CMAKE_CXX_COMPILER:FILEPATH=C:/VS/bin/Hostx64/x64/cl.exe\n",
    )
    if compiled:
        write(folder / "CMakeFiles/game.dir/main.cpp.obj", build_coff(directives(compiled)))
    return examine(folder)


def test_a_healthy_build_for_windows_passes(tmp_path):
    diagnosis = windows_build(tmp_path)

    assert bad(diagnosis) == set()
    passed = {row.check for row in diagnosis.findings if row.verdict == "pass"}
    assert passed >= {"link.crt", "link.iterator", "link.machine", "link.nominmax", "link.include"}


@pytest.mark.parametrize(
    ("options", "check", "words"),
    [
        ({"runtime": "MT"}, "link.crt", "/MD, client.lib with /MT"),
        ({"flags": "-MTd -std:c++17"}, "link.crt", "/MTd, client.lib with /MD"),
        ({"flags": "-std:c++17", "compiled": "MDd"}, "link.crt", "/MDd, client.lib with /MD"),
        ({"machine": "ARM64"}, "link.machine", "for arm64, client.lib for x86_64"),
        ({"flags": "-MD"}, "link.standard", "C++14"),
        ({"flags": "-MD /std:c++14"}, "link.standard", "C++14"),
        ({"defines": "-DX"}, "link.nominmax", "NOMINMAX"),
        (
            {"defines": "-DNOMINMAX -D_ITERATOR_DEBUG_LEVEL=1"},
            "link.iterator",
            "_ITERATOR_DEBUG_LEVEL=1",
        ),
    ],
)
def test_a_fault_of_a_build_for_windows(tmp_path, options, check, words):
    diagnosis = windows_build(tmp_path, **options)

    assert bad(diagnosis) == {check}
    assert words in causes(diagnosis, check)[0]


def test_a_runtime_that_nothing_tells_is_a_skip(tmp_path):
    diagnosis = windows_build(tmp_path, flags="-std:c++17")

    assert bad(diagnosis) == set()
    assert "not known" in find_finding(diagnosis, "link.crt", SKIP).cause


def test_a_folder_without_link_lines_is_a_skip(tmp_path):
    write(tmp_path / "CMakeCache.txt", "CMAKE_GENERATOR:INTERNAL=Xcode\n")

    diagnosis = examine(tmp_path)

    assert bad(diagnosis) == set()
    assert "Xcode leaves no link lines" in find_finding(diagnosis, "link.elf", SKIP).cause


def test_each_configuration_of_ninja_multi_config_is_looked_at(build):
    diagnosis = build("-Wl,--as-needed", generator="Ninja Multi-Config")
    told = {cause.split(" is ")[0] for cause in causes(diagnosis, "link.elf")}
    assert told == {"app Debug", "app Release", "app RelWithDebInfo"}
    without_symbols = [cause for cause in causes(diagnosis, "link.elf") if "without -g" in cause]
    assert without_symbols == ["app Release is compiled without -g"]


def test_a_sound_project_of_ninja_multi_config_passes(build):
    diagnosis = build(flags="-g", generator="Ninja Multi-Config")
    assert causes(diagnosis, "link.elf") == []
    assert find_finding(diagnosis, "link.elf", PASS)
