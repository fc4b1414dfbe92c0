"""Jobs as tasks of Ray: on this machine, or on a running cluster whose machines share a disk.

A cluster is joined where ``RAY_ADDRESS`` names it, and no other: whoever leads one runs code here.
Else Ray is started for this process alone, and ends with it: without its dashboard and its reports
of usage, and with all its files in a temporary folder that is removed.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from asot.errors import MissingExtraError, UnfinishedError
from asot.locks import HAS_FLOCK, lock
from asot.signals import put_off

Job = TypeVar("Job")

RETRIES = 2  # of a job whose worker is lost, before it counts as lost
ANSWER_S = 10.0  # in which a cluster must answer
NEWS_S = 0.25  # between looks at what jobs tell
# The sockets' paths must be short: a temporary folder with a longer path is not used.
LONGEST_FOLDER = 24
PREFIX = "asot-ray-"  # of the folders in it
OBJECTS = 1 << 28  # bytes of shared memory for jobs and results: they are small
MOST = 10_000  # tasks that wait or run, so that a cluster can grow with them


def run_tasks(
    work: Callable[[Job, Callable[[Any], None]], Any],
    jobs: Sequence[Job],
    count: int | None,
    told: Callable[[Job, Any], None],
    gpu: bool,
) -> Iterator[tuple[Job, Any, str]]:
    """Run jobs as tasks, and yield each as it ends, with its result, or with why it was lost.

    ``work`` takes a job and a function to tell of it; at most ``count`` run at once, or as many as
    the cluster has room for. With ``gpu`` each has a GPU, where there are any.
    """
    if not jobs:
        return
    ray = _connect(count)
    with_gpu = gpu and ray.cluster_resources().get("GPU", 0) > 0
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # On this machine, which cannot be lost alone.
    own = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    news = ray.remote(num_cpus=0, scheduling_strategy=own)(_News).remote()
    task = ray.remote(_task).options(
        num_cpus=1, num_gpus=int(with_gpu), max_retries=RETRIES, scheduling_strategy="SPREAD"
    )
    shared, waiting = ray.put(work), list(reversed(range(len(jobs))))
    running: dict[Any, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (count or MOST):
                index = waiting.pop()
                running[task.remote(shared, jobs[index], index, news)] = index
            ended, _ = ray.wait(list(running), timeout=NEWS_S)
            with suppress(ray.exceptions.RayActorError):  # without news, the jobs go on
                for index, value in ray.get(news.take.remote()):
                    told(jobs[index], value)
            for one in ended:
                job = jobs[running.pop(one)]
                try:
                    yield job, ray.get(one), ""
                except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
                    cure = "install the same asot on all machines of the cluster"
                    last = str(error).strip().rpartition("\n")[2]
                    message = f"A worker of Ray could not take its job ({last}): {cure}."
                    raise UnfinishedError(message) from error
                except ray.exceptions.RayError as error:
                    yield job, None, f"its worker was lost ({type(error).__name__})"
    finally:
        for one in running:
            ray.cancel(one, force=True)
        ray.kill(news)


def _connect(count: int | None) -> Any:
    """Join a cluster, or start Ray for this process, unless that was done; return its library."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before its import, and for all that it starts
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError("ray", "ray", "--engine ray") from error
    if ray.is_initialized():
        return ray
    from ray._private import utils, worker

    in_main = threading.current_thread() is threading.main_thread()
    ours = signal.getsignal(signal.SIGTERM)
    # It would end this process as if it had failed, in the middle of its start.
    utils.set_sigterm_handler = lambda handler: None
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with put_off(), _not_here():
            if not address:
                _start(ray, count, quiet)
            else:
                # Ray would try for minutes where nobody answers.
                if port.isdecimal():
                    socket.create_connection((host, int(port)), ANSWER_S).close()
                ray.init("auto", **quiet)
    except (ConnectionError, TimeoutError, socket.gaierror) as error:
        if not address:
            raise
        rule = f"RAY_ADDRESS is {address}, where no Ray answers"
        raise UnfinishedError(f"{rule}: start it there, or unset RAY_ADDRESS.") from error
    finally:
        if in_main:  # Ray's libraries take it for themselves
            signal.signal(signal.SIGTERM, ours)
    # It would tell of each lost worker in a paragraph, on standard output.
    worker.print_to_stdstream = lambda data, **options: None
    return ray


@contextmanager
def _not_here() -> Iterator[None]:
    """Stand in the folder of Python's own library, unless this process imports from where it is.

    Ray's workers import from the folder in which it begins, before all others, and that may hold
    files of strangers.
    """
    here = Path.cwd()
    if here in {Path(one).resolve() for one in sys.path}:
        yield
        return
    script, sys.argv[0] = sys.argv[0], str(Path(sys.argv[0]).absolute())
    os.chdir(Path(os.__file__).parent)
    try:
        yield
    finally:
        os.chdir(here)
        sys.argv[0] = script


def _start(ray: Any, count: int | None, quiet: dict[str, Any]) -> None:
    """Start Ray for this process alone."""
    place = tempfile.gettempdir()
    place = place if len(place) <= LONGEST_FOLDER else "/tmp"
    _sweep(Path(place))
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=place)
    if HAS_FLOCK:  # until this process ends, however it does
        lock(os.open(folder, os.O_RDONLY), wait=True)
    # Else it writes a secret into the user's home.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

    def end() -> None:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    ray.init(
        "local",
        num_cpus=count,
        include_dashboard=False,
        object_store_memory=OBJECTS,
        _temp_dir=folder,
        **quiet,
    )


def _sweep(place: Path) -> None:
    """Remove the folders of processes that were killed."""
    for left in place.glob(f"{PREFIX}*") if HAS_FLOCK else ():
        with suppress(OSError):  # it may be another's
            opened = os.open(left, os.O_RDONLY)
            if lock(opened):
                shutil.rmtree(left, ignore_errors=True)
            os.close(opened)


def _task(
    work: Callable[[Any, Callable[[Any], None]], Any], job: Any, index: int, news: Any
) -> Any:
    return work(job, lambda value: news.tell.remote(index, value))


class _News:
    """What jobs have told since somebody looked."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Any]] = []

    def tell(self, index: int, value: Any) -> None:
        """Take a value of a job."""
        self.told.append((index, value))

    def take(self) -> list[tuple[int, Any]]:
        """Return what is new."""
        told, self.told = self.told, []
        return told
