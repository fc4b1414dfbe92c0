"""The arguments of ``solve``, checked and brought into one form: a ``Request``."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from asot.errors import ArgumentError, require_integer, require_number
from asot.transport.step import Weights

if TYPE_CHECKING:
    from asot.transport.structure import Structure

MARGINAL_SUM_TOLERANCE = 1e-4  # as marginals may come from sums in float32
MOST_ITERATIONS = 1_000_000
# Dtypes that torch takes without a change, the common case.
PLAIN = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass(eq=False, slots=True)
class Request:
    """The arguments of ``solve``, which documents them; making a request checks them.

    Afterwards ``cost`` is (B, N, K). ``lengths`` is a list, or a tensor where it lies on a GPU
    beside the cost, which saves the wait for it. Marginals, mask and warm start are None unless
    given, else tensors (B, N), (B, K), (B, N, K) and (B, N, K) on the cost's device, cut from any
    graph: gradients flow to the cost alone.
    """

    cost: Tensor
    epsilon: float = 0.07
    alpha: float = 0.3
    radius: float | int = 0.04
    lambda_actions: float | None = 0.1
    lambda_frames: float | None = None
    lengths: Any = None
    frame_marginal: Any = None
    action_marginal: Any = None
    allowed: Any = None
    structure: Structure | None = None
    initial: Any = None
    max_iterations: int = 25
    inner_iterations: int = 10
    tolerance: float | None = None
    step_size: float | None = None
    mode: str = "default"
    backend: str = "auto"
    single: bool = field(init=False)  # the cost came as (N, K)

    def __post_init__(self) -> None:
        require_number("epsilon", self.epsilon, above=0.0)
        require_number("alpha", self.alpha, at_least=0.0, below=1.0)
        require_number("radius", self.radius, above=0.0)
        for name in ("lambda_actions", "lambda_frames", "step_size"):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), above=0.0)
        if self.tolerance is not None:
            require_number("tolerance", self.tolerance, at_least=0.0)
        for name, least in (("max_iterations", 0), ("inner_iterations", 1)):
            require_integer(name, getattr(self, name), at_least=least, at_most=MOST_ITERATIONS)
        check_mode(self.mode)
        if self.backend not in ("auto", "torch", "cpu", "cuda"):
            raise refused(
                "backend", f'must be "auto", "torch", "cpu" or "cuda", but is {self.backend!r}.'
            )
        whole = isinstance(self.radius, numbers.Integral)
        self.radius = int(self.radius) if whole else float(self.radius)
        self._read_cost()
        plain = self.structure is None and self.frame_marginal is None
        plain = plain and self.action_marginal is None
        plain = plain and self.allowed is None and self.initial is None
        if not (plain and self.backend == "cuda" and self._has_lengths_on_its_gpu()):
            self.lengths = read_lengths(self.lengths, self.cost)
        if self.mode == "parity":
            self._check_parity()
        elif not plain:
            self._read_extras()

    @property
    def weights(self) -> Weights:
        """Return what decides the length of a step, beside the structure."""
        return Weights(*(getattr(self, name) for name in Weights._fields))

    @property
    def exists(self) -> Tensor:
        """Return True for frames within their recording's length, (B, N)."""
        cost = self.cost
        return torch.arange(cost.shape[1], device=cost.device) < self.lengths_in(cost)[:, None]

    def lengths_in(self, like: Tensor) -> Tensor:
        """Return the lengths as int64 on the device of ``like``, (B,)."""
        return torch.as_tensor(self.lengths, dtype=torch.int64, device=like.device)

    def require_finite(self) -> None:
        """Refuse a cost with NaN or infinite values on frames that exist."""
        # Where the sum is finite all values are, without another array.
        if math.isfinite(float(self.cost.detach().sum())):
            return
        if not bool(torch.isfinite(self.cost[self.exists]).all()):
            raise refused(
                "cost",
                "must be finite, but holds NaN or infinite values: mend them, or forbid entries "
                "with allowed=.",
            )

    def not_compiled(self, device: str) -> str | None:
        """Name the argument that the compiled solver of a device does not cover, or return None."""
        cost = self.cost
        if self.mode != "default":
            return f"mode={self.mode!r}"
        if cost.device.type != device:
            return f"a cost on {cost.device}"
        if cost.requires_grad and torch.is_grad_enabled():
            return "a cost that asks for gradients"
        in_level = torch.autograd.forward_ad._current_level >= 0
        if torch._C._functorch.is_functorch_wrapped_tensor(cost) or (
            in_level and torch.autograd.forward_ad.unpack_dual(cost).tangent is not None
        ):
            return "a cost inside a transform of torch.func or with a forward derivative"
        if self.structure is not None:
            return "a structure of one's own"
        return "a hard action side (lambda_actions=None)" if self.lambda_actions is None else None

    def _read_cost(self) -> None:
        tensor = as_tensor("cost", self.cost)
        if tensor.is_complex():
            raise refused("cost", f"must be real, but is of {tensor.dtype}.")
        if tensor.dtype not in (torch.float32, torch.float64):
            double = torch.get_default_dtype() == torch.float64 and not tensor.is_floating_point()
            tensor = tensor.to(torch.float64 if double else torch.float32)
        if tensor.ndim not in (2, 3) or 0 in tensor.shape:
            raise refused(
                "cost",
                "must have the shape (frames, actions) or (recordings, frames, actions), at least "
                f"one of each, but has {tuple(tensor.shape)}.",
            )
        self.single = tensor.ndim == 2
        self.cost = tensor[None] if self.single else tensor

    def _has_lengths_on_its_gpu(self) -> bool:
        lengths, cost = self.lengths, self.cost
        on_gpu = isinstance(lengths, Tensor) and lengths.is_cuda and cost.is_cuda
        return on_gpu and lengths.dtype == torch.int64 and lengths.shape == cost.shape[:1]

    def _check_parity(self) -> None:
        names = ("frame_marginal", "action_marginal", "allowed", "initial", "structure")
        given = [name for name in (*names, "tolerance") if getattr(self, name) is not None]
        if isinstance(self.radius, int):
            given.append("radius in frames")
        if given:
            raise refused(
                "mode='parity'",
                f"reproduces the authors' release, which has no {given[0]}: leave it out, or use "
                "the default mode.",
            )

    def _read_extras(self) -> None:
        """Read marginals, mask, warm start and structure."""
        cost, exists = self.cost, self.exists
        batch, n_frames, n_actions = cost.shape
        p, q = self.frame_marginal, self.action_marginal
        if p is not None:
            p = _read_marginal("frame_marginal", p, (batch, n_frames), cost, exists)
        if q is not None:
            q = _read_marginal("action_marginal", q, (batch, n_actions), cost)
            if self.lambda_actions is None and bool((q == 0).any()):
                raise refused(
                    "action_marginal",
                    "must be positive where the action side is hard (lambda_actions=None), but "
                    f"is 0 for action {int((q == 0).nonzero()[0, -1])}: drop the action, or "
                    "forbid it with allowed=.",
                )
        self.frame_marginal, self.action_marginal = p, q

        mask, shapes = None, (tuple(cost.shape[2:]), tuple(cost.shape[1:]), tuple(cost.shape))
        if self.allowed is not None:
            mask = as_tensor("allowed", self.allowed).to(device=cost.device)
            if mask.dtype != torch.bool:
                raise refused("allowed", f"must be of bool, but is of {mask.dtype}.")
            mask = _read_shaped("allowed", mask, shapes)
        # A relaxed side with a marginal of 0 has an infinite penalty on any mass: as a mask.
        if q is not None and self.lambda_actions is not None and bool((q == 0).any()):
            mask = (q > 0)[:, None, :] if mask is None else mask & (q > 0)[:, None, :]
        if p is not None and self.lambda_frames is not None and bool((p[exists] == 0).any()):
            mask = (p > 0)[:, :, None] if mask is None else mask & (p > 0)[:, :, None]
        if mask is not None:
            mask = mask.expand(cost.shape)
            self._check_mask(mask, exists if p is None else exists & (p > 0), exists)
        self.allowed = mask

        if self.initial is not None:
            start = _read_shaped("initial", _real("initial", self.initial).to(cost), shapes[1:])
            if bool((start[exists] < 0).any()) or not bool(torch.isfinite(start[exists]).all()):
                raise refused(
                    "initial",
                    "must be finite and non-negative, but its values go from "
                    f"{float(start[exists].min()):g} to {float(start[exists].max()):g}.",
                )
            self.initial = torch.where(exists[..., None], start, 0.0)
        if self.structure is not None:
            self._try_structure(self.structure)

    def _check_mask(self, mask: Tensor, used: Tensor, exists: Tensor) -> None:
        stuck = ~mask.any(dim=2) & used
        unused = ~(mask & exists[..., None]).any(dim=1)
        for weight, bare, one, other in (
            (self.lambda_frames, stuck, "frame", "action"),
            (self.lambda_actions, unused, "action", "frame"),
        ):
            if weight is None and bool(bare.any()):
                b, which = bare.nonzero()[0].tolist()
                raise refused(
                    "allowed",
                    f"must leave each {one} some {other} where the {one} side is hard, but leaves "
                    f"{one} {which} of recording {b} without.",
                )

    def _try_structure(self, structure: Structure) -> None:
        """Apply a structure once, to name its mistakes before any work."""
        shape, own = tuple(self.cost.shape), getattr(structure, "lengths", None)
        if isinstance(own, Tensor) and own.tolist() != self.lengths:
            raise refused(
                "structure",
                f"was made for recordings of {own.tolist()} frames, but lengths are "
                f"{self.lengths}: give it the same lengths.",
            )
        if not callable(getattr(structure, "apply", None)):
            kind = type(structure).__name__
            raise refused("structure", f"must have a method apply(coupling), which {kind} has not.")
        try:
            tried = structure.apply(torch.zeros_like(self.cost))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise refused(
                "structure.apply", f"fails on a coupling of shape {shape}: {error}"
            ) from error
        if not isinstance(tried, Tensor) or tried.shape != shape:
            found = tuple(tried.shape) if isinstance(tried, Tensor) else type(tried).__name__
            raise refused(
                "structure.apply", f"must return a tensor of shape {shape}, but returns {found}."
            )
        given = getattr(structure, "curvature", None)
        if given is not None and not (
            isinstance(given, Tensor)
            and given.shape == shape[:1]
            and bool((torch.isfinite(given) & (given >= 0)).all())
        ):
            raise refused(
                "structure.curvature",
                f"must be a tensor of shape {shape[:1]}, finite and not negative, but is {given}: "
                "mend it, or leave it out.",
            )


def refused(subject: str, rule: str) -> ArgumentError:
    """Make the error of an argument; ``subject`` may add a part or a value to its name."""
    return ArgumentError(f"{subject} {rule}", setting=subject.partition(".")[0].partition("=")[0])


def check_mode(mode: str) -> None:
    """Refuse a mode that does not exist."""
    if mode not in ("default", "parity"):
        raise refused("mode", f'must be "default" or "parity", but is {mode!r}.')


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


def _real(name: str, values: Any) -> Tensor:
    """Make a tensor of real numbers, cut from any graph."""
    tensor = as_tensor(name, values).detach()
    if tensor.is_complex():
        raise refused(name, f"must be real, but is of {tensor.dtype}.")
    return tensor


def read_lengths(lengths: Any, cost: Tensor) -> list[int]:
    """Read the lengths of the recordings of a batch (B, N, K)."""
    batch, n_frames, _ = cost.shape
    if lengths is None:
        return [n_frames] * batch
    tensor = as_tensor("lengths", lengths)
    if tensor.numel() == 0:
        raise refused("lengths", "must name one length for each recording, but is empty.")
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        raise refused("lengths", f"must be integers, but are of {tensor.dtype}.")
    if tensor.ndim == 0:
        tensor = tensor[None]
    if tensor.shape != (batch,):
        raise refused(
            "lengths",
            f"must name one length for each of the {batch} recordings, "
            f"but has the shape {tuple(tensor.shape)}.",
        )
    each: list[int] = tensor.tolist()
    for b, length in enumerate(each):
        if not 1 <= length <= n_frames:
            raise refused(
                "lengths",
                f"must lie between 1 and the {n_frames} frames of the cost, "
                f"but recording {b} has {length}.",
            )
    return each


def _read_shaped(name: str, tensor: Tensor, shapes: tuple[tuple[int, ...], ...]) -> Tensor:
    """Expand a tensor to the last of the shapes, if it has any of them."""
    if tuple(tensor.shape) not in shapes:
        known = " or ".join(map(str, shapes))
        raise refused(name, f"must have the shape {known}, but has {tuple(tensor.shape)}.")
    return tensor.expand(shapes[-1])


def _read_marginal(
    name: str, values: Any, shape: tuple[int, int], cost: Tensor, exists: Tensor | None = None
) -> Tensor:
    """Read a marginal as a tensor of ``shape``; zero where frames do not exist."""
    tensor = _read_shaped(name, _real(name, values).to(cost), (shape[1:], shape))
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
