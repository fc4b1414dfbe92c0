"""Processes and threads that take jobs one after the other.

Where a process dies, of lack of memory for instance, only its job is lost: ``concurrent.futures``
and loky give up every job; pebble loses one, but its processes outlive a parent that is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

# Read by the numerical libraries when a process starts: each of ours uses one thread.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Died:
    """The result of a job whose process ended too early; a negative exit code is minus a signal."""

    def __init__(self, exit_code: int | None) -> None:
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code is None or self.exit_code >= 0:
            return "its process ended"
        memory = ", perhaps for lack of memory" if self.exit_code == -signal.SIGKILL else ""
        return f"its process was killed by signal {-self.exit_code}{memory}"


def run_jobs(
    function: Callable[[Job], Result], jobs: Sequence[Job], processes: int
) -> Iterator[tuple[Job, Result | Died]]:
    """Run jobs in several processes, begun in their order, and yield each as it ends.

    ``function`` must be of a module, so that a new process can import it. The result is ``Died``
    where the process ended before it had one.
    """
    waiting = list(reversed(jobs))
    workers: dict[Any, _Worker] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < processes:
                worker = _Worker(function)
                workers[worker.give(waiting.pop())] = worker
            for pipe in wait(list(workers)):
                worker = workers.pop(pipe)
                job, result = worker.take()
                if waiting and not isinstance(result, Died):
                    workers[worker.give(waiting.pop())] = worker
                else:
                    worker.end()
                yield job, result
    finally:
        for worker in workers.values():
            worker.process.kill()
            worker.end()


def in_threads(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    threads: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Run jobs in several threads, and yield their results in the order of the jobs.

    There are as many threads as ``OMP_NUM_THREADS`` or the cores allow, unless ``threads`` says
    fewer, and each has a single one inside numerical libraries. After an error or Ctrl-C, jobs
    that have begun end first: ``stop`` may tell them to hurry.
    """
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = min(threads or usable_threads(), len(jobs))
    if threads < 2:
        yield from map(function, jobs)
        return
    alone = partial(threadpool_limits, 1)
    with alone(), ThreadPoolExecutor(threads, initializer=alone) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def usable_threads() -> int:
    """Count the threads that this process may use: as many as cores, or ``OMP_NUM_THREADS``."""
    asked, cores = os.environ.get("OMP_NUM_THREADS", ""), available_cores()
    return min(int(asked), cores) if asked.isdecimal() and int(asked) else cores


def available_cores() -> int:
    """Count the cores that this process may use, in a container too where joblib is installed."""
    with suppress(ModuleNotFoundError):
        from joblib import cpu_count  # type: ignore[import-untyped]

        return int(cpu_count())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """A process, the pipe to it, and its job."""

    def __init__(self, function: Callable[[Job], Any]) -> None:
        # Not forked: torch and BLAS do not survive a fork of their threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs), daemon=True)
        before = {name: os.environ.pop(name) for name in THREADS if name in os.environ}
        os.environ.update(dict.fromkeys(THREADS, "1"))
        try:
            with _without_ctrl_c():
                self.process.start()
        finally:
            for name in THREADS:
                del os.environ[name]
            os.environ.update(before)
        theirs.close()

    def give(self, job: Any) -> Connection:
        """Send a job, and return the pipe on which its result comes."""
        self.job = job
        # A process that is dead already shows when its result is read.
        with suppress(OSError):
            self.pipe.send(job)
        return self.pipe

    def take(self) -> tuple[Any, Any]:
        try:
            return self.job, self.pipe.recv()
        except (EOFError, OSError):
            return self.job, Died(self.end())

    def end(self) -> int | None:
        """Let the process end, and return its exit code."""
        self.pipe.close()
        self.process.join()
        return self.process.exitcode


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started here; interrupt this process afterwards.

    A process would print a traceback if it were still importing, or if its parent stopped halfway.
    """
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield
        return
    # The tracker would start with the first process, and unblocks the signal when it starts.
    resource_tracker.ensure_running()
    signals: list[int] = []
    # The mask is for the new process, which inherits it; this one's other threads get the signal.
    handler = signal.signal(signal.SIGINT, lambda number, frame: signals.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if signals:
        signal.raise_signal(signal.SIGINT)


def _serve(function: Callable[[Any], Any], pipe: Connection) -> None:
    """Take jobs until the pipe is closed."""
    # The parent decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        result = function(job)
        try:
            pipe.send(result)
        except ConnectionError:  # the parent was killed meanwhile
            return
        sys.stdout.flush()


def _die_with_parent() -> None:
    """End at once when the parent ends, as nobody would read the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
