import signal
import sys
import threading
import time

import pytest

from crashtool.services.workers.stop_flag import StopFlag


def test_waiting_ends_when_it_is_set_for_all_who_wait():
    flag = StopFlag()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(flag.wait(60))) for _ in range(3)]
    for thread in threads:
        thread.start()
    flag.set()
    for thread in threads:
        thread.join(30)

    assert answers == [True, True, True]
    assert flag.wait()
    assert flag.is_set()


def test_waiting_ends_with_the_time():
    flag = StopFlag()

    assert not flag.wait(0.01)
    assert not flag.wait(-1)
    assert not flag.is_set()


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="needs signals")
@pytest.mark.timeout(60)
def test_a_signal_at_any_instruction_of_a_wait_can_set_it():
    """Of threading.Event, some of these would wait for ever."""
    before = sys.gettrace()  # what measures coverage
    previous = signal.signal(signal.SIGTERM, lambda *_: flag.set())
    steps = 0
    try:
        while True:
            flag, left = StopFlag(), steps

            def count(_frame, event, _argument):
                nonlocal left
                left -= event in ("opcode", "line")  # CPython 3.12 tells the opcodes of few frames
                if left < 0:
                    sys.settrace(None)
                    signal.raise_signal(signal.SIGTERM)
                return count

            def trace(frame, _event, _argument):
                frame.f_trace_opcodes = True
                return count

            began = time.monotonic()
            sys.settrace(trace)
            flag.wait(0.001)
            sys.settrace(None)
            assert time.monotonic() - began < 30
            if left >= 0:
                break
            assert flag.is_set()
            steps += 1
    finally:
        sys.settrace(before)
        signal.signal(signal.SIGTERM, previous)

    assert steps > 3
