"""Work that overlaps: an iterator that runs ahead, and a function from several threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()
_TICK_S = 0.1


def run_ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yield items that a thread of their own produces, at most ``depth`` of them ahead.

    What the iteration raises is raised here. When this generator is closed the thread ends, and
    the iterator with it, before the call returns.

    Examples
    --------
    >>> list(run_ahead(range(3), depth=1))
    [0, 1, 2]
    """
    queue: Queue[Any] = Queue(depth)
    stopped = threading.Event()
    failures: list[BaseException] = []

    def put(item: Any) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=_TICK_S)
                return
            except Full:
                continue

    def produce() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                put(item)
                if stopped.is_set():
                    break
        except BaseException as error:
            failures.append(error)
        finally:
            # What it holds open is closed by the thread that opened it.
            if hasattr(iterator, "close"):
                iterator.close()
            put(_END)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not _END:
            yield item
        if failures:
            raise failures[0]
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                queue.get_nowait()
            except Empty:
                thread.join(_TICK_S)


def map_ordered(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for each item, in order, from so many threads at once.

    Examples
    --------
    >>> list(map_ordered(str, [1, 2, 3], workers=2))
    ['1', '2', '3']
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                # One more than there are workers, so that none waits for the one who takes.
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
