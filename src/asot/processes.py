"""Processes that take jobs one after the other, and what a job is told by and tells.

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
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from enum import Enum, auto
from functools import cache, partial, wraps
from multiprocessing import resource_tracker, spawn
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from asot.telling import Told, hear, logged_from, logging_to, telling

Job = TypeVar("Job")
Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])

# Read by the numerical libraries when a process starts: each of ours uses one thread.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
FUNCTION, FORGET = b"function", b"forget"  # what a process is told before it gets one; no pickle
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
                if said is _Said.PROGRESS:
                    hear(partial(told, worker.job), result)
                    continue
                result = result_of(said, result)
                job, died = worker.job, isinstance(result, Died)
                count -= died and job is _NONE  # it could not even begin
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


class _Said(Enum):
    """What a process says of its job."""

    READY = auto()  # with the function
    PROGRESS = auto()
    RESULT = auto()
    ERROR = auto()


class _Worker:
    """A process, the pipe to it, and its job, if it has one; its function is that of a ``run``."""

    def __init__(self) -> None:
        # Not forked: torch and BLAS do not survive a fork of their threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        given = theirs, logged_from()
        self.process = context.Process(target=_serve, args=given, daemon=True)
        self.job: Any = _NONE
        self.run: Any = None
        self.owes = False  # an answer, to a function or a job
        with _without_ctrl_c(), _without_main(self.process.name):
            self.process.start()
        theirs.close()

    def learn(self, sent: bytes, run: Any) -> None:
        """Send the function of a run, packed, in place of the one before."""
        self.run, self.owes = run, True
        # A process that is dead already shows when its result is read.
        with suppress(OSError):
            self.pipe.send_bytes(FUNCTION)
            self.pipe.send_bytes(sent)

    def send(self, job: Any) -> None:
        """Send a job; ``_NONE`` is none."""
        self.job = job
        if job is not _NONE:
            self.owes = True
            with suppress(OSError):
                _send(self.pipe, job)

    def take(self) -> tuple[_Said, Any]:
        """Receive what the process says."""
        try:
            said: tuple[_Said, Any] = self.pipe.recv()
        except (EOFError, OSError):
            return _Said.RESULT, Died(self.end())
        self.owes &= said[0] is _Said.PROGRESS
        return said

    def is_ready(self) -> bool:
        """Tell whether a process that has no job has loaded its function."""
        try:
            return not self.owes or (self.pipe.poll() and self.take()[0] is _Said.READY)
        except OSError:
            return False

    def end(self, killed: bool = False) -> int | None:
        """Let the process end, and return its exit code."""
        if killed:
            self.process.kill()
        self.pipe.close()
        self.process.join()
        return self.process.exitcode


_crew: list[_Worker] | None = None  # processes without a job, for runs to come
_CREW = threading.Lock()


@contextmanager
def crew() -> Iterator[None]:
    """Keep processes that have ended their jobs for those of later runs within the block.

    They need not load the libraries again. A block within another adds nothing to it.
    """
    global _crew
    with _CREW:
        outer, _crew = _crew, [] if _crew is None else _crew
    try:
        yield
    finally:
        if outer is None:
            with _CREW:
                left, _crew = _crew or [], None
            for worker in left:
                worker.end(killed=True)


def begin_crew(count: int, loaded: Any) -> None:
    """Begin processes for runs to come, within a :func:`crew`, up to ``count``.

    They, and those that are there, load what it takes to unpack ``loaded``.
    """
    if _crew is None:
        return
    sent = pickle.dumps(loaded, pickle.HIGHEST_PROTOCOL)
    with _CREW:
        for worker in _crew:
            if worker.is_ready():
                worker.learn(sent, None)
    for _ in range(count - len(_crew)):
        worker = _Worker()
        worker.learn(sent, None)
        if not _to_crew(worker):
            worker.end(killed=True)


def has_crew() -> bool:
    """Tell whether there are processes in a :func:`crew`, which may load libraries still."""
    return bool(_crew)


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
        if _crew is not None:
            if worker.run is not None:
                worker.run = None
                with suppress(OSError):
                    worker.pipe.send_bytes(FORGET)
            _crew.append(worker)
        return _crew is not None


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started here; interrupt this process afterwards.

    A process would print a traceback if it were still importing, or if its parent stopped halfway.
    """
    if os.name == "nt":
        yield
        return
    # The tracker would start with the first process, and unblocks the signal when it starts.
    resource_tracker.ensure_running()
    signals: list[int] = []
    handler: Any = None
    # The mask is for the new process, which inherits it; this one's other threads get the signal.
    if threading.current_thread() is threading.main_thread():
        handler = signal.signal(signal.SIGINT, lambda number, frame: signals.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
    if signals:
        signal.raise_signal(signal.SIGINT)


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


def _serve(pipe: Connection, level: int) -> None:
    """Take a function, jobs, and other functions, until the pipe is closed."""
    # The parent decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # Before the libraries are loaded, with the function.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    function: Any = None
    saying = threading.Lock()

    def say(*said: Any) -> None:
        with saying:  # threads of a job log as well
            _send(pipe, said)

    teller = partial(say, _Said.PROGRESS)
    while True:
        try:
            asked = pipe.recv_bytes()
            if asked in (FUNCTION, FORGET):
                function = None  # it may hold much
                if asked == FUNCTION:
                    function = pipe.recv()
                    say(_Said.READY, None)
                continue
            job = pickle.loads(asked)
        except (EOFError, OSError):  # the parent ended meanwhile
            return
        except Exception as error:  # what a script defines is not known here
            logger.debug("a job cannot be taken: %s", error)
            return
        with logging_to(teller, level):
            said = _answer(function, job, teller)
        sys.stdout.flush()
        try:
            say(*said)
        except OSError:
            return


def _send(pipe: Connection, value: Any) -> None:
    # Not by ``send``, with which torch would lay tensors into shared memory.
    pipe.send_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def _answer(
    function: Callable[[Job], Any], job: Job, teller: Callable[[Any], None]
) -> tuple[_Said, Any]:
    """Run a job, and say what came of it."""
    try:
        with telling(teller):
            return _Said.RESULT, function(job)
    except Exception as error:
        return _Said.ERROR, (_travelling(error), traceback.format_exc())


def _travelling(error: Exception) -> Exception:
    """Return an error, or another with its words where it would not arrive in another process."""
    try:
        pickle.loads(pickle.dumps(error, pickle.HIGHEST_PROTOCOL))
    except Exception:  # each type has its own
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def answer_alone(
    sent: bytes, level: int, job: Job, teller: Callable[[Any], None]
) -> tuple[tuple[_Said, Any], list[Any]]:
    """Run a job of a packed function on one thread, in a process that others started.

    Return what came of it, and what it logged and warned of, to be heard with :func:`hear`.
    """
    logged: list[Any] = []
    os.environ.update(dict.fromkeys(THREADS, "1"))  # for libraries that the job loads
    function = pickle.loads(sent)
    with one_thread(), logging_to(logged.append, level):
        return _answer(function, job, teller), logged


def result_of(said: _Said, result: Any) -> Any:
    """Return the result of a job that another process ran, or raise its error."""
    if said is _Said.ERROR:
        error, place = result
        raise error from RuntimeError(f"in another process:\n{place}")
    return result


def _die_with_parent() -> None:
    """End at once when the parent ends, as nobody would read the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
