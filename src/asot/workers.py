"""Processes that take jobs one after the other, and whose death is known to one job alone.

``concurrent.futures`` gives up every job when one process dies, of lack of memory for instance,
and leaves its processes behind when the parent is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

# Read by the numerical libraries when a process starts: each of ours uses one thread.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Died:
    """In place of a result: the process that was at the job ended.

    Parameters
    ----------
    exit_code : int or None
        Of the process; negative for the signal that killed it.
    """

    def __init__(self, exit_code: int | None) -> None:
        self.exit_code = exit_code

    def __str__(self) -> str:
        killed = self.exit_code is not None and self.exit_code < 0
        reason = f"was killed by signal {-(self.exit_code or 0)}" if killed else "ended"
        memory = ", perhaps for lack of memory" if self.exit_code == -signal.SIGKILL else ""
        return f"its process {reason}{memory}"


def run_jobs(
    function: Callable[[Job], Result], jobs: Sequence[Job], processes: int
) -> Iterator[tuple[Job, Result | Died]]:
    """Run jobs in several processes, and yield each as it ends.

    Parameters
    ----------
    function : callable
        Of a module, so that a new process can import it.
    jobs : sequence
        Its arguments; begun in this order.
    processes : int
        How many at once.

    Yields
    ------
    (job, result)
        The result is ``Died`` where the process ended before it had one.
    """
    waiting = list(reversed(jobs))
    workers: dict[Connection, _Worker[Job]] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < processes:
                worker: _Worker[Job] = _Worker(function)
                workers[worker.pipe] = worker
                worker.give(waiting.pop())
            for pipe in wait(list(workers)):
                assert isinstance(pipe, Connection)
                worker = workers[pipe]
                job = worker.job
                try:
                    result: Any = pipe.recv()
                except (EOFError, OSError):
                    del workers[pipe]
                    yield job, Died(worker.end())
                    continue
                if waiting:
                    worker.give(waiting.pop())
                else:
                    del workers[pipe]
                    worker.end()
                yield job, result
    finally:
        for worker in workers.values():
            worker.process.kill()
            worker.end()


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker(Generic[Job]):
    """A process, the pipe to it, and the job that it is at."""

    job: Job

    def __init__(self, function: Callable[[Job], Any]) -> None:
        # Not forked: torch and BLAS do not outlive a fork of their threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs), daemon=True)
        before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, "1"))
        try:
            with _without_ctrl_c():
                self.process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        theirs.close()

    def give(self, job: Job) -> None:
        """Send a job."""
        self.job = job
        # A process that is dead already is found out when its result is read.
        with suppress(OSError):
            self.pipe.send(job)

    def end(self) -> int | None:
        """Let the process end, and return its exit code."""
        self.pipe.close()
        self.process.join()
        return self.process.exitcode


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach, from its first moment on; hear of it afterwards.

    It reaches every process of the terminal, and one that is still importing would complain, as
    would one whose parent stops halfway through starting it.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not (in_main and hasattr(signal, "pthread_sigmask")):
        yield
        return
    # Would be started with the first process, and unblocks the signal when it is.
    resource_tracker.ensure_running()
    heard: list[int] = []
    # The mask is for the new process, which inherits it; other threads of this one still hear.
    handler = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if heard:
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
        pipe.send(function(job))
        sys.stdout.flush()


def _die_with_parent() -> None:
    """End at once when the parent does: nobody would read the result, and the next run is near."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
