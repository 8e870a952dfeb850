"""triage and its workers are killed at counted points: the same call then gives the same bytes."""

import json
import os
import signal
import time
from functools import partial

import pytest

from tests.commands.dying_workers import KILLER
from tests.commands.ended_triage import (
    ORPHAN,
    OUTPUTS,
    POINTS,
    parametrize_points,
    start_triage,
    write_inputs,
)
from tests.commands.ended_triage import finish as finish_triage
from tests.synth.crashes import crash, name_symbols

DUMPS = 12
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL to send")
points = parametrize_points(3, 11, 17)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, DUMPS)
    return folder


def start(inputs, folder, *, maker="", die_at=0, more=(), **environment):
    """A call of triage in `folder`, with two workers, which ends itself at a counted call."""
    return start_triage(
        "tests.commands.dying_workers",
        inputs,
        folder,
        "--jobs",
        2,
        "--html",
        "groups.html",
        *more,
        before=(maker, die_at),
        **environment,
    )


finish = partial(finish_triage, outputs=(*OUTPUTS, "groups.html"))


@pytest.fixture(scope="module")
def expected(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    return finish(start(inputs, folder), folder)


@pytest.fixture(scope="module")
def calls(inputs, tmp_path_factory):
    """How many Python functions the first process calls, and all of it with one job."""
    counts = []
    for more in ((), ("--jobs", 1)):
        folder = tmp_path_factory.mktemp("counted")
        finish(start(inputs, folder, more=more, COUNT_TO=str(folder / "count")), folder)
        counts.append(int((folder / "count").read_text(encoding="ascii")))
    return counts


@points
def test_a_killed_call_leaves_no_process_and_the_next_gives_the_same(
    inputs, expected, calls, tmp_path, point
):
    process = start(inputs, tmp_path, die_at=calls[0] * point // (POINTS + 1))
    assert process.wait(timeout=120) == -signal.SIGKILL
    process.communicate(timeout=ORPHAN)  # until the last process has closed its streams
    assert finish(start(inputs, tmp_path), tmp_path) == expected
    assert not list(tmp_path.glob(".*.part"))


def test_what_a_killed_call_left_beside_its_rows_is_removed_by_the_next_and_said(
    inputs, expected, tmp_path
):
    process = start(inputs, tmp_path)
    while not list(tmp_path.glob(".*.part")):
        assert process.poll() is None
    process.kill()
    process.communicate(timeout=ORPHAN)
    (left,) = tmp_path.glob(".*.part")
    again = start(inputs, tmp_path)
    stdout, stderr = again.communicate(timeout=120)
    assert (again.returncode, stdout) == (0, expected[0])
    assert f"removed {left.name}, which a call that was killed has left" in stderr.decode()
    assert not left.exists()


@points
def test_a_killed_worker_costs_nothing(inputs, expected, calls, tmp_path, point):
    whole, reading = calls[0], calls[1] - calls[0]
    assert reading > 0
    at = max(1, (reading * point) // (3 * POINTS))  # of two workers one does half of it
    flag = tmp_path / "died"
    process = start(inputs, tmp_path, maker="make_dying", DIE_AT=str(at), DIE_FLAG=str(flag))
    assert finish(process, tmp_path) == expected
    assert flag.exists(), (whole, reading, at)


def test_a_dump_that_kills_whoever_reads_it_is_named_and_costs_itself_alone(inputs, tmp_path):
    folder = tmp_path / "crashes"
    folder.mkdir()
    for path in (inputs / "crashes").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / KILLER).write_bytes(crash(99, "check", "main"))
    (tmp_path / "game.sym").write_bytes(name_symbols())
    process = start(tmp_path, tmp_path, maker="make_killed")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 8, stderr
    answer = json.loads(stdout)
    assert answer["totals"] == {
        "inputs": DUMPS + 1,
        "grouped": DUMPS,
        "nameless": 0,
        "duplicates": 0,
        "left_out": 0,
        "unreadable": 1,
        "no_minidump": 0,
    }
    (bad,) = answer["unreadable"]
    assert os.path.basename(bad["path"]) == KILLER  # noqa: PTH119
    assert bad["reason"] == "the process that reads it is ended by it"


def test_symbols_that_are_not_there_are_no_fault_of_a_minidump(inputs, tmp_path):
    process = start(inputs, tmp_path, more=("--symbols", tmp_path / "nowhere"))
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 3
    assert b"nowhere does not exist" in stdout + stderr
    assert b"Traceback" not in stderr


def test_an_interrupt_keeps_what_was_read(inputs, expected, tmp_path):
    process = start(inputs, tmp_path)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.glob("work/rows-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert finish(start(inputs, tmp_path), tmp_path) == expected
    assert not list(tmp_path.glob(".*.part"))
