"""The C++ that scaffold writes: compiled for every client, run on Linux with one that records."""

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import pytest

from crashtool.formats.attribute_rules import StartPlan
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.crashpad.client.find_release import find_release
from crashtool.formats.crashpad.client.releases import RELEASES
from crashtool.model.integration import Integration
from crashtool.render.integration.source import (
    HEADER_NAME,
    SOURCE_NAME,
    header_text,
    source_text,
)
from tests.services.integration.stub_clients import CLIENTS, write_stub_client
from tests.toolchain import need

pytestmark = pytest.mark.toolchain
URL = "https://submit.backtrace.io/acme/" + "0" * 64 + "/minidump"
STRICT = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Werror",
    "-fno-exceptions",
    "-fno-rtti",
)
STANDARDS = (14, 17, 20)
EVERY = [(row.fork, row.since) for rows in RELEASES.values() for row in rows]
MAIN = """
#include "crash_reporting.h"
#include <cstdio>
int main(int count, char** texts) {
  crash_reporting::Options options;
  options.annotations["level"] = "castle";
  options.annotations["prod"] = "Mine";
  options.uploads_enabled = count > 1;
@ATTACH@
  if (!crash_reporting::Start(options)) {
    std::printf("error %s\\n", crash_reporting::error().c_str());
    return 1;
  }
  return crash_reporting::Start() ? 0 : 2;
}
"""


def write_sources(folder, fork, since, attachments=("game.log", "/var/log/x.log", "C:/g/a.log")):
    """The generated files for a client in a folder; what the compiler is told of the client."""
    plan = StartPlan(
        (Attribute("prod", "Käse-Spiel"), Attribute("channel", 'a "b" = \\ ??/')),
        tuple(Attachment(None, path) for path in attachments),
        fork,
    )
    integration = Integration(find_release(fork, since), "Käse/Spiel", plan, {}, URL)
    Path(folder, HEADER_NAME).write_text(header_text(integration))
    Path(folder, SOURCE_NAME).write_text(source_text(integration))
    included = write_stub_client(folder, fork, since)
    return [word for path in included for word in ("-isystem", path)]


def assert_compiles(compiler, folder, standard, included, *more):
    command = [
        *compiler,
        f"-std=c++{standard}",
        *STRICT,
        *included,
        *more,
        "-c",
        SOURCE_NAME,
        "-o",
        "crash_reporting.o",
    ]
    environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\n{Path(folder, SOURCE_NAME).read_text()}"


def fitting(fork, since):
    """The C++ standards that a client can be used with."""
    return [standard for standard in STANDARDS if standard >= CLIENTS[fork, since].least_cxx]


def is_new(fork, since):
    """Whether the code for a client, or what it is compiled with, is not that for an older one."""
    rows = [row for row in EVERY if row[0] == fork]
    earlier = rows[: rows.index((fork, since))]
    return not earlier or code_for(fork, since) != code_for(*earlier[-1])


def code_for(fork, since):
    release = find_release(fork, since)
    text = source_text(Integration(release, "demo", StartPlan((), (), fork), {}))
    return text.replace(release.title, ""), CLIENTS[fork, since].start


def one_of_each():
    """Each client that needs code of its own, with one compiler and standard; all are used."""
    ways = cycle([(compiler, n) for n in range(3) for compiler in ("g++", "clang++")])
    for fork, since in EVERY:
        if is_new(fork, since):
            compiler, n = next(ways)
            standards = fitting(fork, since)
            yield fork, since, compiler, standards[n % len(standards)]


def the_whole_matrix():
    chosen = set(one_of_each())
    for fork, since in EVERY:
        for compiler in ("g++", "clang++"):
            for standard in fitting(fork, since):
                if (fork, since, compiler, standard) not in chosen:
                    yield fork, since, compiler, standard


def cross_compilers():
    """Each client for Windows and macOS; few of them often."""
    often = {("sentry", "2026-02-01"), ("upstream", "2020-06-24")}
    for fork, since in EVERY:
        for target in ("x86_64-windows-gnu", "aarch64-macos"):
            marks = [] if (fork, since) in often else [pytest.mark.slow]
            yield pytest.param(fork, since, target, marks=marks, id=f"{fork}-{since}-{target}")


def test_every_client_of_the_table_has_its_headers_here():
    assert set(CLIENTS) == set(EVERY)
    chosen = list(one_of_each())
    assert {fork for fork, *_ in chosen} == set(RELEASES)
    assert {compiler for *_, compiler, _ in chosen} == {"g++", "clang++"}
    assert {standard for *_, standard in chosen} == set(STANDARDS)


@pytest.mark.parametrize(("fork", "since", "compiler", "standard"), list(one_of_each()))
def test_the_code_compiles_for_every_client_on_linux(tmp_path, fork, since, compiler, standard):
    need(compiler)
    included = write_sources(tmp_path, fork, since)
    assert_compiles([compiler], tmp_path, standard, included)


@pytest.mark.slow
@pytest.mark.parametrize(("fork", "since", "compiler", "standard"), list(the_whole_matrix()))
def test_the_code_compiles_with_every_compiler(tmp_path, fork, since, compiler, standard):
    need(compiler)
    included = write_sources(tmp_path, fork, since)
    assert_compiles([compiler], tmp_path, standard, included, "-O2", "-DNDEBUG")


def test_the_code_compiles_for_windows_with_mingw(tmp_path):
    need("x86_64-w64-mingw32-g++")
    included = write_sources(tmp_path, "backtrace-2018", "2020-06-24")
    assert_compiles(["x86_64-w64-mingw32-g++"], tmp_path, 17, included)


@pytest.mark.parametrize(("fork", "since", "target"), list(cross_compilers()))
def test_the_code_compiles_for_windows_and_macos(tmp_path, fork, since, target):
    if find_spec("ziglang") is None:
        pytest.skip("needs ziglang (the extra cross)")
    included = write_sources(tmp_path, fork, since)
    for standard in fitting(fork, since):
        compiler = [sys.executable, "-m", "ziglang", "c++", "-target", target]
        assert_compiles(compiler, tmp_path, standard, included)


class Program:
    """A program that starts the handler, linked with a client that only says what it was given."""

    def __init__(self, folder, fork, since, attachments=("game.log", "/var/log/x.log"), flags=()):
        need("g++")
        self.folder = folder
        included = write_sources(folder, fork, since, attachments)
        attach = (
            ""
            if "attachments;" not in Path(folder, HEADER_NAME).read_text()
            else ('  options.attachments.push_back("/tmp/added.txt");')
        )
        (folder / "main.cpp").write_text(MAIN.replace("@ATTACH@", attach))
        self.command = [
            "g++",
            "-std=c++17",
            "-w",
            *included,
            *flags,
            "main.cpp",
            SOURCE_NAME,
            "-o",
            "game",
        ]
        subprocess.run(self.command, cwd=folder, check=True)
        self.handler = folder / "crashpad_handler"
        self.write_handler()

    def write_handler(self):
        self.handler.write_text("any program")
        self.handler.chmod(0o755)

    def run(self, *arguments, **variables):
        """What it prints, by kind, and what it says on stderr."""
        environment = {"XDG_STATE_HOME": str(self.folder / "state")} | variables
        environment = {name: text for name, text in environment.items() if text is not None}
        done = subprocess.run(
            [str(self.folder / "game"), *arguments],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        said = {}
        for line in done.stdout.splitlines():
            kind, _, text = line.partition(" ")
            said.setdefault(kind, []).append(text)
        return done.returncode, said, done.stderr


@pytest.mark.parametrize(
    ("fork", "since"),
    [
        ("upstream", "2019-05-02"),
        ("upstream", "2025-12-01"),
        ("backtrace-2018", "2020-06-24"),
        ("sentry", "2025-10-01"),
    ],
)
def test_the_handler_gets_what_annotate_prints(tmp_path, fork, since):
    program = Program(tmp_path, fork, since)

    status, said, _ = program.run("yes")

    assert status == 0
    release = find_release(fork, since)
    files = [str(tmp_path / "game.log"), "/var/log/x.log", "/tmp/added.txt"]  # noqa: S108 (a name)
    plan = StartPlan(
        (
            Attribute("prod", "Mine"),
            Attribute("channel", 'a "b" = \\ ??/'),
            Attribute("level", "castle"),
        ),
        tuple(Attachment(None, path) for path in files if release.takes_attachments),
        fork,
    )
    wanted = [text for text in plan.arguments if text.startswith("--annotation=")]
    assert [f"--annotation={text}" for text in said["annotation"]] == wanted
    attached = [text for text in plan.arguments if text.startswith("--attachment=")]
    given = [text for text in said["argument"] if text != "--no-rate-limit"]
    given += [f"--attachment={path}" for path in said.get("attachment", [])]
    assert given == attached
    assert said["url"] == [URL]
    assert said["handler"] == [str(program.handler)]
    assert said["database"] == [str(tmp_path / "state/Käse_Spiel/crashes")]
    assert said["uploads"] == ["1"]
    assert said["memory"] == ["1 1048576"]
    assert "odd" not in said
    assert len(said["handler"]) == 1  # a second Start() does nothing


def test_consent_release_and_macros_reach_the_handler(tmp_path):
    flags = [
        "-DNDEBUG",
        '-DCRASH_REPORTING_URL="https://example.com/"',
        '-DCRASH_REPORTING_TOKEN="abc"',
        '-DCRASH_REPORTING_VERSION="2.0"',
        "-DCRASH_REPORTING_MEMORY_LIMIT=0",
    ]
    program = Program(tmp_path, "backtrace", "2023-03-31", flags=flags)

    status, said, _ = program.run()

    assert status == 0
    assert said["uploads"] == ["0"]
    assert said["url"] == ["https://example.com/"]
    assert {"token=abc", "format=minidump", "ver=2.0"} < set(said["annotation"])
    assert "argument" not in said  # nothing lifts the rate limit of a release
    assert "memory" not in said


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return Program(tmp_path_factory.mktemp("program"), "backtrace", "2023-03-31")


def test_what_keeps_reports_from_coming_is_said_with_the_whole_path(program, tmp_path):
    (tmp_path / "file").write_text("")
    cases = [
        ({"XDG_STATE_HOME": None}, "there is no folder for the database: no HOME"),
        ({"XDG_STATE_HOME": str(tmp_path / "file")}, "cannot make the folder"),
        ({"STUB_FAILS": "1"}, "did not start"),
        ({"STUB_DIES": "1"}, "ended at its start, or is not of the Crashpad"),
    ]
    for variables, wanted in cases:
        status, said, told = program.run(**variables)
        assert status == 1, variables
        assert wanted in said["error"][0]
        assert told.strip() == f"crash reporting is off: {said['error'][0]}"


def test_a_handler_that_cannot_be_run_is_said(program):
    handler = program.handler
    handler.chmod(0o644)
    try:
        assert f"cannot run the handler {handler}: Permission denied" in program.run()[2]
        handler.unlink()
        assert f"cannot run the handler {handler}: No such file" in program.run()[2]
        handler.mkdir()
        assert f"cannot run the handler {handler}: Is a directory" in program.run()[2]
    finally:
        handler.rmdir()
        program.write_handler()


def test_a_program_without_a_url_says_so(tmp_path):
    program = Program(tmp_path, "backtrace", "2023-03-31", flags=['-DCRASH_REPORTING_URL=""'])
    status, said, _ = program.run()
    assert status == 1
    assert "define CRASH_REPORTING_URL" in said["error"][0]
    assert "database" not in said


def test_the_database_is_below_home_where_nothing_else_is_said(program, tmp_path):
    _, said, _ = program.run(XDG_STATE_HOME=None, HOME=str(tmp_path))
    assert said["database"] == [str(tmp_path / ".local/state/Käse_Spiel/crashes")]
    assert (tmp_path / ".local").stat().st_mode & 0o777 == 0o700


def test_a_very_long_url_is_one_macro(tmp_path):
    """Compilers take no literal beyond 16 KiB or so: it is in pieces, and the macro goes on."""
    need("g++")
    url = URL + "?" + "&".join(f"key{number}={'v' * 60}" for number in range(300))
    integration = Integration(
        find_release("backtrace", "2023-03-31"), "Game", StartPlan((), (), "backtrace"), {}, url
    )
    (tmp_path / HEADER_NAME).write_text(header_text(integration))
    (tmp_path / SOURCE_NAME).write_text(source_text(integration))
    included = [
        word
        for path in write_stub_client(tmp_path, "backtrace", "2023-03-31")
        for word in ("-isystem", path)
    ]
    assert_compiles(["g++"], tmp_path, 17, included)
