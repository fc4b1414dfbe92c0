"""What a process does that takes jobs of another: it gets a function, then jobs, and answers."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from asot.telling import logging_to, telling

Job = TypeVar("Job")

# Read by the numerical libraries when a process starts: each of ours uses one thread.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# What a process is told before it gets a function, with the level of logging; no pickle.
FUNCTION, FORGET = b"function", b"forget"

logger = logging.getLogger(__name__)


class Reply(Enum):
    """What a process says of its job."""

    READY = auto()  # with the function
    PROGRESS = auto()
    RESULT = auto()
    ERROR = auto()


def serve(pipe: Connection) -> None:
    """Take a function, jobs, and other functions, until the pipe is closed."""
    # The parent decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # Before the libraries are loaded, with the function.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    function: Any = None
    job: Any = None
    said: Any = None
    level, saying = logging.WARNING, threading.Lock()

    def say(*said: Any) -> None:
        with saying:  # threads of a job log as well
            send(pipe, said)

    teller = partial(say, Reply.PROGRESS)
    while True:
        try:
            asked = pipe.recv_bytes()
            if asked == FORGET or asked.startswith(FUNCTION):
                function = job = said = None  # they may hold much
                if asked != FORGET:
                    level = int(asked.removeprefix(FUNCTION))
                    with warnings.catch_warnings():  # forgets what earlier runs were warned of
                        pass
                    function = pipe.recv()
                    say(Reply.READY, None)
                continue
            job = pickle.loads(asked)
        except (EOFError, OSError):  # the parent ended meanwhile
            return
        except Exception as error:  # what a script defines is not known here
            logger.debug("a job cannot be taken: %s", error)
            return
        with logging_to(teller, level):
            said = answer(function, job, teller)
        sys.stdout.flush()
        try:
            say(*said)
        except OSError:
            return


def send(pipe: Connection, value: Any) -> None:
    """Send a value to another process."""
    # Not by ``send``, with which torch would lay tensors into shared memory.
    pipe.send_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def answer(
    function: Callable[[Job], Any], job: Job, teller: Callable[[Any], None]
) -> tuple[Reply, Any]:
    """Run a job, and say what came of it."""
    try:
        with telling(teller):
            return Reply.RESULT, function(job)
    except Exception as error:
        return Reply.ERROR, (_travelling(error), traceback.format_exc())


def _travelling(error: Exception) -> Exception:
    """Return an error, or another with its words where it would not arrive in another process."""
    try:
        pickle.loads(pickle.dumps(error, pickle.HIGHEST_PROTOCOL))
    except Exception:  # each type has its own
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def result_of(said: Reply, result: Any) -> Any:
    """Return the result of a job that another process ran, or raise its error."""
    if said is Reply.ERROR:
        error, place = result
        raise error from RuntimeError(f"in another process:\n{place}")
    return result


def _die_with_parent() -> None:
    """End at once when the parent ends, as nobody would read the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
