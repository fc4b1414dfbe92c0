"""Arguments read: arrays as tensors, lists of arrays padded, and a sentence for what is not fit."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from asot.errors import ArgumentError, require_number

MARGINAL_SUM_TOLERANCE = 1e-4  # as marginals may come from sums in float32
# Dtypes that torch takes without a change, the common case.
PLAIN = (np.dtype(np.float32), np.dtype(np.float64))
# Weights that may be given for each action as well as for each recording.
PER_ACTION = ("radius", "lambda_actions")
ARRAYS = (np.ndarray, Tensor, list, tuple)
NUMPY = (np.generic, np.ndarray)


def refused(subject: str, rule: str) -> ArgumentError:
    """Make the error of an argument; ``subject`` may add a part or a value to its name."""
    return ArgumentError(f"{subject} {rule}", setting=subject.partition(".")[0].partition("=")[0])


def check_mode(mode: str) -> None:
    """Refuse a mode that does not exist."""
    if mode not in ("default", "parity"):
        raise refused("mode", f'must be "default" or "parity", but is {mode!r}.')


def check_gradient(gradient: str, tolerance: float | None) -> None:
    """Refuse a gradient that does not exist, or the implicit one where nothing need converge."""
    if gradient not in ("unrolled", "implicit"):
        raise refused("gradient", f'must be "unrolled" or "implicit", but is {gradient!r}.')
    if gradient == "implicit" and tolerance is None:
        raise refused(
            'gradient="implicit"',
            "is that of a converged plan: give a tolerance=, such as 1e-6, and a max_iterations= "
            "that reaches it, such as 10_000.",
        )


def as_tensor(name: str, values: Any) -> Tensor:
    """Make a tensor of ``values``, without a copy where possible."""
    if isinstance(values, Tensor):
        if values.layout != torch.strided or values.is_meta:
            raise refused(name, f"must be a dense tensor with values, not {values.layout}.")
        return values
    # Strides of axes of length 1 may be negative even so.
    if type(values) is np.ndarray and values.dtype in PLAIN and values.flags.carray:
        return torch.from_numpy(values if min(values.strides, default=0) >= 0 else values.copy())
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise refused(name, f"cannot be made an array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise refused(name, f"must hold numbers, but is of {array.dtype}.")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # torch takes no negative strides and warns of read-only memory, such as a memory-mapped file's.
    as_it_is = array.flags.writeable and min(array.strides, default=0) >= 0
    return torch.from_numpy(array if as_it_is else array.copy())


def as_number(name: str, value: Any) -> Any:
    """Return the number that a scalar of NumPy or torch holds, and anything else as it is."""
    if isinstance(value, Tensor) and value.ndim == 0:
        return without_graph(name, as_tensor(name, value)).item()
    return value.item() if isinstance(value, NUMPY) and value.ndim == 0 else value


def without_graph(name: str, weight: Tensor) -> Tensor:
    """Return a weight, or refuse one by which a derivative is asked for."""
    forward = torch.autograd.forward_ad
    if (
        (weight.requires_grad and torch.is_grad_enabled())
        or torch._C._functorch.is_functorch_wrapped_tensor(weight)
        or (forward._current_level >= 0 and forward.unpack_dual(weight).tangent is not None)
    ):
        raise refused(
            name,
            "must not ask for a gradient, as gradients flow to the cost alone: give "
            f"{name}.detach(), or scale the cost.",
        )
    return weight


def as_integers(name: str, values: Any) -> Tensor:
    """Make a tensor of int64, of integers alone: nothing is cut to one."""
    tensor = as_tensor(name, values)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise refused(name, f"must be integers, but are of {tensor.dtype}.")
    return tensor.long()


def real(name: str, values: Any) -> Tensor:
    """Make a tensor of real numbers, cut from any graph."""
    tensor = as_tensor(name, values).detach()
    if tensor.is_complex():
        raise refused(name, f"must be real, but is of {tensor.dtype}.")
    return tensor


def is_list_of_arrays(values: Any, n_axes: int) -> TypeGuard[Sequence[Any]]:
    """Tell whether ``values`` is a list with an array of so many axes for each recording."""
    return (
        isinstance(values, (list, tuple))
        and len(values) > 0
        and all(isinstance(one, (np.ndarray, Tensor)) and one.ndim == n_axes for one in values)
    )


def pad_list(
    name: str,
    arrays: Sequence[Any],
    shapes: Sequence[tuple[int, ...]] | None = None,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """Pad arrays of recordings with zeros and stack them; gradients flow.

    Each must have its own of the ``shapes``; padded they have ``shape``, that of the widest unless
    given.
    """
    tensors = [as_tensor(name, one) for one in arrays]
    found = [tuple(one.shape) for one in tensors]
    shapes = found if shapes is None else shapes
    if len(found) != len(shapes):
        raise refused(
            name, f"must be a list of {len(shapes)}, one for each recording, but has {len(found)}."
        )
    for b, (own, right) in enumerate(zip(found, shapes, strict=True)):
        if 0 in own:
            raise refused(name, f"must have a frame and an action, but recording {b} has {own}.")
        if own != right:
            raise refused(name, f"must have the shape {right} for recording {b}, but has {own}.")
    dtype = functools.reduce(torch.promote_types, [one.dtype for one in tensors])
    most = [max(sizes) for sizes in zip(*shapes, strict=True)] if shape is None else shape

    def padded(one: Tensor) -> Tensor:
        gaps = [wide - own for wide, own in zip(most, one.shape, strict=True)]
        # From the last axis to the first, before and after.
        return torch.nn.functional.pad(one.to(dtype), [n for gap in gaps[::-1] for n in (0, gap)])

    return torch.stack([padded(one) for one in tensors])


def read_lengths(
    lengths: Any, cost: Tensor, *, name: str = "lengths", axis: int = 1, what: str = "frames"
) -> list[int]:
    """Read the lengths of the recordings of a batch (B, N, K), or their numbers of actions."""
    batch, most = cost.shape[0], cost.shape[axis]
    if lengths is None:
        return [most] * batch
    if as_tensor(name, lengths).numel() == 0:
        raise refused(name, "must name one length for each recording, but is empty.")
    tensor = as_integers(name, lengths)
    if tensor.ndim == 0:
        tensor = tensor[None]
    if tensor.shape != (batch,):
        raise refused(
            name,
            f"must name one length for each of the {batch} recordings, "
            f"but has the shape {tuple(tensor.shape)}.",
        )
    each: list[int] = tensor.tolist()
    for b, length in enumerate(each):
        if not 1 <= length <= most:
            raise refused(
                name,
                f"must lie between 1 and the {most} {what} of the cost, "
                f"but recording {b} has {length}.",
            )
    return each


def read_weight(name: str, values: Any, cost: Tensor, **bounds: float) -> Tensor:
    """Read a parameter of each recording, (B,), or of each action, (B, K), as float64.

    A radius in frames stays int64.
    """
    batch, _, n_actions = cost.shape
    if isinstance(values, Tensor):
        without_graph(name, values)
    tensor = real(name, values).cpu()
    if name != "radius" or tensor.is_floating_point():
        tensor = tensor.double()
    shape, per_action = tuple(tensor.shape), name in PER_ACTION
    if per_action and 1 < batch == n_actions and shape == (batch,):
        raise refused(
            name,
            f"may be one for each of the {batch} recordings or actions: give the shape "
            f"({batch}, 1) or (1, {batch}).",
        )
    if shape in ((batch,), (batch, 1)):
        tensor = tensor.reshape(batch)
    elif per_action and shape in ((n_actions,), (1, n_actions), (batch, n_actions)):
        tensor = tensor.expand(batch, n_actions)
    else:
        known = f"({batch},)"
        if per_action:
            known += f", ({n_actions},) or ({batch}, {n_actions})"
        raise refused(name, f"must be a number or have the shape {known}, but has {shape}.")
    for value in (tensor.min(), tensor.max()):
        require_number(name, float(value), **bounds)
    return tensor


def read_shaped(name: str, tensor: Tensor, shapes: tuple[tuple[int, ...], ...]) -> Tensor:
    """Expand a tensor to the last of the shapes, if it has any of them."""
    if tuple(tensor.shape) not in shapes:
        known = " or ".join(map(str, shapes))
        raise refused(name, f"must have the shape {known}, but has {tuple(tensor.shape)}.")
    return tensor.expand(shapes[-1])


def read_marginal(
    name: str, values: Any, shape: tuple[int, int], cost: Tensor, exists: Tensor | None = None
) -> Tensor:
    """Read a marginal as a tensor of ``shape``; zero where frames do not exist."""
    tensor = read_shaped(name, real(name, values).to(cost), (shape[1:], shape))
    if exists is not None:
        tensor = torch.where(exists, tensor, 0.0)
    if not bool(torch.isfinite(tensor).all()):
        raise refused(name, "must be finite, but holds NaN or infinite values.")
    if bool((tensor < 0).any()):
        raise refused(name, f"must not be negative, but its least value is {tensor.min():g}.")
    sums = tensor.sum(dim=1)
    worst = int((sums - 1.0).abs().argmax())
    if abs(float(sums[worst]) - 1.0) > MARGINAL_SUM_TOLERANCE:
        raise refused(
            name,
            f"must sum to 1 over each recording, but sums to {float(sums[worst]):g} for "
            f"recording {worst}: divide it by its sum.",
        )
    return tensor / sums[:, None]
