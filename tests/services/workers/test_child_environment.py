import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import crashtool
from crashtool.formats.minidump.file import Minidump
from crashtool.services.workers.child_environment import child_environment
from tests.services.handler.conftest import (  # noqa: F401 (fixtures)
    build,
    sentry_handler,
)
from tests.toolchain import run_tool

SOURCES = sorted(Path(crashtool.__file__).parent.rglob("*.py"))
SPAWNING = {
    "subprocess": {"run", "Popen", "call", "check_call", "check_output", "getoutput",
                   "getstatusoutput"},
    "os": {"system", "popen", "posix_spawn", "posix_spawnp", "startfile",
           *(name for name in dir(os) if name.startswith(("exec", "spawn")))},
    "pty": {"spawn"},
    "webbrowser": {"open", "open_new", "open_new_tab"},
    "multiprocessing": {"Process", "Pool", "get_context"},
    "concurrent.futures": {"ProcessPoolExecutor"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}  # fmt: skip
TAKING_ENVIRONMENTS = {"run", "Popen", "execve", "execvpe"}
SECRETS = {
    "CRASHTOOL_TOKEN": "5ec2e7" * 10 + "abcd",
    "CRASHTOOL_SYMBOLS_TOKEN": "7ab1e5" * 10 + "ef01",
    "CRASHTOOL_UNIVERSE": "a-secret-universe",
    "CRASHTOOL_TAG": "a-secret-tag",
}


def spawns(source):
    """(module.function, its call) of everything in a source that starts another program."""
    modules = {module: module for module in SPAWNING}
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            modules |= {one.asname: one.name for one in node.names if one.asname}
    for node in ast.walk(source):
        if isinstance(node, ast.ImportFrom) and node.module in SPAWNING:
            taken = {one.name for one in node.names} & SPAWNING[node.module]
            assert not taken, f"line {node.lineno}: import {node.module} and call its functions"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        if node.func.attr in SPAWNING.get(modules.get(name, ""), ()):
            yield f"{modules[name]}.{node.func.attr}", node


def takes_our_environment(call):
    given = [word.value for word in call.keywords if word.arg == "env"] or call.args[2:3]
    return (
        call.func.attr in TAKING_ENVIRONMENTS
        and len(given) == 1
        and isinstance(given[0], ast.Call)
        and isinstance(given[0].func, ast.Name)
        and given[0].func.id == child_environment.__name__
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_source_starts_programs_with_the_environment_of_children_alone(path):
    for name, call in spawns(ast.parse(path.read_text(encoding="utf-8"))):
        assert takes_our_environment(call), f"{path}:{call.lineno}: {name} without it"


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\nsubprocess.run(['x'])",
        "import subprocess as s\ns.Popen(['x'], env=os.environ)",
        "import os\nos.execv('x', ['x'])",
        "import os\nos.system('x')",
        "import os\nos.execve('x', ['x'], os.environ)",
    ],
)
def test_the_walk_sees_a_spawn_with_another_environment(text):
    found = list(spawns(ast.parse(text)))

    assert len(found) == 1
    assert not takes_our_environment(found[0][1])


def test_the_walk_sees_all_that_is_known_to_spawn():
    found = {
        path.stem for path in SOURCES if list(spawns(ast.parse(path.read_text(encoding="utf-8"))))
    }

    assert found >= {
        "launch",
        "socket_client",
        "find",
        "subprocess_run",
        "annotation_sources",
    }


def test_settings_stay_and_all_else_goes_to_children(monkeypatch):
    monkeypatch.setenv("CRASHTOOL_ANYTHING", "secret")
    monkeypatch.setenv("NOT_CRASHTOOL_ANYTHING", "public")

    made = child_environment(MORE="1")

    assert made["NOT_CRASHTOOL_ANYTHING"] == "public"
    assert made["MORE"] == "1"
    assert not [name for name in made if name.startswith("CRASHTOOL_")]


@pytest.mark.parametrize("mode", ["trace", "socket"])
def test_the_dump_of_a_program_holds_no_token(mode, tmp_path, build, sentry_handler):  # noqa: F811
    crash = build("crash.c")
    database = tmp_path / "database"
    line = [sys.executable, "-m", "crashtool", "run", "--mode", mode, "--database", database]
    environment = os.environ | SECRETS | {"KEPT": "an-ordinary-value"}

    done = subprocess.run(
        [*line, crash, "null"], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == -signal.SIGSEGV, done.stderr
    (path,) = database.glob("*/*.dmp")
    with Minidump.open(path) as dump:
        assert dump.exception is not None
    content = path.read_bytes()
    assert b"an-ordinary-value" in content  # the environment is in the dump
    for name, value in SECRETS.items():
        assert name.encode() not in content
        assert value.encode() not in content


def test_a_handler_gets_no_token_however_it_is_started(tmp_path, build):  # noqa: F811
    crash = build("crash.c")
    handler = tmp_path / "crashpad_handler"
    source = tmp_path / "handler.c"
    source.write_text(TELLING_HANDLER.replace("LOG", str(tmp_path / "log")), encoding="utf-8")
    run_tool("gcc", "-o", handler, source)
    line = [sys.executable, "-m", "crashtool", "run", "--handler", handler]

    done = subprocess.run(
        [*line, "--database", tmp_path / "database", crash, "null"],
        env=os.environ | SECRETS | {"KEPT": "an-ordinary-value"},
        capture_output=True,
        text=True,
        check=False,
    )

    log = (tmp_path / "log").read_text(encoding="utf-8")
    for how in ("--help", "--version", "--trace-parent-with-exception="):
        assert f"started with {how}" in log, done.stderr
    assert "KEPT=an-ordinary-value" in log
    assert "CRASHTOOL_" not in log


TELLING_HANDLER = r"""
#include <stdio.h>
extern char **environ;
int main(int count, char **words) {
  FILE *log = fopen("LOG", "a");
  fprintf(log, "started with %s\n", words[count - 1]);
  for (char **one = environ; *one; one++) fprintf(log, "%s\n", *one);
  fclose(log);
  puts("--initial-client-fd");
  return 0;
}
"""
