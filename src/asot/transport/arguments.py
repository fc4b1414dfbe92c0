"""Reading and checking the arguments of ``solve``, before any work is done."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asot.errors import ArgumentError, require_integer, require_number

# Marginals may come from sums in float32.
MARGINAL_SUM_TOLERANCE = 1e-4
MOST_ITERATIONS = 1_000_000
# What torch takes as it is, the common case; ``carray`` is contiguous, aligned and writeable.
PLAIN = (np.dtype(np.float32), np.dtype(np.float64))


def check_options(
    *,
    epsilon: float,
    alpha: float,
    radius: float | int,
    lambda_actions: float | None,
    lambda_frames: float | None,
    max_iterations: int,
    inner_iterations: int,
    tolerance: float | None,
    step_size: float | None,
    mode: str,
) -> None:
    """Refuse options outside their ranges, each with one sentence."""
    require_number("epsilon", epsilon, above=0.0)
    require_number("alpha", alpha, at_least=0.0, below=1.0)
    require_number("radius", radius, above=0.0)
    for name, value in (
        ("lambda_actions", lambda_actions),
        ("lambda_frames", lambda_frames),
        ("step_size", step_size),
    ):
        if value is not None:
            require_number(name, value, above=0.0)
    if tolerance is not None:
        require_number("tolerance", tolerance, at_least=0.0)
    require_integer("max_iterations", max_iterations, at_least=0, at_most=MOST_ITERATIONS)
    require_integer("inner_iterations", inner_iterations, at_least=1, at_most=MOST_ITERATIONS)
    if mode not in ("default", "parity"):
        raise ArgumentError(f'mode must be "default" or "parity", but is {mode!r}.')


def read_cost(cost: Any) -> tuple[Tensor, bool]:
    """The cost as a floating-point batch (B, N, K), and whether it came as one (N, K)."""
    tensor = as_tensor("cost", cost)
    if tensor.is_complex():
        raise ArgumentError(f"cost must be real, but is of {tensor.dtype}.")
    if tensor.dtype not in (torch.float32, torch.float64):
        double = torch.get_default_dtype() == torch.float64 and not tensor.is_floating_point()
        tensor = tensor.to(torch.float64 if double else torch.float32)
    if tensor.ndim not in (2, 3):
        raise ArgumentError(
            "cost must have the shape (frames, actions) or (recordings, frames, actions), "
            f"but has {tuple(tensor.shape)}."
        )
    if 0 in tensor.shape:
        raise ArgumentError(
            "cost must have at least one recording, one frame and one action, "
            f"but has the shape {tuple(tensor.shape)}."
        )
    single = tensor.ndim == 2
    return (tensor[None] if single else tensor), single


def as_tensor(name: str, values: Any) -> Tensor:
    """``values`` as a tensor, without a copy where that can be."""
    if isinstance(values, Tensor):
        if values.layout != torch.strided or values.is_meta:
            raise ArgumentError(f"{name} must be a dense tensor with values, not {values.layout}.")
        return values
    # Strides of axes of length 1 may be negative even so.
    if type(values) is np.ndarray and values.dtype in PLAIN and values.flags.carray:
        return torch.from_numpy(values if min(values.strides, default=0) >= 0 else values.copy())
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"{name} cannot be made an array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"{name} must hold numbers, but is of {array.dtype}.")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # torch takes no negative strides and warns of read-only memory, such as a memory-mapped file's.
    as_it_is = array.flags.writeable and min(array.strides, default=0) >= 0
    return torch.from_numpy(array if as_it_is else array.copy())


def _real(name: str, values: Any) -> Tensor:
    """A tensor of real numbers, cut from any graph: gradients flow to the cost alone."""
    tensor = as_tensor(name, values).detach()
    if tensor.is_complex():
        raise ArgumentError(f"{name} must be real, but is of {tensor.dtype}.")
    return tensor


def read_lengths(lengths: Any, cost: Tensor) -> Tensor:
    """The recordings' lengths as int64, shape (B,)."""
    batch, n_frames, _ = cost.shape
    if lengths is None:
        return torch.full((batch,), n_frames, device=cost.device)
    tensor = as_tensor("lengths", lengths)
    if tensor.numel() == 0:
        raise ArgumentError("lengths must name one length for each recording, but is empty.")
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        raise ArgumentError(f"lengths must be integers, but are of {tensor.dtype}.")
    if tensor.ndim == 0:
        tensor = tensor[None]
    if tuple(tensor.shape) != (batch,):
        raise ArgumentError(
            f"lengths must name one length for each of the {batch} recordings, "
            f"but has the shape {tuple(tensor.shape)}."
        )
    for b, length in enumerate(tensor.tolist()):
        if not 1 <= length <= n_frames:
            raise ArgumentError(
                f"lengths must lie between 1 and the {n_frames} frames of the cost, "
                f"but recording {b} has {length}."
            )
    return tensor.to(device=cost.device, dtype=torch.int64)


def require_finite(cost: Tensor, lengths: Tensor) -> None:
    """Refuse a cost with NaN or infinite values on frames that exist."""
    # A finite sum tells that all is finite, without another array.
    if math.isfinite(float(cost.detach().sum())):
        return
    exists = torch.arange(cost.shape[1], device=cost.device) < lengths.to(cost.device)[:, None]
    if not bool(torch.isfinite(cost[exists]).all()):
        raise ArgumentError(
            "cost must be finite, but holds NaN or infinite values: mend them, or forbid entries "
            "with allowed=."
        )


def read_matrix(name: str, values: Any, cost: Tensor) -> Tensor:
    """A matrix of the cost's shape, or of one recording's, in the cost's dtype and place."""
    tensor = _real(name, values).to(cost)
    if tuple(tensor.shape) not in {tuple(cost.shape), tuple(cost.shape[1:])}:
        raise ArgumentError(
            f"{name} must have the shape of the cost, {tuple(cost.shape)}, "
            f"but has {tuple(tensor.shape)}."
        )
    return tensor.expand(cost.shape)


def check_marginal(
    name: str,
    values: Any,
    shape: tuple[int, int],
    cost: Tensor,
    exists: Tensor | None = None,
) -> Tensor:
    """A marginal as a tensor of ``shape``; zero where frames do not exist."""
    tensor = _real(name, values).to(cost)
    if tuple(tensor.shape) not in {shape, shape[1:]}:
        raise ArgumentError(
            f"{name} must have the shape {shape[1:]} or {shape}, but has {tuple(tensor.shape)}."
        )
    tensor = tensor.expand(shape)
    if exists is not None:
        tensor = torch.where(exists, tensor, 0.0)
    if not bool(torch.isfinite(tensor).all()):
        raise ArgumentError(f"{name} must be finite, but holds NaN or infinite values.")
    if bool((tensor < 0).any()):
        raise ArgumentError(
            f"{name} must not be negative, but its least value is {float(tensor.min()):g}."
        )
    sums = tensor.sum(dim=1)
    worst = int((sums - 1.0).abs().argmax())
    if abs(float(sums[worst]) - 1.0) > MARGINAL_SUM_TOLERANCE:
        raise ArgumentError(
            f"{name} must sum to 1 over each recording, but sums to {float(sums[worst]):g} for "
            f"recording {worst}: divide it by its sum."
        )
    return tensor / sums[:, None]
