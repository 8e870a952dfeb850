"""The CMake module in real projects: build, gate, upload, crash, a readable stack.

The stack is read with the symbols as the receiver has stored them. All programs crash under a real
crashpad_handler; those for Windows under Wine, and their reports are sent from its database. Where
that cannot be had, their test ends with the upload.
"""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from crashtool.commands.dump_pages import DumpPages
from crashtool.formats.crashpad.database import open_database
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.integration.scaffold import read_scaffold
from crashtool.services.receiver.app import start_receiver
from crashtool.services.symbols.session import SymbolPlan, open_session
from tests.services.handler.conftest import find_or_skip
from tests.services.receiver.conftest import wait_until
from tests.synth.database import write_settings
from tests.wine import wine

__all__ = ["wine"]

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("cmake") and shutil.which("ninja")), reason="needs cmake and ninja"
    ),
    pytest.mark.xdist_group("wine"),
    pytest.mark.toolchain,
]
LISTS = """
cmake_minimum_required(VERSION 3.16)
project(game LANGUAGES C CXX VERSION 1.4.2)
include(CrashtoolSymbols.cmake)
add_library(engine SHARED engine.cpp)
add_executable(game main.cpp crash.c)
target_link_libraries(game PRIVATE engine ${SYSTEM_LIBRARIES})
crashtool_debug_information(game engine)
crashtool_upload_symbols(symbols TARGETS game engine TAG "${PROJECT_VERSION}"
  REQUIRE_FOR "$<TARGET_FILE:game>" "$<TARGET_FILE:engine>" RECEIPT receipt.json ALWAYS)
crashtool_upload_symbols(half TARGETS game REQUIRE_FOR "$<TARGET_FILE:game>"
  "$<TARGET_FILE:engine>")
"""
ENGINE = """
#ifdef _WIN32
#define SHARED __declspec(dllexport)
#else
#define SHARED
#endif
struct Renderer { int *pixels; __attribute__((noinline)) int flush(int at); };
int Renderer::flush(int at) { return pixels[at] = at; }
extern "C" SHARED __attribute__((noinline)) int draw(int at)
{ Renderer renderer; renderer.pixels = nullptr; return renderer.flush(at) + 1; }
"""
MAIN = """
extern "C" int draw(int at);
extern "C" void write_at_crash(void);
__attribute__((noinline)) int play(int level) { return draw(level) + 1; }
int main(int count, char **) { write_at_crash(); return play(count); }
"""
CRASH = r"""
#ifndef _WIN32
void write_at_crash(void) {}
#else
#define SYSTEM __declspec(dllimport)
typedef void *Handle;
typedef struct { void *record, *context; } Pointers;
SYSTEM Handle SetUnhandledExceptionFilter(long (*)(Pointers *));
SYSTEM Handle CreateFileA(const char *, unsigned, unsigned, void *, unsigned, unsigned, void *);
SYSTEM int CloseHandle(Handle);
SYSTEM int SetNamedPipeHandleState(Handle, unsigned *, unsigned *, unsigned *);
SYSTEM int TransactNamedPipe(Handle, void *, unsigned, void *, unsigned, unsigned *, void *);
SYSTEM int SetEvent(Handle);
SYSTEM void Sleep(unsigned);
SYSTEM unsigned GetCurrentProcessId(void);
SYSTEM unsigned GetCurrentThreadId(void);
SYSTEM void ExitProcess(unsigned);
#define NONE ((Handle)-1)
#pragma pack(push, 1)
typedef struct { Pointers *pointers; unsigned thread; } ExceptionInformation;
typedef struct {
  unsigned type; int version; unsigned process;
  ExceptionInformation *crash, *no_crash; void *section; char rest[488];
} Registration;
typedef struct { int crash, no_crash, no_crash_done; } Events;
#pragma pack(pop)
static ExceptionInformation at_crash, without_crash;
static Registration registration = { 0, 1, 0, &at_crash, &without_crash, 0, { 0 } };
static Events events;
static long ask_handler(Pointers *pointers)
{
  at_crash.pointers = pointers;
  at_crash.thread = GetCurrentThreadId();
  SetEvent((Handle)(long long)events.crash);
  Sleep(60000);  /* the handler ends this process when it has its dump */
  return 1;
}
void write_at_crash(void)
{
  unsigned read, messages = 2;
  Handle pipe = NONE;
  for (int tries = 0; tries < 600 && pipe == NONE; ++tries, Sleep(100))
    pipe = CreateFileA("\\\\.\\pipe\\game", 0xC0000000u, 0, 0, 3, 0x110000u, 0);
  registration.process = GetCurrentProcessId();
  if (pipe == NONE || !SetNamedPipeHandleState(pipe, &messages, 0, 0)
      || !TransactNamedPipe(pipe, &registration, sizeof registration, &events, sizeof events,
                            &read, 0))
    ExitProcess(66);
  CloseHandle(pipe);
  SetUnhandledExceptionFilter(ask_handler);
}
#ifdef NO_RUNTIME
int main(int, char **);
void mainCRTStartup(void) { ExitProcess(main(1, 0)); }
#endif
#endif
"""
IMPORTS = (
    "SetUnhandledExceptionFilter CreateFileA CloseHandle SetNamedPipeHandleState TransactNamedPipe "
    "SetEvent Sleep GetCurrentProcessId GetCurrentThreadId ExitProcess"
)


class Toolchain(NamedTuple):
    """What a build needs, how CMake is told of it, and what the two modules are called."""

    tools: tuple[str, ...]
    defined: tuple[str, ...]
    modules: tuple[str, str]
    system: str = "linux"


NO_HANDLER = 66  # the status of the program when nobody listens at its pipe

MICROSOFT = "x86_64-pc-windows-msvc"
TOOLCHAINS = {
    "gcc": Toolchain(
        ("gcc", "g++"), ("CMAKE_C_COMPILER=gcc", "CMAKE_CXX_COMPILER=g++"), ("game", "libengine.so")
    ),
    "clang": Toolchain(
        ("clang", "clang++"),
        ("CMAKE_C_COMPILER=clang", "CMAKE_CXX_COMPILER=clang++"),
        ("game", "libengine.so"),
    ),
    "mingw": Toolchain(
        ("x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-g++"),
        (
            "CMAKE_SYSTEM_NAME=Windows",
            "CMAKE_C_COMPILER=x86_64-w64-mingw32-gcc",
            "CMAKE_CXX_COMPILER=x86_64-w64-mingw32-g++",
            "CMAKE_SHARED_LINKER_FLAGS=-static-libgcc",
            "CMAKE_EXE_LINKER_FLAGS=-static-libgcc -static-libstdc++",
        ),
        ("game.exe", "libengine.dll"),
        "windows",
    ),
    "microsoft": Toolchain(  # its ABI and its PDBs, without its runtime
        ("clang", "clang++", "lld-link"),
        (
            "CMAKE_SYSTEM_NAME=Windows",
            "CMAKE_C_COMPILER=clang",
            "CMAKE_CXX_COMPILER=clang++",
            f"CMAKE_C_COMPILER_TARGET={MICROSOFT}",
            f"CMAKE_CXX_COMPILER_TARGET={MICROSOFT}",
            "CMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
            "CMAKE_C_FLAGS=-DNO_RUNTIME",
            "CMAKE_EXE_LINKER_FLAGS=-nostdlib -Wl,/entry:mainCRTStartup,/subsystem:console",
            "CMAKE_SHARED_LINKER_FLAGS=-nostdlib -Wl,/noentry",
            "CMAKE_C_STANDARD_LIBRARIES=",
            "CMAKE_CXX_STANDARD_LIBRARIES=",
            "CMAKE_MSVC_RUNTIME_LIBRARY=",
            "SYSTEM_LIBRARIES={project}/kernel32.lib",
        ),
        ("game.exe", "engine.dll"),
        "windows",
    ),
}


def write_import_library(folder):
    """An import library as the Windows SDK has it: made beside a library that does nothing."""
    source, compiled = folder / "kernel32.c", folder / "kernel32.obj"
    source.write_text(
        "".join(
            f"__declspec(dllexport) void {function}(void) {{}}\n" for function in IMPORTS.split()
        )
    )
    for command in (
        ["clang", f"--target={MICROSOFT}", "-c", source, "-o", compiled],
        [
            "lld-link",
            "/dll",
            "/noentry",
            compiled,
            f"/implib:{folder}/kernel32.lib",
            f"/out:{folder}/kernel32.dll",
        ],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


class Project:
    """A project on disk, to be built by one toolchain."""

    def __init__(self, folder, toolchain):
        self.folder = folder
        self.toolchain = toolchain
        folder.mkdir()
        sources = {
            "CMakeLists.txt": LISTS,
            "engine.cpp": ENGINE,
            "main.cpp": MAIN,
            "crash.c": CRASH,
            "CrashtoolSymbols.cmake": read_scaffold("cmake"),
        }
        for name, text in sources.items():
            (folder / name).write_text(text)
        if "lld-link" in toolchain.tools:
            write_import_library(folder)

    def configure(self, url):
        crashtool = Path(sys.executable).with_name("crashtool")
        defined = (*self.toolchain.defined, f"CRASHTOOL_EXECUTABLE={crashtool}")
        options = [f"-D{text.replace('{project}', str(self.folder))}" for text in defined]
        self.run(url, "-S", ".", "-B", "out", "-G", "Ninja", *options)

    def run(self, url, *arguments, check=True):
        environment = {
            "PATH": "/usr/bin:/bin",
            "CRASHTOOL_SYMBOLS_URL": url,
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            ["cmake", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done


@pytest.fixture(params=TOOLCHAINS)
def project(request, tmp_path):
    toolchain = TOOLCHAINS[request.param]
    absent = [name for name in toolchain.tools if not shutil.which(name)]
    if absent:
        pytest.skip(f"needs {', '.join(absent)}")
    return Project(tmp_path / "the project", toolchain)


def crash(project, receiver, tmp_path, wine):
    """Let the program crash, and its report arrive. Skips where nothing can run it."""
    out, database = project.folder / "out", tmp_path / "db"
    url = receiver.submission_url()
    if project.toolchain.system == "linux":
        handler = find_or_skip().path
        command = [
            "run",
            "--handler",
            handler,
            "--database",
            str(database),
            "--url",
            url,
            "--",
            str(out / "game"),
        ]
        status = (-11, 139)
    else:
        if wine is None:
            pytest.skip("all but the crash was tried: a program for Windows needs wine to run")
        write_settings(database)
        with wine.handler(database, "game"):
            assert wine.run(out, "game.exe") != NO_HANDLER
            wait_until(lambda: [row.state for row in reports_of(database)] == ["pending"], 60)
        command = ["send-dump", "--journal", str(tmp_path / "sent"), "--url", url, str(database)]
        status = (0,)
    done = subprocess.run(
        [sys.executable, "-m", "crashtool", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode in status, done.stderr


def reports_of(database):
    return open_database(database).reports if (database / "metadata").exists() else ()


def line_of(source, part):
    return next(n for n, line in enumerate(source.splitlines(), 1) if part in line)


def test_a_project_goes_from_build_to_a_readable_stack(project, tmp_path, wine):
    with (
        closing(DumpPages()) as pages,
        start_receiver(tmp_path / "inbox", read_dump=pages) as receiver,
    ):
        url = receiver.submission_url("symbols")
        project.configure(url)
        built = project.run(url, "--build", "out")
        assert "2 of 2 modules can be symbolicated" in built.stdout
        for file in (project.folder / "out").rglob("*"):
            if file.is_file() and file.stat().st_size < 1 << 20:
                assert url.encode() not in file.read_bytes(), file
        (upload,) = receiver.inbox.reports()
        assert upload.query["tag"] == "1.4.2"
        wait_until(lambda: receiver.inbox.get(upload.rxid).headline)
        crash(project, receiver, tmp_path, wine)
        wait_until(lambda: len(receiver.inbox.reports()) == 2)
        report = receiver.inbox.reports()[1]
        wait_until(lambda: receiver.inbox.get(report.rxid).headline)
        assert receiver.inbox.get(report.rxid).signature.startswith("Renderer::flush")
        plan = SymbolPlan((str(receiver.inbox.folder / "symbols"),))
        with open_session(plan, str(tmp_path / "cache")) as symbols:
            stack = read_report(
                str(report.minidump), "", InspectOptions(symbols=symbols)
            ).crashed_thread
    named = [(frame.function.partition("(")[0], frame.line) for frame in stack.frames[:4]]
    assert named == [
        ("Renderer::flush", line_of(ENGINE, "pixels[at]")),
        ("draw", line_of(ENGINE, "renderer.flush")),
        ("play", line_of(MAIN, "return draw")),
        ("main", line_of(MAIN, "return play")),
    ]
    assert {frame.trust for frame in stack.frames[1:4]} == {"cfi"}


def test_without_the_symbols_of_one_module_the_build_fails_and_names_it(project, tmp_path):
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url("symbols")
        project.configure(url)
        done = project.run(url, "--build", "out", "--target", "half", check=False)
        said = done.stdout + done.stderr
        assert done.returncode != 0
        assert project.toolchain.modules[1] in said
        assert "cannot be symbolicated" in said
        assert receiver.inbox.count() == 0
