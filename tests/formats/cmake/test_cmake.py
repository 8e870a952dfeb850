"""What CMake leaves in a build folder, as CMake 3.25 wrote it here."""

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.cmake.build_lines import EXECUTABLE, SHARED
from crashtool.formats.cmake.cmake_cache import parse_cache
from crashtool.formats.cmake.command_words import split_command
from crashtool.formats.cmake.compile_commands import parse_compile_commands
from crashtool.formats.cmake.makefiles import parse_flags, parse_link_text
from crashtool.formats.cmake.ninja import parse_compile_lines, parse_link_lines

NINJA = r"""# Link the executable demo

build demo: CXX_EXECUTABLE_LINKER__demo_Release CMakeFiles/demo.dir/ma$ in.cpp.o | /x/libclient.a || gen
  FLAGS = -O3 -DNDEBUG
  LINK_FLAGS = -Wl,-z,noexecstack $
    -Wl,--undefined=CRASHPAD_NOTE_REFERENCE
  LINK_LIBRARIES = /x/libclient.a  -lz
  TARGET_FILE = bin/demo

build lib$:a.so: CXX_SHARED_LIBRARY_LINKER__sh_Release l.o | /x/libclient.a
  LINK_LIBRARIES = /x/libclient.a

build CMakeFiles/demo.dir/ma$ in.cpp.o: CXX_COMPILER__demo_Release /src/ma$ in.cpp || order
  DEFINES = -DURL=\"http://a\"
  FLAGS = -O3 -std=gnu++17
  INCLUDES = -I/crashpad

build libst.a: CXX_STATIC_LIBRARY_LINKER__st_Release l.o
build all: phony demo
"""  # noqa: E501 (as CMake writes it)
COMMANDS = r"""[
{"directory": "/b", "command": "/usr/bin/c++ -DURL=\\\"a\\ b\\\" -std=c++17 -o m.o -c \"/s/a b.cpp\"",
 "file": "/s/a b.cpp"},
{"directory": "C:/b", "command": "C:\\VS\\cl.exe /nologo -IC:\\crashpad \"-IC:\\a b\" -MD /FoCMakeFiles\\m.obj -c C:\\s\\m.cpp", "file": "C:/s/m.cpp"},
{"directory": "/b", "arguments": ["clang++", "-c", "x y.cc"], "file": "x y.cc", "output": "x.o"},
{"directory": "/b"}, 7
]"""  # noqa: E501


def test_ninja_statements_give_links_with_their_lines():
    demo, shared = parse_link_lines(NINJA, "build.ninja", "/b")

    assert (demo.target, demo.kind, demo.line) == ("bin/demo", EXECUTABLE, 3)
    assert demo.words == (
        "CMakeFiles/demo.dir/ma in.cpp.o",
        "-O3",
        "-DNDEBUG",
        "-Wl,-z,noexecstack",
        "-Wl,--undefined=CRASHPAD_NOTE_REFERENCE",
        "/x/libclient.a",
        "-lz",
    )
    assert (shared.target, shared.kind) == ("lib:a.so", SHARED)


def test_ninja_statements_give_compilations():
    (line,) = parse_compile_lines(NINJA, "build.ninja", "/b")

    assert (line.source, line.output) == ("/src/ma in.cpp", "CMakeFiles/demo.dir/ma in.cpp.o")
    assert line.words == ('-DURL="http://a"', "-I/crashpad", "-O3", "-std=gnu++17")


def test_a_compilation_database_is_read_for_both_systems():
    posix, windows, listed = parse_compile_commands(COMMANDS, "compile_commands.json")

    assert posix.words[1:4] == ('-DURL="a b"', "-std=c++17", "-o")
    assert posix.output == "m.o"
    assert windows.words[2:5] == (r"-IC:\crashpad", r"-IC:\a b", "-MD")
    assert windows.output == r"CMakeFiles\m.obj"
    assert (listed.words[2], listed.output) == ("x y.cc", "x.o")


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[" * 100_000])
def test_what_is_no_compilation_database_is_said(text):
    with pytest.raises(InputUnusable, match=r"compile_commands\.json"):
        list(parse_compile_commands(text, "compile_commands.json"))


def test_makefiles_give_links_and_flags():
    link = parse_link_text("/usr/bin/c++ -shared -o libsh.so l.o /x/libclient.a\n", "link.txt", "b")

    assert (link.target, link.kind) == ("libsh.so", SHARED)
    assert parse_link_text("/usr/bin/ar qc libst.a l.o\n", "link.txt", "b") is None
    flags = parse_flags("CXX_DEFINES = -DA\nCXX_INCLUDES = -I/c\n\nCXX_FLAGS = -O2\n", "f", "b")
    assert flags.words == ("-DA", "-I/c", "-O2")


def test_the_cache_gives_its_entries_alone():
    text = (
        "# note\n//help: X:STRING=no\nCMAKE_BUILD_TYPE:STRING=Release\r\n"
        "\"ODD=NAME\":PATH=/a=b\nPADDED:STRING='a '\nEMPTY:BOOL=\n"
    )

    assert parse_cache(text) == {
        "CMAKE_BUILD_TYPE": "Release",
        "ODD=NAME": "/a=b",
        "PADDED": "a ",
        "EMPTY": "",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"c++ -I/a\ b '-DX=\"y\"'", ["c++", "-I/a b", r"-DX=\"y\""]),
        (r'/nologo "-IC:\a b" -DX=\"y\"', ["/nologo", r"-IC:\a b", "-DX=\\y\\"]),
        ('c++ "unclosed', ["c++", '"unclosed']),
        ("", []),
    ],
)
def test_command_lines_are_split_for_their_system(line, words):
    assert split_command(line) == words
