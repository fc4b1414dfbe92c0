"""Processes that take jobs one after the other, and stay for those of later runs.

Where a process dies, of lack of memory for instance, only its job is lost: ``concurrent.futures``
and loky give up every job; pebble loses one, but its processes outlive a parent that is killed.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, partial, wraps
from multiprocessing import resource_tracker, spawn
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from asot.serving import FORGET, FUNCTION, THREADS, Reply, answer, result_of, send, serve
from asot.signals import put_off
from asot.telling import Told, hear, logged_from, logging_to, telling

Job = TypeVar("Job")
Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])

POLL_S = 0.05  # between looks at whether jobs that run beside others are given up
_NONE = object()
_STARTING = threading.Lock()

logger = logging.getLogger(__name__)


class Died:
    """The result of a job whose process ended too early; a negative exit code is minus a signal."""

    def __init__(self, exit_code: int | None, reason: str = "") -> None:
        self.exit_code, self.reason = exit_code, reason

    def __str__(self) -> str:
        if self.reason:
            return self.reason
        if self.exit_code is None or self.exit_code >= 0:
            return "its process ended"
        memory = ", perhaps for lack of memory" if self.exit_code == -9 else ""
        return f"its process was killed by signal {-self.exit_code}{memory}"


def run_jobs(
    function: Callable[[Job], Result],
    jobs: Sequence[Job] | deque[Job],
    count: int,
    told: Told = lambda job, value: None,
    beside: threading.Event | None = None,
) -> Iterator[tuple[Job, Result | Died]]:
    """Run jobs in ``count`` processes, begun in their order, and yield each as it ends.

    Processes are taken from a :func:`crew` first, and left to it afterwards. The result is ``Died``
    where the process ended before it had one. Others may take jobs from the deque as well, until
    they set ``beside``: jobs are left to them if no process can begin, or take the function. The
    rest is as for :meth:`asot.workers.Workers.run`.
    """
    waiting = jobs if isinstance(jobs, deque) else deque(jobs)
    workers: dict[Any, _Worker] = {}
    run, complete = object(), False
    try:
        while waiting or any(one.job is not _NONE for one in workers.values()):
            missing = min(count - len(workers), len(waiting))
            ready = [one for one in workers.values() if one.run is not run and not one.owes]
            if missing > 0 or (waiting and ready):
                sent = packed(function)
                if sent is None:
                    if beside is None:
                        raise TypeError(f"{function} cannot be given to another process")
                    break
                for _ in range(missing):
                    worker = _from_crew() or _Worker()
                    workers[worker.pipe] = worker
                    if not worker.owes:  # else when it has loaded what it was begun with
                        ready.append(worker)
                for worker in ready:
                    worker.learn(sent, run)
                del sent  # it may be large
            for pipe in wait(list(workers), None if beside is None else POLL_S):
                worker = workers[pipe]
                said, result = worker.take()
                if said is Reply.PROGRESS:
                    hear(partial(told, worker.job), result)
                    continue
                result = result_of(said, result)
                job, died = worker.job, isinstance(result, Died)
                count -= died and job is _NONE and not worker.kept  # it could not even begin
                if died:
                    del workers[pipe]
                elif worker.run is run:
                    # Taken when a process is ready, as others may be ready before.
                    worker.send(_next(waiting))
                if job is not _NONE:
                    yield job, result
                elif count == 0 and beside is None:
                    yield from ((one, result) for one in waiting)
                    waiting.clear()
            if count == 0 or (beside is not None and beside.is_set()):
                break
        complete = True
    finally:
        for worker in workers.values():
            if not (complete and worker.job is _NONE and _to_crew(worker)):
                worker.end(killed=not complete or worker.job is not _NONE)


def run_beside(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    count: int,
    told: Told = lambda job, value: None,
) -> Iterator[tuple[Job, Result | Died]]:
    """Run jobs in this process and ``count - 1`` others, which take a while to begin."""
    waiting, ended, stopped = deque(jobs), SimpleQueue[Any](), threading.Event()
    telling, over = threading.Lock(), False

    def tell_alone(job: Job, value: Any) -> None:
        with telling:
            told(job, value)

    def lead() -> None:
        try:
            for outcome in run_jobs(function, waiting, count - 1, tell_alone, stopped):
                ended.put(outcome)
        except BaseException as error:
            ended.put(error)
        finally:
            ended.put(_NONE)

    def outcomes(wait: bool) -> Iterator[Any]:
        nonlocal over
        while not over and (wait or not ended.empty()):
            outcome = ended.get()
            over = outcome is _NONE
            if isinstance(outcome, BaseException):
                raise outcome
            if not over:
                yield outcome

    leader = threading.Thread(target=lead, daemon=True)
    leader.start()
    try:
        while (job := _next(waiting)) is not _NONE:
            yield from run_here(function, [job], 1, tell_alone)
            yield from outcomes(wait=False)
        yield from outcomes(wait=True)
    finally:
        waiting.clear()
        stopped.set()
        leader.join()


def run_here(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    count: int = 1,
    told: Told = lambda job, value: None,
) -> Iterator[tuple[Job, Result]]:
    """Run jobs one after the other in this process; see :meth:`asot.workers.Workers.run`."""
    for job in jobs:
        with telling(partial(told, job)), one_thread():
            result = function(job)
        yield job, result


def one_thread() -> AbstractContextManager[Any]:
    """Use one thread inside numerical libraries that are loaded, at once and within the block.

    The last digits of what several threads compute depend on their number.
    """
    loaded = tuple(name in sys.modules for name in ("numpy", "scipy.linalg", "sklearn", "torch"))
    limits: AbstractContextManager[Any] = _thread_pools(loaded).limit(limits=1)
    return limits


def single_threaded(function: Function) -> Function:
    """Let a function run within :func:`one_thread`."""

    @wraps(function)
    def alone(*given: Any, **named: Any) -> Any:
        with one_thread():
            return function(*given, **named)

    return cast("Function", alone)


@cache
def _thread_pools(loaded: tuple[bool, ...]) -> Any:
    """Find the threads of all libraries, which takes milliseconds."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def packed(function: Any) -> bytes | None:
    """Return a function, with what it holds, as other processes take it; None if they cannot."""
    try:
        return pickle.dumps(function, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # each type has its own
        logger.debug("jobs run in one process: %s", error)
        return None


def _next(waiting: deque[Any]) -> Any:
    """Take the first job that is left, or ``_NONE``; others may take some at the same time."""
    try:
        return waiting.popleft()
    except IndexError:
        return _NONE


class _Worker:
    """A process, the pipe to it, and its job, if it has one; its function is that of a ``run``."""

    def __init__(self) -> None:
        # Not forked: torch and BLAS do not survive a fork of their threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        self.job: Any = _NONE
        self.run: Any = None
        self.owes = False  # an answer, to a function or a job
        self.kept = False  # in a crew
        with _undisturbed(), _without_main(self.process.name):
            self.process.start()
        theirs.close()

    def learn(self, sent: bytes, run: Any) -> None:
        """Send the function of a run, packed, in place of the one before."""
        self.run, self.owes = run, True
        # A process that is dead already shows when its result is read.
        with suppress(OSError):
            self.pipe.send_bytes(FUNCTION + b"%d" % logged_from())
            self.pipe.send_bytes(sent)

    def send(self, job: Any) -> None:
        """Send a job; ``_NONE`` is none."""
        self.job = job
        if job is not _NONE:
            self.owes = True
            with suppress(OSError):
                send(self.pipe, job)

    def take(self) -> tuple[Reply, Any]:
        """Receive what the process says."""
        try:
            said: tuple[Reply, Any] = self.pipe.recv()
        except (EOFError, OSError):
            return Reply.RESULT, Died(self.end())
        self.owes &= said[0] is Reply.PROGRESS
        return said

    def is_ready(self) -> bool:
        """Tell whether a process that has no job has loaded its function."""
        try:
            return not self.owes or (self.pipe.poll() and self.take()[0] is Reply.READY)
        except OSError:
            return False

    def end(self, killed: bool = False) -> int | None:
        """Let the process end, and return its exit code."""
        if killed:
            self.process.kill()
        self.pipe.close()
        self.process.join()
        return self.process.exitcode


_crew: list[_Worker] = []  # processes without a job, for runs to come
_blocks = 0  # within which they are kept
_CREW = threading.RLock()


@contextmanager
def crew() -> Iterator[None]:
    """Keep processes that have ended their jobs for those of later runs within the block.

    They need not load the libraries again. Blocks within others, and in several threads, share
    them, and the last of these ends them.
    """
    global _blocks
    with _CREW:
        _blocks += 1
    try:
        yield
    finally:
        with _CREW:
            _blocks -= 1
            left = [] if _blocks else _crew[:]
            del _crew[: len(left)]
        for worker in left:
            worker.process.kill()  # each, before Ctrl-C can come while one of them ends
        for worker in left:
            worker.end()


def begin_crew(count: int, loaded: Any) -> None:
    """Begin processes for runs to come, within a :func:`crew`, up to ``count``.

    They, and those that are there, load what it takes to unpack ``loaded``.
    """
    sent = pickle.dumps(loaded, pickle.HIGHEST_PROTOCOL)
    with _CREW:  # or two threads would begin as many each
        for worker in _crew:
            if worker.is_ready():
                worker.learn(sent, None)
        for _ in range(count - _living() if _blocks else 0):
            worker = _Worker()
            worker.learn(sent, None)
            _to_crew(worker)


def has_crew() -> bool:
    """Tell whether there are processes in a :func:`crew`, which may load libraries still."""
    return _living() > 0


def _living() -> int:
    """Count the processes of the crew, without those that were killed meanwhile."""
    with _CREW:
        return sum(one.process.is_alive() for one in _crew)


def _from_crew() -> _Worker | None:
    """Take a process of the crew that is alive, if there is one; those that are ready first."""
    with _CREW:
        while _crew:
            at = next((at for at, one in enumerate(_crew) if one.is_ready()), 0)
            worker = _crew.pop(at)
            if worker.process.is_alive():
                return worker
            worker.end()
    return None


def _to_crew(worker: _Worker) -> bool:
    """Leave a process to the crew, without its function; tell whether there is one."""
    with _CREW:
        if _blocks:
            worker.kept = True
            if worker.run is not None:
                worker.run = None
                with suppress(OSError):
                    worker.pipe.send_bytes(FORGET)
            _crew.append(worker)
        return _blocks > 0


def _leave_crew_to_parent() -> None:
    """Forget the crew in a process that was forked: it would speak to the same processes."""
    global _CREW
    _CREW = threading.RLock()  # another thread may have had it
    _crew.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_crew_to_parent)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started here, and stop this process afterwards.

    A process would print a traceback if it were still importing, or if its parent stopped halfway.
    """
    if os.name == "nt":
        yield
        return
    with put_off():
        # The tracker would start with the first process, and unblocks the signal when it starts.
        resource_tracker.ensure_running()
        # For the new process, which inherits the mask; other threads of this one get the signal.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _without_main(process: str) -> Iterator[None]:
    """Keep a new process from running the script that began this one: jobs are of modules.

    Only the ``process`` of this name does not hear of it: other threads may start theirs meanwhile.
    """
    with _STARTING:
        prepare = spawn.get_preparation_data

        def prepare_without_main(name: str) -> dict[str, Any]:
            told = prepare(name)
            if name == process:
                told = {key: one for key, one in told.items() if not key.startswith("init_main")}
            return told

        spawn.get_preparation_data = prepare_without_main
        try:
            yield
        finally:
            spawn.get_preparation_data = prepare


def answer_alone(
    sent: bytes, level: int, job: Job, teller: Callable[[Any], None]
) -> tuple[tuple[Reply, Any], list[Any]]:
    """Run a job of a packed function on one thread, in a process that others started.

    Return what came of it, and what it logged and warned of, to be heard with :func:`hear`.
    """
    logged: list[Any] = []
    os.environ.update(dict.fromkeys(THREADS, "1"))  # for libraries that the job loads
    function = pickle.loads(sent)
    with one_thread(), logging_to(logged.append, level):
        return answer(function, job, teller), logged
