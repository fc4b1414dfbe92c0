"""What the tests give to processes: each is imported there, so it imports little itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from asot.errors import AsotError
from asot.workers import THREADS, tell


def square(number: int) -> int:
    return number * number


def square_unless_odd(number: int) -> int:
    """Ends its process, in three ways, where the number is odd."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 3:
        os._exit(7)
    if number == 5:
        raise SystemExit(9)
    return number * number


def threads_and_process(_: int) -> tuple[list[str | None], int]:
    return [os.environ.get(name) for name in THREADS], os.getpid()


def announce_and_wait(folder: str) -> None:
    """Leave the number of the process in ``folder``, and wait much longer than a test does."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)


def count_up(number: int) -> int:
    """Tells of each step."""
    for step in range(number):
        tell(step)
    return number


def refuse(error: AsotError) -> None:
    raise error


def wait_to_be_alone(job: tuple[Path, int]) -> int:
    """Leaves a file each time it is begun; the second job dies the first time."""
    folder, number = job
    again = (folder / f"begun-{number}").exists()
    (folder / (f"begun-{number}" + "-again" * again)).touch()
    if number == 1 and not again:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def square_unless_killed(folder: str, number: int) -> int:
    """Is killed once where the number is 1, and always where it is 3; counts its attempts."""
    tell("began")
    place = Path(folder) / str(number)
    with place.open("a") as attempts:
        attempts.write(".")
    if number == 3 or (number == 1 and place.stat().st_size == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fail(why: str) -> None:
    raise ValueError(why)
