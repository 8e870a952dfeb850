"""What a terminal of 60, 80 and 120 columns gets, from the real program; and what a pipe gets."""

import os
import struct
import subprocess
import sys

import pytest

from tests.commands.transcript_inputs import make_inputs

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs terminals of POSIX")


def run_in_terminal(columns, *arguments, **environment):
    """What the program writes to a terminal that is so wide."""
    import fcntl
    import pty
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    program = subprocess.Popen(
        [sys.executable, "-m", "crashtool", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(sys.path)} | environment,
    )
    os.close(follower)
    said = b""
    while True:
        try:
            piece = os.read(leader, 1 << 16)
        except OSError:  # so Linux says that the other side is closed
            break
        if not piece:
            break
        said += piece
    os.close(leader)
    program.communicate()
    return said.decode().replace("\r\n", "\n").splitlines()


@pytest.fixture
def dump(tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)
    make_inputs(tmp_path)
    return "game.dmp"


@POSIX
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_page_fits_the_terminal(dump, columns):
    lines = run_in_terminal(columns, "inspect", "--threads", "--modules", dump)

    assert len(lines) > 20
    assert [line for line in lines if len(line) > columns] == []
    assert any(line.startswith(" *  0  game.exe + 0x41f2a") for line in lines)


@POSIX
def test_columns_beats_the_terminal(dump):
    narrow = run_in_terminal(200, "inspect", "--modules", dump, COLUMNS="60")

    assert max(map(len, narrow)) <= 60
    assert len(narrow) > len(run_in_terminal(60, "inspect", "--modules", dump, COLUMNS="200"))


def test_a_pipe_gets_each_line_whole(crashtool, dump, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")

    lines = crashtool("inspect", dump).stdout.splitlines()

    assert lines[0] == "game.dmp  Windows minidump from Crashpad, 6 KB, 2025-11-24 16:00:00 UTC"
