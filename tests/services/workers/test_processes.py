"""Work that processes share: in order, bounded, and done all the same when a process is lost."""

import os
import signal
import sys
from itertools import chain

import pytest

from crashtool.services.workers import processes
from crashtool.services.workers.processes import (
    Worker,
    _Pace,
    count_workers,
    share_among_processes,
)
from crashtool.services.workers.thread_pool import AHEAD

COUNT = 40


def make_work(setup):
    """What the workers of these tests do with a number; `setup` says which one ends them, how."""

    def work(number):
        if number == setup.get("kills") and os.getpid() != setup["parent"]:
            os.kill(os.getpid(), signal.SIGTERM)
        if number == setup.get("fails"):
            raise ValueError(f"{number} cannot be done")
        if number == setup.get("says"):
            print("this is no answer")
        return number * number, os.getpid()

    return work


def share(jobs, items=None, is_small=None, **setup):
    setup = {"parent": os.getpid()} | setup
    maker = f"{__name__}:make_work"
    found = range(COUNT) if items is None else items
    return share_among_processes(maker, setup, found, jobs, make_work(setup), is_small)


def any_is_small(_number):
    return True


@pytest.mark.parametrize("jobs", [2, 3])
def test_results_come_in_the_order_of_the_items(jobs):
    rows = list(share(jobs))
    assert [square for square, _ in rows] == [number * number for number in range(COUNT)]
    others = {process for _, process in rows} - {os.getpid()}
    assert others
    assert len(others) <= jobs


@pytest.mark.parametrize("is_small", [None, any_is_small])
def test_a_worker_that_ends_costs_no_result(monkeypatch, is_small):
    monkeypatch.setattr(_Pace, "change", lambda pace, *_: setattr(pace, "size", 7))
    rows = list(share(2, kills=20, is_small=is_small))
    assert [square for square, _ in rows] == [number * number for number in range(COUNT)]
    assert [number for number, (_, by) in enumerate(rows) if by == os.getpid()] == [20]


@pytest.mark.parametrize("is_small", [any_is_small, lambda number: number % 10])
def test_small_items_go_together_in_order_and_a_large_one_alone(monkeypatch, is_small):
    sent = []
    send = Worker.do_all
    monkeypatch.setattr(_Pace, "change", lambda pace, *_: setattr(pace, "size", 7))
    monkeypatch.setattr(
        Worker, "do_all", lambda worker, items: sent.append(items) or send(worker, items)
    )
    rows = list(share(2, is_small=is_small))
    assert [square for square, _ in rows] == [number * number for number in range(COUNT)]
    assert sorted(chain.from_iterable(sent)) == list(range(COUNT))
    assert max(map(len, sent)) == 7
    assert all(len(batch) == 1 for batch in sent if not all(map(is_small, batch)))


def test_batches_grow_while_they_are_done_at_once_and_shrink_when_they_take_long():
    pace = _Pace()
    sizes = []
    for seconds in (0, 0, 0, 0, 0, 0, 0.05, 1, 1):
        pace.change(pace.size, seconds)
        sizes.append(pace.size)
    assert sizes == [2, 4, 8, 16, 32, 32, 32, 16, 8]
    pace.change(1, 1)
    assert pace.size == 1


def test_workers_that_cannot_be_started_cost_no_result(monkeypatch):
    monkeypatch.setattr(sys, "executable", "no-such-python")
    rows = list(share(2))
    assert [square for square, _ in rows] == [number * number for number in range(COUNT)]
    assert {process for _, process in rows} == {os.getpid()}


def test_a_fault_of_an_item_is_raised_here_as_it_would_be_without_workers():
    with pytest.raises(ValueError, match=f"{3} cannot be done"):
        list(share(2, fails=3))


def test_what_a_worker_prints_is_no_answer(capfd):
    rows = list(share(2, says=1))
    assert len(rows) == COUNT
    assert "this is no answer" not in capfd.readouterr().out


@pytest.mark.parametrize("jobs", [2, 3])
def test_items_are_taken_no_faster_than_results_are(jobs):
    taken = 0

    def walk():
        nonlocal taken
        for number in range(COUNT * 4):
            taken += 1
            yield number

    rows = share(jobs, walk())
    for given, _ in enumerate(rows, 1):
        assert taken - given <= AHEAD * jobs + 1


def test_as_many_processes_as_cores_unless_told(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2}, raising=False)
    assert (count_workers(None), count_workers(1), count_workers(5)) == (3, 1, 5)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert count_workers(None) == processes.MAX_WORKERS
