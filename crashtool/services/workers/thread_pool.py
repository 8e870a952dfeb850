"""Work shared by threads that do not keep an interrupted process alive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

AHEAD = 4  # items for each thread

Item = TypeVar("Item")
Result = TypeVar("Result")


def share_work(
    work: Callable[[int, Item], Result], items: Iterable[Item], jobs: int
) -> Iterator[tuple[int, Result]]:
    """The number of each item and what `work(thread's number, item)` makes of it, as they come.

    Items are taken one at a time, by one thread at a time. An exception ends it, and is raised
    here. The threads are daemons, unlike an executor's: after Ctrl-C nothing waits for what is
    under way, be it the upload of gigabytes.
    """
    if jobs == 1:
        yield from ((number, work(0, item)) for number, item in enumerate(items))
        return
    source = enumerate(items)
    taking = threading.Lock()
    ended = threading.Event()
    results: queue.SimpleQueue[tuple[int, Result] | BaseException | None] = queue.SimpleQueue()

    def labor(thread: int) -> None:
        try:
            while not ended.is_set():
                with taking:
                    taken = next(source, None)
                if taken is None:
                    break
                results.put((taken[0], work(thread, taken[1])))
        except BaseException as error:  # noqa: BLE001 (raised again where it can be seen)
            results.put(error)
        results.put(None)

    for thread in range(jobs):
        threading.Thread(target=labor, args=(thread,), daemon=True).start()
    running = jobs
    try:
        while running:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                running -= 1
            else:
                yield result
    finally:  # an interrupt or an error: what has not begun does not begin
        ended.set()


def share_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Iterator[Result]:
    """What `work` makes of each item, in the order of the items.

    No more than AHEAD items for each thread are taken before the first of them has been given out:
    of ten thousand results that one slow item holds up, a few are in memory.
    """
    waiting: dict[int, Result] = {}
    following = 0
    slots = threading.Semaphore(AHEAD * jobs)

    def walk_slowly() -> Iterator[Item]:
        for item in items:
            slots.acquire()
            yield item

    try:
        for number, result in share_work(lambda _thread, item: work(item), walk_slowly(), jobs):
            waiting[number] = result
            while following in waiting:
                yield waiting.pop(following)
                following += 1
                slots.release()
    finally:
        slots.release(jobs + 1)  # a thread that waits for one is let go, and ends
