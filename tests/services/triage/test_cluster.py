"""Items shared by a cluster that is none: what its client is told, and what becomes of answers."""

import os
import pickle
import sys

import pytest

from crashtool import __version__
from crashtool.errors import InputUnusable, MachineFault, MissingExtra, NetworkFailure, UsageError
from crashtool.services.triage import cluster as subject
from crashtool.services.triage import cluster_worker
from crashtool.services.triage.cluster import DaskCluster, SharedItem, open_cluster
from crashtool.services.triage.cluster_worker import ClusterWork, SharedFile, sum_up, work_batch

MAKER = f"{__name__}:make_doubler"
ENDING = 13


def make_doubler(_setup):
    def double(item):
        if item == ENDING:
            os._exit(1)
        return 2 * item

    return double


@pytest.fixture
def work(request):
    """What to do, named by the test; its processes end with it."""
    yield ClusterWork(request.node.name, MAKER, None)
    crew = cluster_worker._crews.pop(request.node.name, None)
    if crew:
        crew.dismiss()


def load(content):
    return pickle.loads(content)  # noqa: S301 (of this test)


def ask(work, *items):
    return load(work_batch(__version__, pickle.dumps((work, [(i, None) for i in items]))))


def test_an_item_that_ends_its_reader_is_lost_and_the_others_are_done(work):
    answers = ask(work, 1, ENDING, 2)
    assert [(answer.state, answer.value) for answer in answers] == [
        ("done", 2),
        ("lost", None),
        ("done", 4),
    ]


def test_processes_are_kept_for_the_next_batch_and_end_when_nothing_comes(work):
    ask(work, 1)
    crew = cluster_worker._crews[work.run]
    (first,) = crew._idle
    ask(work, 2)
    assert crew._idle == [first]
    crew._timer.cancel()
    crew._timer.function()
    assert not crew._idle
    assert not first.is_there


def test_another_crashtool_takes_no_part(work):
    refusal = load(work_batch("0.0.1", b"which it could not even read"))
    assert refusal == f"it has crashtool {__version__}, not 0.0.1"


def test_a_worker_with_other_symbols_takes_no_part(work, tmp_path):
    (tmp_path / "a.sym").write_bytes(b"1")
    seen = work._replace(paths=(str(tmp_path),), digest=sum_up([str(tmp_path)]))
    assert [answer.value for answer in ask(seen, 1)] == [2]
    (tmp_path / "b.sym").write_bytes(b"1")
    other = seen._replace(run=f"{work.run}, again")
    assert ask(other, 1) == f"it does not see the same files in {tmp_path}"
    assert cluster_worker._crews.pop(other.run).fault


@pytest.mark.parametrize("change", [{"size": 2}, {"changed": 0.0}, {"path": "/nowhere/1.dmp"}])
def test_a_file_is_the_same_by_size_and_time(tmp_path, change):
    path = tmp_path / "1.dmp"
    path.write_bytes(b"x")
    file = SharedFile(str(path), 1, path.stat().st_mtime + 1)
    assert file.is_here()
    assert not file._replace(**change).is_here()


def test_an_item_whose_file_a_worker_sees_otherwise_is_not_done(work, tmp_path):
    path = tmp_path / "1.dmp"
    path.write_bytes(b"x")
    file = SharedFile(str(path), 1, path.stat().st_mtime)
    items = [(1, file), (2, file._replace(size=2)), (3, None)]
    answers = load(work_batch(__version__, pickle.dumps((work, items))))
    assert [answer.state for answer in answers] == ["done", "unseen", "done"]


class FakeFuture:
    def __init__(self, *outcomes):
        self._outcomes = list(outcomes)

    def result(self, timeout):
        assert timeout == subject.TICK
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class FakeClient:
    """Does all at once, but for what `outcomes` gives instead, by the number of the batch."""

    def __init__(self, outcomes=(), threads=2):
        self.outcomes = dict(outcomes)
        self.threads = threads
        self.sizes = []

    def nthreads(self):
        return {"tcp://10.0.0.1:1": self.threads} if self.threads else {}

    def submit(self, function, version, content, *, key, pure):
        assert not pure
        number = int(key.rpartition("-")[2])
        self.sizes.append(len(load(content)[1]))
        return FakeFuture(*self.outcomes.get(number) or [function(version, content)])


def share(client, work, portions, here=lambda item: ("here", item)):
    pytest.importorskip("distributed", reason="needs Dask: crashtool[cluster]")
    return list(DaskCluster(client, "tcp://10.0.0.5:8786").share(portions, work, here))


def test_answers_come_in_order_in_batches_that_grow(work):
    client = FakeClient()
    portions = [SharedItem(number + 100, stays=number == 5) for number in range(200)]
    answers = share(client, work, portions)
    assert answers == [("here", n + 100) if n == 5 else 2 * (n + 100) for n in range(200)]
    assert client.sizes == [1, 2, 3, 8, 16, 32, 64, 64, 9]


def test_no_more_than_a_few_batches_are_under_way(work):
    client, taken = FakeClient(threads=1), []

    def walk():
        for number in range(100, 1000):
            taken.append(number)
            yield SharedItem(number)

    pytest.importorskip("distributed", reason="needs Dask: crashtool[cluster]")
    answers = DaskCluster(client, "x").share(walk(), work, None)
    assert next(answers) == 200
    assert len(taken) == 1 + 2 + 4 + 8


def test_a_batch_that_ends_workers_is_done_here(work):
    distributed = pytest.importorskip("distributed", reason="needs Dask: crashtool[cluster]")
    killed = distributed.KilledWorker("x", None, 3)
    answers = share(FakeClient({1: [killed]}), work, map(SharedItem, (100, 200, 300)))
    assert answers == [200, ("here", 200), ("here", 300)]


def test_a_worker_that_does_not_see_a_file_is_refused_and_one_that_has_gone_is_told_here(
    work, tmp_path
):
    path = tmp_path / "1.dmp"
    path.write_bytes(b"x")
    unseen = pickle.dumps([cluster_worker.ItemAnswer("unseen")])
    here = SharedFile(str(path), 1, path.stat().st_mtime)
    with pytest.raises(InputUnusable, match="does not see"):
        share(FakeClient({0: [unseen]}), work, [SharedItem(100, here)])
    gone = here._replace(path=str(path) + "x")
    assert share(FakeClient({0: [unseen]}), work, [SharedItem(100, gone)]) == [("here", 100)]


def test_a_scheduler_that_goes_is_said_and_so_is_a_worker_that_cannot_take_part(work):
    distributed = pytest.importorskip("distributed", reason="needs Dask: crashtool[cluster]")
    for error in (distributed.CancelledError("x"), OSError("closed")):
        with pytest.raises(NetworkFailure, match="stopped answering") as failure:
            share(FakeClient({0: [error]}), work, [SharedItem(100)])
        assert "--work" in failure.value.hint
    for outcome in (RuntimeError("No module named 'crashtool'\nmore"), pickle.dumps("it is old")):
        with pytest.raises(MachineFault, match=r"take part: (No module|it is old)"):
            share(FakeClient({0: [outcome]}), work, [SharedItem(100)])


def test_without_a_worker_for_long_it_ends_and_one_that_comes_again_goes_on(work):
    waits = subject.WORKERLESS // subject.TICK
    done = work_batch(__version__, pickle.dumps((work, [(100, None)])))
    few = [TimeoutError()] * (waits - 1) + [done]
    assert share(FakeClient({0: few}, threads=0), work, [SharedItem(100)]) == [200]
    with pytest.raises(NetworkFailure, match="no worker for 60 s"):
        share(FakeClient({0: [TimeoutError()] * waits}, threads=0), work, [SharedItem(100)])
    slow = [TimeoutError()] * (2 * waits) + [done]
    assert share(FakeClient({0: slow}), work, [SharedItem(100)]) == [200]


def test_what_is_no_address_is_a_fault_of_usage():
    pytest.importorskip("distributed", reason="needs Dask: crashtool[cluster]")
    with pytest.raises(UsageError, match="--cluster nowhere"), open_cluster("nowhere", None):
        pass


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match="cluster"), open_cluster("local", None):
        pass
