"""Files and folders of other users, and what is no file at all: said as what it is, at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.services.files.denied import _is_open_to_others, call_as, explain
from tests.synth.database import write_settings
from tests.synth.minidump import full_dump

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and pipes")
NOBODY = 65534
UUID = "01234567-89ab-4def-8000-000000000001"
DEADLINE = 30.0  # seconds: what hangs, hangs for ever
LIKE_A_USER = (
    "setpriv",
    "--bounding-set",
    "-dac_override,-dac_read_search",
    "--inh-caps",
    "-dac_override,-dac_read_search",
)


@pytest.fixture
def call(tmp_path):
    """crashtool as a user to whom permissions apply: root without its two exemptions from them."""
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root is denied nothing, and setpriv is not there")
        prefix = list(LIKE_A_USER)
    root = Path(__file__).resolve().parents[3]

    def run(*arguments):
        return subprocess.run(
            [*prefix, sys.executable, "-m", "crashtool", *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            check=False,
            timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(root)},
        )

    return run


@pytest.fixture
def database(tmp_path):
    root = tmp_path / "database"
    for name in ("new", "pending", "completed"):
        (root / name).mkdir(parents=True)
    write_settings(root)
    (root / f"pending/{UUID}.dmp").write_bytes(full_dump().pack())
    return root


def lock(path, mode=0):
    """Make it somebody else's, or unreadable where only root could do that."""
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "arguments",
    [
        ("database", "list"),
        ("database", "show"),
        ("send-dump", "-n"),
        ("inspect",),
        ("symbols", "check"),
        ("inspect", "--symbols"),
    ],
    ids=" ".join,
)
def test_a_folder_that_may_not_be_read_says_whose_it_is(call, database, arguments):
    dump = database.parent / "own.dmp"
    dump.write_bytes(full_dump().pack())
    lock(database, 0o700 if os.geteuid() == 0 else 0)
    more = {"show": [UUID], "--symbols": [dump]}.get(arguments[-1], [])

    result = call(*arguments, "database", *more)
    database.chmod(0o700)

    assert result.returncode == 3, result.stderr
    assert "ermission denied" in result.stderr
    assert "Traceback" not in result.stderr
    assert "no minidump in" not in result.stderr
    if os.geteuid() == 0 and arguments[0] != "symbols":
        assert "belongs to nobody" in result.stderr
        assert f"-m crashtool {arguments[0]}" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("part", ["settings.dat", "pending", f"pending/{UUID}.meta"])
def test_a_part_of_a_database_that_may_not_be_read_is_no_damage(call, database, part):
    (database / f"pending/{UUID}.meta").write_bytes(bytes(32))
    lock(database / part)

    result = call("database", "list", "database")
    (database / part).chmod(0o700)

    assert result.returncode == 3, result.stdout
    assert "cannot read database: permission denied" in result.stderr
    assert "damaged" not in result.stdout + result.stderr


def test_unreadable_metadata_is_not_locked(call, tmp_path):
    (tmp_path / "database/reports").mkdir(parents=True)
    (tmp_path / "database/metadata").write_bytes(b"")
    lock(tmp_path / "database/metadata")

    result = call("database", "list", "database")

    assert result.returncode == 3
    assert "permission denied" in result.stderr
    assert "locked" not in result.stderr


def test_metadata_that_is_a_folder_is_said(call, tmp_path):
    (tmp_path / "database/metadata").mkdir(parents=True)
    (tmp_path / "database/reports").mkdir()

    result = call("database", "list", "database")

    assert "metadata is a folder, not a file" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("part", ["settings.dat", f"pending/{UUID}.meta", f"pending/{UUID}.lock"])
def test_a_pipe_in_a_database_holds_nobody_up(call, database, part):
    (database / part).unlink(missing_ok=True)
    os.mkfifo(database / part)

    result = call("database", "list", "database")

    assert result.returncode == 0, result.stderr
    if not part.endswith(".lock"):
        assert "is a named pipe, not a file" in result.stdout + result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "pipe.dmp"),
        ("symbols", "check", "pipe.dmp"),
        ("upload-symbols", "-n", "pipe.dmp"),
        ("send-dump", "-n", "--attachment", "pipe.dmp", "own.dmp"),
        ("inspect", "--symbols", "pipe.dmp", "own.dmp"),
        ("symbols", "find", "pipe.dmp", "--symbols", "."),
    ],
    ids=" ".join,
)
def test_a_pipe_without_a_writer_holds_nobody_up(call, tmp_path, arguments):
    (tmp_path / "own.dmp").write_bytes(full_dump().pack())
    os.mkfifo(tmp_path / "pipe.dmp")

    result = call(*arguments)

    assert "Traceback" not in result.stderr
    assert result.returncode == (0 if arguments[1] == "--symbols" else 3), result.stderr


def test_what_is_left_of_a_folder_is_shown_and_the_rest_named(call, tmp_path):
    (tmp_path / "dumps/closed").mkdir(parents=True)
    (tmp_path / "dumps/own.dmp").write_bytes(full_dump().pack())
    lock(tmp_path / "dumps/closed")

    result = call("inspect", "dumps")
    (tmp_path / "dumps/closed").chmod(0o700)

    assert result.returncode == 8, result.stderr
    assert "own.dmp" in result.stdout
    assert "cannot read dumps: permission denied (closed)" in result.stderr


def test_want_of_room_is_the_machines_and_not_the_inputs(tmp_path):
    error = explain(OSError(28, "No space left on device", str(tmp_path)))

    assert error.exit_status == 9


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """installed("database", "list") makes that the present call."""
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/sudo")
    program = tmp_path / "bin/crashtool"
    program.parent.mkdir()
    program.touch(0o755)

    def call(*arguments, is_open=True):
        reachable = "crashtool.services.files.denied._is_open_to_others"
        monkeypatch.setattr(reachable, lambda _path: is_open)
        monkeypatch.setattr("sys.argv", [str(program), *arguments])
        return program

    return call


def test_a_secret_is_not_repeated_in_advice(installed):
    program = installed("send-dump", "--token", "secret", "database")
    assert call_as("anna") == f"sudo -u anna {program} …"

    installed("database", "list", "a b")
    assert call_as("anna") == f"sudo -u anna {program} database list 'a b'"


def test_what_others_cannot_reach_is_called_by_root_if_it_only_reads(installed):
    program = installed("database", "list", "a", is_open=False)
    assert call_as("anna") == f"sudo {program} database list a"

    installed("send-dump", "a", is_open=False)
    assert call_as("anna").startswith("call it as anna, with a crashtool that anna may run")


def test_where_there_is_no_sudo_the_user_is_named(installed, monkeypatch):
    program = installed("inspect", "a")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert call_as("anna") == f"call it as anna: {program} inspect a"


def test_a_closed_folder_above_a_program_closes_it(tmp_path):
    program = tmp_path / "home/bin/crashtool"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    for folder in (*program.parents,):
        if folder != tmp_path and tmp_path in folder.parents:
            folder.chmod(0o755)
    (tmp_path / "home").chmod(0o700)
    assert not _is_open_to_others(str(program))
    assert _is_open_to_others("/usr/bin/env") is True
