"""The device that a process trains on, and the processes that share a training."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asot.errors import ConfigurationError


@dataclass(frozen=True)
class Devices:
    """The device of this process, and its rank among the processes that share the training."""

    device: torch.device
    rank: int = 0
    count: int = 1

    def average(self, gradients: list[Tensor]) -> None:
        """Put the mean over all processes in place of this one's gradients."""
        if self.count > 1:
            flat = torch.cat([one.reshape(-1) for one in gradients]) / self.count
            self.add(flat)
            parts = flat.split([one.numel() for one in gradients])
            gradients[:] = [a.view_as(b) for a, b in zip(parts, gradients, strict=True)]

    def add(self, values: Tensor) -> None:
        """Put the sum over all processes in place of this one's values."""
        if self.count > 1:
            torch.distributed.all_reduce(values)

    def gather(self, own: dict[Any, Any]) -> dict[Any, Any]:
        """Join the dicts of all processes."""
        parts: list[Any] = [own]
        if self.count > 1:
            parts = [None] * self.count
            torch.distributed.all_gather_object(parts, own)
        return {name: value for part in parts for name, value in part.items()}


def find_devices(device: str, devices: int | str = 1) -> Devices:
    """Find this process's device, and start the other processes where there are to be several.

    ``device`` is "auto" (a CUDA GPU or the CPU), "cpu", "gpu", or a device of torch; ``devices``
    is their number, or "auto" for all GPUs. Several share each epoch's recordings: Lightning
    Fabric, imported for nothing else, starts the program again for each of them.
    """
    # Apple's GPUs are never chosen: nothing here has been tried on them.
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = {"auto": auto, "gpu": "cuda"}.get(device, device)
    try:
        if devices == "auto":
            devices = torch.cuda.device_count() if chosen == "cuda" else 1
        if int(devices) == 1:
            place = torch.device(chosen)
            torch.zeros(1, device=place)
            return Devices(place)
        return _several(chosen, int(devices))
    except ImportError:
        raise
    except Exception as error:  # each library refuses in its own way
        reason = " ".join(str(error).split())
        with_devices = "" if devices == 1 else f" with devices {devices!r}"
        raise ConfigurationError(
            f"device {device!r}{with_devices} cannot be used here: {reason}", setting="device"
        ) from error


def _several(accelerator: str, count: int) -> Devices:
    before = logging.root.manager.disable
    # Hide Lightning's messages about processes and hardware.
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lightning.fabric import Fabric

            fabric = Fabric(accelerator=accelerator, devices=count, strategy="ddp")
            fabric.launch()
    finally:
        logging.disable(before)
    return Devices(fabric.device, fabric.global_rank, fabric.world_size)


def is_main_process() -> bool:
    """Tell whether this process writes the results; all others only help to train."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((one for one in ranks if one is not None), "0") == "0"


def leave_processes() -> None:
    """Leave the other processes of a training, after the last model of a run.

    Left until the interpreter ends, the threads of gloo sometimes end too late and complain.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
