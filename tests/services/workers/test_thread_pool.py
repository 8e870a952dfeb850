import threading

import pytest

from crashtool.services.workers.thread_pool import share_in_order, share_work


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def work(item):
        if item == 0:
            assert first_may_end.wait(20)
        elif item == 3:
            first_may_end.set()
        return item * 10

    assert list(share_in_order(work, range(6), 2)) == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_item_is_worked_once_and_keeps_its_number(jobs):
    found = dict(share_work(lambda _thread, item: item.upper(), iter("abcdefgh"), jobs))
    assert found == dict(enumerate("ABCDEFGH"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_is_raised_here_and_ends_the_work(jobs):
    begun = []

    def work(_thread, item):
        begun.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match=r"0|1"):
        list(share_work(work, range(1000), jobs))
    assert len(begun) < 1000


def test_what_is_under_way_keeps_no_interrupted_caller_waiting():
    never = threading.Event()
    begun = threading.Event()

    def work(_thread, item):
        if item:
            begun.set()
            never.wait(60)
        return item

    results = share_work(work, range(3), 2)
    assert next(results) == (0, 0)
    assert begun.wait(20)
    results.close()  # returns although two wait for what does not come
    assert all(
        thread.daemon
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and "labor" in thread.name
    )
    never.set()
