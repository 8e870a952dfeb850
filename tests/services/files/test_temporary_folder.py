"""What is unpacked is gone when the work ends, whatever ends it."""

import gzip
import os
import signal
import subprocess
import sys
import time

import pytest

from crashtool.services.files.temporary_folder import heed_endings, list_endings, temporary_folder
from tests.synth.bombs import HEADS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows ends programs on the spot")
START = """
import signal  # what the test's own parent ignores, its children would
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from crashtool.cli import main
main()
"""
COMMANDS = {
    "inspect": ["inspect"],
    "send-dump": ["send-dump", "--dry-run"],
    "symbols check": ["symbols", "check"],
}


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_leaves_nothing_unpacked(tmp_path, command, number):
    head = HEADS["symbols" if command == "symbols check" else "dump"]
    packed = tmp_path / "large.gz"
    with gzip.open(packed, "wb", 1) as file:
        file.write(head)
        noise = os.urandom(1 << 20)
        for _ in range(600):  # so much that it is still being unpacked
            file.write(noise[:4096] + bytes(1 << 20))
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    child = subprocess.Popen(
        [sys.executable, "-c", START, *COMMANDS[command], packed],
        env=os.environ | {"TMPDIR": str(temporary), "CRASHTOOL_CACHE": str(tmp_path / "cache")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    # Python itself tries the folder out with a small file, which is not what is waited for.
    while not any(path.is_file() for path in temporary.glob("crashtool-*/**/*")):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(getattr(signal, number))
    _, said = child.communicate(timeout=60)

    expected = 128 + getattr(signal, number)
    assert child.returncode == expected, said
    assert not any(temporary.iterdir())


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        heed_endings()()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_afterwards_signals_do_what_they_did():
    before = {number: signal.getsignal(number) for number in list_endings()}
    with temporary_folder() as folder:
        assert folder.is_dir()
    assert {number: signal.getsignal(number) for number in before} == before
    assert not folder.exists()
