"""What other systems lack: nothing of it is needed to import crashtool, or to be told so."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import crashtool

ROOT = Path(crashtool.__file__).parent
WINDOWS_SIGNALS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM")
POSIX_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty")

# What of Python's library needs these names has to be there before they go.
AS_ON_WINDOWS = """
import asyncio, ctypes, importlib, multiprocessing, os, signal, socket, subprocess, sys, tempfile
import click.testing, requests, rich.console, rich.progress, starlette.applications, uvicorn
import concurrent.futures.thread, concurrent.futures.process, getpass, pathlib, platform, shutil
for name in {posix_modules}:
    sys.modules[name] = None
for name in {names}:
    for module in (os, signal, socket):
        if hasattr(module, name):
            delattr(module, name)
sys.platform = {platform!r}
platform.system = lambda: "Windows" if sys.platform == "win32" else "Darwin"
"""
POSIX_NAMES = [
    *(name for name in dir(signal) if name.startswith("SIG") and name not in WINDOWS_SIGNALS),
    *("pthread_sigmask", "sigwaitinfo", "sigtimedwait", "sigpending", "AF_UNIX", "SO_PASSCRED"),
    *("fork", "setsid", "pread", "pwrite", "memfd_create", "WNOHANG", "WIFSTOPPED", "getxattr"),
    *("geteuid", "getuid", "getgid", "uname", "sysconf", "O_NONBLOCK", "O_CLOEXEC", "mkfifo"),
]


def run_elsewhere(platform, script, *arguments):
    head = AS_ON_WINDOWS.format(
        posix_modules=POSIX_MODULES if platform == "win32" else (),
        names=POSIX_NAMES if platform == "win32" else ["memfd_create", "sigtimedwait"],
        platform=platform,
    )
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"},
    )


@pytest.mark.parametrize("platform", ["win32", "darwin"])
@pytest.mark.parametrize("command", [["run", "--", "true"], ["run"], ["smoke"]])
def test_what_needs_linux_says_so_without_a_traceback(command, platform):
    done = run_elsewhere(
        platform,
        """
        from crashtool.commands.root_command import root
        root(sys.argv[1:], prog_name="crashtool", windows_expand_args=False)
        """,
        *command,
    )

    assert done.returncode == 2, done.stderr
    assert "on Linux x86-64 only" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_no_module_needs_at_import_what_another_system_lacks(platform):
    paths = [path.relative_to(ROOT.parent).with_suffix("") for path in sorted(ROOT.rglob("*.py"))]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]

    done = run_elsewhere(
        platform,
        """
        from crashtool.services.handler.process.supported import NEEDS_LINUX
        for name in sys.argv[1:]:
            if name.endswith("__main__"):
                continue
            try:
                importlib.import_module(name)
            except ImportError as error:
                if str(error) != NEEDS_LINUX or "services.handler" not in name:
                    print(name, repr(error))
            except Exception as error:
                print(name, repr(error))
        """,
        *names,
    )

    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
