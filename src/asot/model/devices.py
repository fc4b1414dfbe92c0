"""The device that a process trains on, and the processes that share a training.

Torch is imported late, so that a process knows its place before it takes seconds for that.
"""

from __future__ import annotations

import atexit
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from asot.errors import ConfigurationError, UnfinishedError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Made = TypeVar("Made")

HERE = "127.0.0.1"
JOINING = timedelta(minutes=10)
# Whoever waits for a process that died is told at once, as the connection closes.
FOREVER = timedelta(days=1000)


@dataclass(frozen=True)
class Devices:
    """The device of this process, and its rank among the processes that share the training."""

    device: torch.device
    rank: int = 0
    count: int = 1

    def alone(self) -> Devices:
        """Return this device as if there were no other."""
        return Devices(self.device)

    def add(self, values: list[Tensor]) -> list[Tensor]:
        """Return the sums of tensors over all processes, of one exchange."""
        if self.count == 1:
            return values
        import torch
        from torch import distributed

        flat = torch.cat([one.reshape(-1) for one in values])
        with _all_are_there():
            distributed.all_reduce(flat)
        parts = flat.split([one.numel() for one in values])
        return [part.view_as(one) for part, one in zip(parts, values, strict=True)]

    def join(self, own: dict[Any, Any]) -> dict[Any, Any]:
        """Join the dicts of all processes."""
        parts: list[Any] = [own]
        if self.count > 1:
            from torch import distributed

            parts = [None] * self.count
            with _all_are_there():
                distributed.all_gather_object(parts, own)
        return {name: value for part in parts for name, value in part.items()}

    def from_first(self, make: Callable[[], Made]) -> Made:
        """Let the first process make something, and return it in all; where it fails, all end."""
        if self.count == 1:
            return make()
        from torch import distributed

        made: list[Any] = [None, False]
        try:
            if self.rank == 0:
                made = [make(), True]
        finally:
            with _all_are_there():
                distributed.broadcast_object_list(made)
        if not made[1]:
            raise SystemExit(1)  # the first process says why
        found: Made = made[0]
        return found


class _Place(NamedTuple):
    """The place of a process among several, as whoever started them says."""

    rank: int
    of: int
    local_rank: int


def find_devices(device: str, devices: int | str = 1) -> Devices:
    """Find this process's device, and start the other processes where there are to be several.

    ``device`` is "auto" (a CUDA GPU or the CPU), "cpu", "gpu", or a device of torch; ``devices``
    is their number, or "auto" for all GPUs. Several share each batch: the program is started
    again for each of them, unless torchrun or srun started several, on one machine or more.
    """
    import torch

    # Apple's GPUs are never chosen: nothing here has been tried on them.
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = {"auto": auto, "gpu": "cuda"}.get(device, device)
    try:
        if devices == "auto":
            devices = torch.cuda.device_count() if chosen == "cuda" else 1
        place = torch.device(chosen)
        if int(devices) < 1:
            raise ValueError("their number must be 1 or more.")
        if int(devices) > (most := max(64, os.cpu_count() or 1)):
            raise ValueError(f"each is a process, and {most} are the most.")
        if int(devices) == 1:
            torch.zeros(1, device=place)
            return Devices(place)
        return _join(place.type, int(devices))
    except UnfinishedError:
        raise
    except Exception as error:  # each library refuses in its own way
        reason = " ".join(str(error).split())
        with_devices = "" if devices == 1 else f" with devices {devices!r}"
        raise ConfigurationError(
            f"device {device!r}{with_devices} cannot be used here: {reason}", setting="device"
        ) from error


def count_started() -> int:
    """Count the processes that torchrun or srun started for this program: 1 without them."""
    place = _started()
    return 1 if place is None else place.of


def is_main_process() -> bool:
    """Tell whether this process writes the results; all others only help to train."""
    place = _started()
    return place is None or place.rank == 0


def _started() -> _Place | None:
    """Read what torchrun, srun or :func:`_start_others` told this process."""
    for names in (
        ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    ):
        if all(os.environ.get(name, "").isdecimal() for name in names):
            return _Place(*[int(os.environ[name]) for name in names])
    return None


@cache
def _join(kind: str, count: int) -> Devices:
    """Join the processes of a training, which are left when the program ends."""
    import torch
    from torch import distributed
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    # Collectives of objects go through the CPU.
    backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
    place = _started()
    if place is None:
        # Whoever reaches it can lead processes elsewhere, and they believe what they are sent.
        with socket.create_server((HERE, 0)) as server:
            port, descriptor = server.getsockname()[1], os.dup(server.fileno())
        options: Any = {"wait_for_workers": False, "master_listen_fd": descriptor}
        store = TCPStore(HERE, port, count, True, JOINING, **options)
        _start_others(count, store)
        place = _Place(0, count, 0)
        distributed.init_process_group(backend, None, FOREVER, count, 0, store)
    elif "ASOT_PORT" in os.environ:
        store = TCPStore(HERE, int(os.environ["ASOT_PORT"]), timeout=JOINING)
        store.set(str(place.rank), "started")
        distributed.init_process_group(backend, None, FOREVER, place.of, place.rank, store)
    else:
        if "SLURM_JOB_ID" in os.environ:
            first = re.match(r"[^,[]+(\[\d+)?", os.environ.get("SLURM_STEP_NODELIST", "localhost"))
            os.environ.setdefault("MASTER_ADDR", first.group().replace("[", "") if first else "")
            port = 20_000 + int(os.environ["SLURM_JOB_ID"]) % 10_000
            os.environ.setdefault("MASTER_PORT", str(port))
        store = _meet(place)
        distributed.init_process_group(backend, None, FOREVER, place.of, place.rank, store)
    # Its threads sometimes end too late otherwise, and complain.
    atexit.register(distributed.destroy_process_group)
    if kind == "cuda":
        torch.cuda.set_device(place.local_rank)
        return Devices(torch.device(kind, place.local_rank), place.rank, place.of)
    return Devices(torch.device(kind), place.rank, place.of)


def _meet(place: _Place) -> Any:
    """Meet the processes that others started, at the place that torchrun or srun told."""
    from torch.distributed.rendezvous import rendezvous

    try:
        store, _, _ = next(rendezvous("env://", place.rank, place.of, timeout=JOINING))
    except RuntimeError as error:
        if not re.search("timed? ?out", str(error), re.IGNORECASE):
            raise
        minutes = JOINING.total_seconds() / 60
        rule = (
            f"Not all of the {place.of} processes of this training met within {minutes:g} minutes"
        )
        raise UnfinishedError(
            f"{rule}: start as many, on machines that reach each other."
        ) from error
    return store


def _start_others(count: int, store: Any) -> None:
    """Start this program again for each of the other processes, and wait until they are there."""
    if not hasattr(sys.modules["__main__"], "__file__"):
        raise ConfigurationError("several are for programs in a file, which is started for each.")
    command = [sys.executable, *sys.orig_argv[1:]]
    started = []
    for rank in range(1, count):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "ASOT_PORT": store.port}
        environment = {**os.environ, **{name: str(value) for name, value in told.items()}}
        # Ctrl-C is for the first process alone; the others end with it.
        started.append(subprocess.Popen(command, env=environment, start_new_session=True))
        atexit.register(started[-1].wait)
    while not store.check([str(rank) for rank in range(1, count)]):
        if any(one.poll() is not None for one in started):
            raise UnfinishedError("Another process of this training ended as soon as it began.")
        time.sleep(0.02)


@contextmanager
def _all_are_there() -> Iterator[None]:
    """Say so where another process has ended; all but the first end without a word."""
    try:
        yield
    except RuntimeError as error:
        if not is_main_process():
            raise SystemExit(1) from None
        raise UnfinishedError(
            "Another process of this training has ended: the same command goes on from the last "
            "epoch."
        ) from error
