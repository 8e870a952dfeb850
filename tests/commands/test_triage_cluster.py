"""triage on a Dask cluster gives what it gives without one, whatever part of the cluster ends."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from zipfile import ZipFile

import pytest

from crashtool.errors import NETWORK
from tests.commands.ended_triage import (
    ORPHAN,
    child_environment_with,
    parametrize_points,
    start_triage,
    write_inputs,
)
from tests.commands.ended_triage import finish as finish_triage
from tests.services.symbol_upload.test_s3 import endpoint, files  # noqa: F401 (fixtures)
from tests.synth.crashes import crash, name_symbols

DUMPS = 40
SECONDS = 60  # to start, with half of a CPU
pytestmark = [
    pytest.mark.skipif(not find_spec("distributed"), reason="needs Dask: crashtool[cluster]"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL to send"),
]
points = parametrize_points(4, 15)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Minidumps in a folder and in an archive, one that cannot be read, and symbols."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, DUMPS)
    (folder / "crashes" / "07-bad.dmp").write_bytes(b"MDMP" + bytes(8))
    with ZipFile(folder / "crashes" / "more.zip", "w") as archive:
        for number in range(101, 104):
            archive.writestr(f"{number}.dmp", crash(number, "check", "main"))
    return folder


def start(inputs, folder, *more, module="tests.commands.dying_cluster", **environment):
    """A call of triage in `folder`, which can end a process of its cluster."""
    return start_triage(module, inputs, folder, *more, **environment)


finish = partial(finish_triage, status=8)  # one minidump is unreadable


@pytest.fixture(scope="module")
def expected(inputs, tmp_path_factory):
    """What a call without a cluster gives."""
    folder = tmp_path_factory.mktemp("expected")
    return finish(start(inputs, folder, "--jobs", 2, module="crashtool"), folder)


class RunningCluster:
    """A scheduler and two workers, each a process of its own, on loopback."""

    def __init__(self, folder):
        self._folder = folder
        self._note = folder / "scheduler.json"
        self._errors = (folder / "errors").open("wb")
        self.scheduler = self._start(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--scheduler-file",
            self._note,
            "--dashboard-address",
            "127.0.0.1:0",
        )
        self.address = self._await_address()
        self.workers = [self._start_worker() for _ in range(2)]

    def _start_worker(self):
        return self._start(
            "worker",
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--local-directory",
            self._folder,
            "--death-timeout",
            "60",
        )

    def _start(self, kind, *arguments, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments)],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=child_environment_with(**environment),
        )

    def _await_address(self):
        end = time.monotonic() + SECONDS
        while True:
            assert self.scheduler.poll() is None, "it ended at once"
            try:
                return json.loads(self._note.read_text(encoding="utf-8"))["address"]
            except (FileNotFoundError, ValueError):
                assert time.monotonic() < end, "it does not listen"
                time.sleep(0.05)

    def replace_dead(self):
        """Start a worker for each that has ended."""
        for index, process in enumerate(self.workers):
            if process.poll() is not None:
                self.workers[index] = self._start_worker()

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._errors.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = RunningCluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.close()


@pytest.fixture
def own_cluster(tmp_path):
    """One that the test may end."""
    (tmp_path / "cluster").mkdir()
    running = RunningCluster(tmp_path / "cluster")
    yield running
    running.close()


def test_a_cluster_of_this_machine_gives_the_same_and_leaves_nothing(inputs, expected, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = start(inputs, tmp_path, "--cluster", "local", "--jobs", 2, TMPDIR=str(scratch))
    assert finish(process, tmp_path) == expected
    assert not list(scratch.iterdir())


def test_a_scheduler_and_two_workers_give_the_same(inputs, expected, cluster, tmp_path):
    process = start(inputs, tmp_path, "--cluster", cluster.address)
    assert finish(process, tmp_path) == expected


def test_paths_are_those_that_were_typed_and_a_kept_row_is_not_read_again(
    inputs, cluster, crashtool, tmp_path
):
    (tmp_path / "crashes").mkdir()
    for name in ("01.dmp", "02.dmp"):
        (tmp_path / "crashes" / name).write_bytes((inputs / "crashes" / name).read_bytes())
    (tmp_path / "game.sym").write_bytes(name_symbols())
    arguments = (
        "triage",
        "crashes",
        "--symbols",
        "game=game.sym",
        "--no-local-symbols",
        "--json",
        "--work",
        "work",
    )
    here = crashtool(*arguments, "--rows", "here", "--jobs", 1)
    for path in (tmp_path / "work").iterdir():
        path.unlink()
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "crashtool",
            *arguments,
            "--rows",
            "there",
            "--cluster",
            cluster.address,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env=child_environment_with(),
    )
    assert process.stdout == here.stdout
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert b'"path": "crashes/01.dmp"' in (tmp_path / "there").read_bytes()
    for path in (tmp_path / "crashes").iterdir():  # kept rows need no minidump any more
        times = path.stat()
        path.write_bytes(b"MDMP".ljust(times.st_size, b"\0"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert crashtool(*arguments, "--jobs", 1).stdout == here.stdout


@points
def test_a_worker_that_is_killed_costs_nothing(inputs, expected, cluster, tmp_path, point):
    cluster.replace_dead()
    flag = tmp_path / "died"
    environment = {"WORKER_AT": str(point), "WORKER_FLAG": str(flag)}
    process = start(inputs, tmp_path, "--cluster", cluster.address, **environment)
    assert finish(process, tmp_path) == expected
    assert flag.exists()


@points
def test_a_killed_call_leaves_no_process_and_the_next_gives_the_same(
    inputs, expected, cluster, tmp_path, point
):
    cluster.replace_dead()
    address = "local" if point % 2 else cluster.address
    more = ("--cluster", address, *(("--jobs", 2) if point % 2 else ()))
    process = start(inputs, tmp_path, *more, KILL_AT=str(2 * point), KILL_PROCESS="0")
    assert process.wait(timeout=300) == -signal.SIGKILL
    process.communicate(timeout=ORPHAN)  # until the last process has closed its streams
    assert finish(start(inputs, tmp_path, *more), tmp_path) == expected


@points
def test_a_killed_scheduler_ends_the_call_and_the_next_gives_the_same(
    inputs, expected, cluster, own_cluster, tmp_path, point
):
    process = start(
        inputs,
        tmp_path,
        "--cluster",
        own_cluster.address,
        KILL_AT=str(2 * point),
        KILL_PROCESS=str(own_cluster.scheduler.pid),
    )
    stdout, stderr = process.communicate(timeout=300)
    if process.returncode != 8:  # it had all that it needed by then
        assert process.returncode == NETWORK, stderr
        assert b"stopped answering" in stderr
        assert b"Traceback" not in stdout + stderr
    cluster.replace_dead()
    assert finish(start(inputs, tmp_path, "--cluster", cluster.address), tmp_path) == expected


def test_workers_read_an_object_store_by_themselves(files, crashtool, tmp_path):  # noqa: F811
    files.mkdir("crashes")
    for number in range(8):
        files.pipe(f"crashes/day/{number}.dmp", crash(number + 1, "draw", "load", "main"))
    files.pipe("crashes/day/notes.txt", b"nothing")
    (tmp_path / "game.sym").write_bytes(name_symbols())
    arguments = (
        "triage",
        "s3://crashes/day",
        "--symbols",
        "game.sym",
        "--no-local-symbols",
        "--json",
        "--jobs",
        "2",
        "--rows",
    )
    here = crashtool(*arguments, "here")
    assert json.loads(here.stdout)["totals"]["inputs"] == 8
    there = subprocess.run(
        [sys.executable, "-m", "crashtool", *arguments, "there", "--cluster", "local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=child_environment_with(),
    )
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout == here.stdout
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


def test_where_no_scheduler_is_it_is_said(inputs, tmp_path, own_cluster):
    own_cluster.close()
    process = start(inputs, tmp_path, "--cluster", own_cluster.address)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == NETWORK
    assert f"no scheduler of a Dask cluster answers at {own_cluster.address}" in stderr.decode()
    assert "Traceback" not in stderr.decode()
