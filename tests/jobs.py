"""What the tests give to processes: each is imported there, so it imports little itself."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import warnings
from contextlib import suppress
from multiprocessing import parent_process
from pathlib import Path

from asot.errors import AsotError
from asot.processes import has_crew
from asot.serving import THREADS
from asot.telling import tell
from asot.workers import Workers, in_order

if parent_process() is not None and "ASOT_TESTS_IMPORT" in os.environ:
    Path(os.environ["ASOT_TESTS_IMPORT"]).touch()
    time.sleep(0.2)


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


def warn(sentence: str) -> str:
    """Logs, from a thread as well, and warns."""
    logger = logging.getLogger("asot.jobs")
    beside = threading.Thread(target=logger.warning, args=("%s, beside", sentence))
    beside.start()
    logger.warning("%s, logged", sentence)
    logger.info("%s, not said", sentence)
    beside.join()
    warnings.warn(f"{sentence}, warned", stacklevel=1)
    return sentence


def log_warning(message: str, given: str) -> None:
    logging.getLogger("asot.jobs").warning(message, given)


class Counted:
    """A function that counts how often it is made ready to travel."""

    def __init__(self) -> None:
        self.packed = 0

    def __call__(self, number: int) -> int:
        return number

    def __getstate__(self) -> dict[str, int]:
        self.packed += 1
        return {"packed": self.packed}


class Held:
    """A function that leaves a file where it is let go in another process."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, number: int) -> tuple[int, int]:
        return number, os.getpid()

    def __del__(self) -> None:
        if parent_process() is not None:
            self.file.touch()


class Loaded:
    """What writes the number of the process that unpacks it into a file, slowly."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return _load, (self.file,)


class Sent:
    """A large function; a file tells when it is about to be sent."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, number: int) -> None:
        time.sleep(60)

    def __getstate__(self) -> dict[str, object]:
        self.file.touch()
        return {"file": self.file, "large": bytes(300_000_000)}


def _load(file: Path) -> None:
    time.sleep(0.3)
    file.write_text(str(os.getpid()))


class Deadly:
    """A function that kills the first process that unpacks it."""

    def __init__(self, died: Path) -> None:
        self.died = died

    def __call__(self, number: int) -> tuple[int, int]:
        return process_of(number)

    def __reduce__(self) -> tuple[object, ...]:
        return _kill_first, (self.died,)


def _kill_first(died: Path) -> Deadly:
    if parent_process() is not None and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Deadly(died)


def return_it(held: Held) -> Held:
    return held


def warn_and_log(sentence: str) -> int:
    """Warns in the same words at the same place each time, and logs what few want to read."""
    logging.getLogger("asot.jobs").debug(sentence)
    warnings.warn(sentence, stacklevel=1)
    return os.getpid()


def spread_within(number: int) -> tuple[bool, dict[int, int], list[int]]:
    """Asks for processes in a job, which may not begin any."""
    with Workers(2).in_use():
        Workers(2).ahead(2, 60.0, None)
        found = Workers(2).run(square, [1, number])
        numbers = {job: one for job, one in found if isinstance(one, int)}
        return has_crew(), numbers, list(in_order(square, [1, number]))


def process_of(number: int) -> tuple[int, int]:
    """Returns the number of its process; takes a while, so that others have their share."""
    time.sleep(0.05)
    return number, os.getpid()


def die_elsewhere(died: Path) -> None:
    """Ends any process but the one that has no parent, which waits until one has died."""
    if parent_process() is not None:
        died.touch()
        os._exit(3)
    until = time.monotonic() + 60
    while not died.exists() and time.monotonic() < until:
        time.sleep(0.01)


def count_up(number: int) -> int:
    """Tells of each step."""
    for step in range(number):
        tell(step)
    return number


def refuse(error: AsotError) -> None:
    raise error


def die_once(job: tuple[Path, int]) -> int:
    """Leaves a file for each time it is begun; the first other process dies, this one waits."""
    folder, number = job
    died = folder / "died"
    (folder / f"{number}-{time.monotonic_ns()}").touch()
    if parent_process() is not None:
        with suppress(FileExistsError):
            died.touch(exist_ok=False)  # of two that begin at once, one is the first
            os.kill(os.getpid(), signal.SIGKILL)
    until = time.monotonic() + 60
    while not died.exists() and time.monotonic() < until:
        time.sleep(0.01)
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


class LostNews:
    """Stands for what hears of Ray's jobs, and ends its process when it is asked."""

    def tell(self, index: int, value: object) -> None:
        """Is never heard."""

    def take(self) -> None:
        os._exit(1)


class OddError(Exception):
    """Is made of two words, and cannot be made again of its sentence."""

    def __init__(self, one: str, two: object) -> None:
        super().__init__(f"{one} and more")
        self.two = two


def fail_oddly(two: object) -> None:
    """Fails with what does not arrive in another process, or does not even leave this one."""
    raise OddError("one", threading.Lock() if two == "lock" else two)


def fail(why: str) -> None:
    raise ValueError(why)
