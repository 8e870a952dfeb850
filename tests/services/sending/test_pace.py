import threading

import pytest

from crashtool.errors import UsageError
from crashtool.services.sending.pace import parse_rate
from crashtool.services.transport.retry import Clock


class Stop(threading.Event):
    """Lets no time pass, but remembers how much was asked for."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def wait(self, timeout=None):
        self.times.append(timeout)
        return self.is_set()


@pytest.mark.parametrize(
    ("text", "interval"),
    [("5/s", 0.2), ("10/m", 6.0), ("100/h", 36.0), ("4", 0.25), (" 1/m ", 60.0)],
)
def test_a_rate_is_a_number_in_a_time(text, interval):
    assert parse_rate(text).interval == interval


@pytest.mark.parametrize("text", ["", "0/s", "-1/s", "5/d", "1.5/s", "fast", "5/", "٣/s", "1e3/s"])
def test_what_is_no_rate_is_said_to_be_none(text):
    with pytest.raises(UsageError, match="is not a rate"):
        parse_rate(text)


def test_starts_are_spaced_evenly_and_lost_time_is_not_made_up_for():
    now = 100.0
    waits = []
    pace = parse_rate("2/s", Clock(now=lambda: now))
    stop = Stop(waits)
    assert [pace.wait(stop) for _ in range(3)] == [True] * 3
    now = 110.0
    assert pace.wait(stop)
    assert pace.wait(stop)
    assert waits == [0.0, 0.5, 1.0, 0.0, 0.5]


def test_nothing_starts_once_it_is_told_to_stop():
    pace = parse_rate("1/h")
    stopped = threading.Event()
    assert pace.wait(stopped)
    stopped.set()
    assert not pace.wait(stopped)
