"""How jobs are spread over processes and threads of this machine, or over Ray's."""

from __future__ import annotations

import multiprocessing
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from asot.errors import ArgumentError, UnfinishedError, require_integer
from asot.processes import (
    Died,
    answer_alone,
    begin_crew,
    crew,
    has_crew,
    one_thread,
    packed,
    run_beside,
    run_here,
    run_jobs,
)
from asot.remote import carried
from asot.serving import result_of
from asot.telling import Told, hear, logged_from

Job = TypeVar("Job")
Result = TypeVar("Result")

WORTH_S = 4.0  # of work, for which another process is begun: to load the libraries takes one
AGAIN = "give the same command again"

# Runs jobs, so many at once, and yields each with its result as it ends; see ``run_jobs``.
Engine = Callable[
    [Callable[[Any], Any], Sequence[Any], int, Told], Iterator[tuple[Any, "Any | Died"]]
]


@dataclass(frozen=True)
class Workers:
    """How jobs are spread: how many run at once, and by which of ``ENGINES``.

    There are as many as cores, or as ``OMP_NUM_THREADS`` says, or with Ray as its cluster has room
    for, unless ``count`` is given. Results do not depend on either. What is not given is as for
    the workers ``in_use``, which a command sets.

    Raises
    ------
    ArgumentError
        If the count is below 1 or there is no such engine.
    """

    count: int | None = None
    engine: str | None = None

    def __post_init__(self) -> None:
        if self.count is not None:
            require_integer("workers", self.count, at_least=1)
        if self.engine is not None and self.engine not in ENGINES:
            known = ", ".join(ENGINES)
            raise ArgumentError(
                f"engine must be one of {known}, but is {self.engine!r}.", setting="engine"
            )

    @property
    def number(self) -> int:
        """Return how many jobs run at once."""
        return self.count or usable_threads()

    @property
    def name(self) -> str:
        """Return the name of the engine."""
        return self.engine or _in_use.engine or "processes"

    def sharing(self, cores: int | None) -> Workers:
        """Return as many workers as there is room for, if each uses ``cores``, or all for None."""
        if self.count or _in_use.count or self.name == "ray":
            return self
        return replace(self, count=max(1, usable_threads() // cores) if cores else 1)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let everything within the block run its jobs by these workers, and in as many threads.

        Processes stay for the block's later jobs.
        """
        global _in_use
        _in_use, before = self, _in_use
        try:
            with crew():
                yield
        finally:
            _in_use = before

    def ahead(self, jobs: int, seconds: float, loaded: Any) -> None:
        """Begin the processes that a later run will want, within a crew.

        It is a run of so many ``jobs`` and ``seconds``. They load what it takes to unpack
        ``loaded`` while this process does other things.
        """
        count = min(self.number, jobs)
        if self.name == "processes" and count > 1 and seconds >= WORTH_S and not _is_job():
            begin_crew(count - 1, loaded)

    def run(
        self,
        function: Callable[[Job], Result],
        jobs: Sequence[Job],
        told: Told = lambda job, value: None,
        apart: bool = False,
        gpu: bool = False,
        seconds: float = 60.0,
    ) -> Iterator[tuple[Job, Result | Died]]:
        """Run jobs, and yield each with its result as it ends, in any order.

        ``function`` must be of a module, or a partial of such a function, and jobs and results
        plain values, so that another process can take them. An exception that it raises is raised
        here, and gives up the other jobs. While it runs it may call :func:`tell`, whose values come
        to ``told``. Each job has a single thread inside numerical libraries. A job whose worker
        died is run once more, alone, after all others; its result is ``Died`` if that dies too.
        Jobs run in this process too, and in no other where all together take so few ``seconds`` on
        one core that it would come too late, unless they are to run ``apart``, or another is there
        for them in a :func:`asot.processes.crew`. Jobs of 0 seconds, which others may not be able
        to do, stay here, but for those ``apart``. Ray takes all others, in this process's working
        folder, and gives each job that uses a ``gpu`` one for itself, where it has any.
        """
        engine = again = ENGINES[self.name]
        count = min(self.number, len(jobs))
        if engine is run_by_ray:
            engine = again = partial(run_by_ray, gpu=gpu)
            # Where none was asked for, the cluster has room for as many as it has.
            count = self.count or _in_use.count or 0
            if not seconds:
                engine = run_here
        if engine is run_jobs and not apart:
            few = count < 2 or not seconds or (seconds < WORTH_S and not has_crew())
            engine = run_here if few or _is_job() else run_beside
        died = []
        for job, result in engine(function, jobs, count, told):
            if isinstance(result, Died):
                died.append(job)
            else:
                yield job, result
        if died:
            yield from again(function, died, 1, told)


def run_by_ray(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    count: int,
    told: Told = lambda job, value: None,
    gpu: bool = False,
) -> Iterator[tuple[Job, Result | Died]]:
    """Run jobs as tasks of Ray, on a cluster or here; see :meth:`Workers.run`."""
    from asot.rays import run_tasks

    sent = packed(partial(_in_folder, str(Path.cwd()), carried(function)))
    if sent is None:
        yield from run_here(function, jobs, 1, told)
        return
    work = partial(answer_alone, sent, logged_from())
    for job, answer, lost in run_tasks(work, jobs, count or None, told, gpu):
        said, logged = answer or (None, ())
        for one in logged:
            hear(partial(told, job), one)
        yield job, Died(None, lost) if said is None else result_of(*said)


def _in_folder(folder: str, function: Callable[[Job], Result], job: Job) -> Result:
    """Run a job in a folder, to which the paths in it may be relative."""
    try:
        os.chdir(folder)
    except OSError as error:
        rule = "the machines of a cluster must share the disk with recordings and results"
        message = f"{platform.node()} does not have the folder {folder}: {rule}."
        raise UnfinishedError(message) from error
    return function(job)


ENGINES: dict[str, Engine] = {"serial": run_here, "processes": run_jobs, "ray": run_by_ray}
DEFAULT_WORKERS = _in_use = Workers()


def in_order(function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """Run jobs at once, and yield their results in the order of the jobs.

    It is in this process and those of a :func:`asot.processes.crew`, for which the function must be
    one of a module, or a partial of one. Without any, it is in as many threads as there may be,
    which wait for each other wherever the work is Python's. Each has a single thread inside
    numerical libraries. After an error or Ctrl-C, jobs that have begun in threads end first.

    Raises
    ------
    UnfinishedError
        If the process of a job died, twice.
    """
    from concurrent.futures import ThreadPoolExecutor

    threads = min(usable_threads(), len(jobs))
    if threads < 2:
        yield from map(function, jobs)
        return
    if DEFAULT_WORKERS.name == "processes" and has_crew() and not _is_job():
        found, at, numbered = dict[int, Result](), 0, list(enumerate(jobs))
        for (place, _), result in DEFAULT_WORKERS.run(partial(_of_second, function), numbered):
            if isinstance(result, Died):
                raise UnfinishedError(f"A part of the work is missing, as {result}: {AGAIN}.")
            found[place] = result
            while at in found:
                yield found.pop(at)
                at += 1
        return
    with one_thread(), ThreadPoolExecutor(threads, initializer=one_thread) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _of_second(function: Callable[[Job], Result], numbered: tuple[int, Job]) -> Result:
    return function(numbered[1])


def _is_job() -> bool:
    """Tell whether this process runs jobs for another: such may not begin others."""
    return multiprocessing.current_process().daemon


def usable_threads() -> int:
    """Count the threads that this process may use: as many as cores, or ``OMP_NUM_THREADS``.

    Workers in use say it themselves, where they were counted. The cores are those that this process
    may use; in a container they are known where joblib is installed.
    """
    if _in_use.count is not None:
        return _in_use.count
    affinity = getattr(os, "sched_getaffinity", None)
    cores = (len(affinity(0)) if affinity else os.cpu_count()) or 1
    with suppress(ModuleNotFoundError):
        from joblib import cpu_count  # type: ignore[import-untyped]

        cores = int(cpu_count())
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(asked), cores) if asked.isdecimal() and int(asked) else cores
