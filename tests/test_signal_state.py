"""Whatever the tests are started from, what they start reacts to signals."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
TELL = (
    "import signal; print(*(signal.getsignal(number).name for number in"
    " (signal.SIGHUP, signal.SIGTERM)), signal.getsignal(signal.SIGINT).__name__,"
    " *signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
)


def test_what_a_test_starts_has_its_signals():
    done = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["SIG_DFL", "SIG_DFL", "default_int_handler"]


def test_so_it_is_in_the_background_of_a_script_and_with_signals_blocked():
    inner = f"{__file__}::{test_what_a_test_starts_has_its_signals.__name__}"
    code = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    line = [sys.executable, "-c", code, "-m", "pytest", "-q", "-p", "no:cacheprovider", inner]
    done = subprocess.run(
        ["sh", "-c", "trap '' INT HUP; exec \"$@\"", "sh", *line],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
    )
    assert done.returncode == 0, done.stdout


def test_an_interrupt_reaches_a_program_that_a_test_starts():
    code = "import signal; signal.raise_signal(signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGINT
