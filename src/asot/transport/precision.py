"""Where more digits than the input's are needed."""

from __future__ import annotations

import torch
from torch import Tensor


def wide(values: Tensor) -> torch.dtype:
    """The dtype for running sums and duals: float64 wherever the device has it."""
    return values.dtype if values.device.type == "mps" else torch.float64
