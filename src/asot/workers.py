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
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from asot.errors import ArgumentError, require_integer

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
        memory = ", perhaps for lack of memory" if self.exit_code == -9 else ""
        return f"its process was killed by signal {-self.exit_code}{memory}"


# Called with a job and what it tells of itself while it runs.
Told = Callable[[Any, Any], None]
# Runs jobs, so many at once, and yields each with its result as it ends; see ``run_jobs``.
Engine = Callable[
    [Callable[[Any], Any], Sequence[Any], int, Told], Iterator[tuple[Any, "Any | Died"]]
]


@dataclass(frozen=True)
class Workers:
    """How jobs are spread: how many run at once, and by which of ``ENGINES``.

    There are as many as cores, or as ``OMP_NUM_THREADS`` says, unless ``count`` is given. Results
    do not depend on either.

    Raises
    ------
    ArgumentError
        If the count is below 1 or there is no such engine.
    """

    count: int | None = None
    engine: str = "processes"

    def __post_init__(self) -> None:
        if self.count is not None:
            require_integer("workers", self.count, at_least=1)
        if self.engine not in ENGINES:
            known = ", ".join(ENGINES)
            raise ArgumentError(
                f"engine must be one of {known}, but is {self.engine!r}.", setting="engine"
            )

    @property
    def number(self) -> int:
        """Return how many jobs run at once."""
        return self.count or usable_threads()

    def run(
        self,
        function: Callable[[Job], Result],
        jobs: Sequence[Job],
        told: Told = lambda job, value: None,
        apart: bool = False,
    ) -> Iterator[tuple[Job, Result | Died]]:
        """Run jobs, and yield each with its result as it ends, in any order.

        ``function`` must be of a module, or a partial of such a function, and jobs and results
        plain values, so that another process can take them. An exception that it raises is raised
        here, and gives up the other jobs. While it runs it may call :func:`tell`, whose values come
        to ``told``. Each job has a single thread inside numerical libraries. A job whose worker
        died is run once more, alone, after all others; its result is ``Died`` if that dies too.
        A single worker, or job, runs in this process, unless it is to run ``apart``.
        """
        engine = ENGINES[self.engine]
        if engine is run_jobs and not apart and min(self.number, len(jobs)) < 2:
            engine = run_here
        died = []
        for job, result in engine(function, jobs, self.number, told):
            if isinstance(result, Died):
                died.append(job)
            else:
                yield job, result
        yield from engine(function, died, 1, told)


def tell(value: Any) -> None:
    """Tell whoever spread the jobs of the one that runs here; nobody, outside of a job."""
    _teller(value)


def run_jobs(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    count: int,
    told: Told = lambda job, value: None,
) -> Iterator[tuple[Job, Result | Died]]:
    """Run jobs in ``count`` processes, begun in their order, and yield each as it ends.

    The result is ``Died`` where the process ended before it had one. The rest is as for
    :meth:`Workers.run`.
    """
    waiting = list(reversed(jobs))
    workers: dict[Any, _Worker] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < count:
                worker = _Worker(function)
                workers[worker.give(waiting.pop())] = worker
            for pipe in wait(list(workers)):
                worker = workers[pipe]
                said, result = worker.take()
                if said is _Said.PROGRESS:
                    told(worker.job, result)
                    continue
                if said is _Said.ERROR:
                    error, place = result
                    raise error from RuntimeError(f"in another process:\n{place}")
                job = worker.job
                del workers[pipe]
                if waiting and not isinstance(result, Died):
                    workers[worker.give(waiting.pop())] = worker
                else:
                    worker.end()
                yield job, result
    finally:
        for worker in workers.values():
            worker.process.kill()
            worker.end()


def run_here(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    count: int = 1,
    told: Told = lambda job, value: None,
) -> Iterator[tuple[Job, Result]]:
    """Run jobs one after the other in this process; see :meth:`Workers.run`."""
    for job in jobs:
        with _telling(partial(told, job)), one_thread():
            result = function(job)
        yield job, result


ENGINES: dict[str, Engine] = {"serial": run_here, "processes": run_jobs}


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

    threads = min(threads or usable_threads(), len(jobs))
    if threads < 2:
        yield from map(function, jobs)
        return
    with one_thread(), ThreadPoolExecutor(threads, initializer=one_thread) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def one_thread() -> AbstractContextManager[Any]:
    """Use one thread inside numerical libraries that are loaded, at once and within the block."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


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


class _Said(Enum):
    """What a process says of its job."""

    PROGRESS = auto()
    RESULT = auto()
    ERROR = auto()


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

    def take(self) -> tuple[_Said, Any]:
        """Receive what the process says."""
        try:
            said: tuple[_Said, Any] = self.pipe.recv()
        except (EOFError, OSError):
            return _Said.RESULT, Died(self.end())
        return said

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
        try:
            with _telling(lambda value: pipe.send((_Said.PROGRESS, value))):
                said = _Said.RESULT, function(job)
        except Exception as error:
            said = _Said.ERROR, (error, traceback.format_exc())
        try:
            pipe.send(said)
        except ConnectionError:  # the parent was killed meanwhile
            return
        sys.stdout.flush()


def _silent(value: Any) -> None:
    """Tell nobody."""


_teller: Callable[[Any], None] = _silent


@contextmanager
def _telling(teller: Callable[[Any], None]) -> Iterator[None]:
    """Let ``tell`` call ``teller`` within the block."""
    global _teller
    _teller, before = teller, _teller
    try:
        yield
    finally:
        _teller = before


def _die_with_parent() -> None:
    """End at once when the parent ends, as nobody would read the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
