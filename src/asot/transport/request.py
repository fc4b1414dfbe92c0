"""The arguments of ``solve``, checked and brought into one form: a ``Request``."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from asot.errors import require_integer, require_number
from asot.transport.arguments import (
    ARRAYS,
    PER_ACTION,
    as_number,
    as_tensor,
    check_gradient,
    check_mode,
    is_list_of_arrays,
    pad_list,
    read_lengths,
    read_marginal,
    read_shaped,
    read_weight,
    real,
    refused,
)
from asot.transport.step import Weights
from asot.transport.structure import Dense

MOST_ITERATIONS = 1_000_000
# What may be a number or an array, with its bounds; and which of them may be left out.
WEIGHTS: dict[str, dict[str, float]] = {
    "epsilon": {"above": 0.0},
    "alpha": {"at_least": 0.0, "below": 1.0},
    "radius": {"above": 0.0},
    "lambda_actions": {"above": 0.0},
    "lambda_frames": {"above": 0.0},
    "border": {},
}
OPTIONAL = ("lambda_actions", "lambda_frames", "border")
PYTHONS = (float, int, type(None))
NUMBERS = (*WEIGHTS, "max_iterations", "inner_iterations", "tolerance", "step_size")


@dataclass(eq=False, slots=True)
class Request:
    """The arguments of ``solve``, which documents them; making a request checks them.

    Afterwards ``cost`` is (B, N, K). ``lengths`` is a list, or a tensor where it lies on a GPU
    beside the cost, which saves the wait for it. Marginals, mask and warm start are None unless
    given, else tensors (B, N), (B, K), (B, N, K) and (B, N, K) on the cost's device, cut from any
    graph: gradients flow to the cost alone. Weights are numbers or, where they came as arrays,
    tensors (B,) or (B, K) on the CPU. Where recordings have their own number of actions,
    ``actions`` marks these, (B, K), and the action marginal is there.
    """

    cost: Tensor
    epsilon: Any = 0.07
    alpha: Any = 0.3
    radius: Any = 0.04
    lambda_actions: Any = 0.1
    lambda_frames: Any = None
    lengths: Any = None
    action_lengths: Any = None
    frame_marginal: Any = None
    action_marginal: Any = None
    allowed: Any = None
    structure: Any = None
    action_structure: Any = None
    border: Any = None
    initial: Any = None
    max_iterations: int = 25
    inner_iterations: int = 10
    tolerance: float | None = None
    step_size: float | None = None
    mode: str = "default"
    backend: str = "auto"
    gradient: str = "unrolled"
    single: bool = field(init=False)  # the cost came as (N, K)
    in_torch: bool = field(init=False)  # it came as tensors
    actions: Tensor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        for name in NUMBERS:
            if type(value := getattr(self, name)) not in PYTHONS:
                setattr(self, name, as_number(name, value))
        arrays = [name for name in WEIGHTS if isinstance(getattr(self, name), ARRAYS)]
        for name, bounds in WEIGHTS.items():
            value = getattr(self, name)
            if name not in arrays and (value is not None or name not in OPTIONAL):
                require_number(name, value, **bounds)
        if self.step_size is not None:
            require_number("step_size", self.step_size, above=0.0)
        if self.tolerance is not None:
            require_number("tolerance", self.tolerance, at_least=0.0)
        for name, least in (("max_iterations", 0), ("inner_iterations", 1)):
            require_integer(name, getattr(self, name), at_least=least, at_most=MOST_ITERATIONS)
        check_mode(self.mode)
        if self.backend not in ("auto", "torch", "cpu", "cuda"):
            raise refused(
                "backend", f'must be "auto", "torch", "cpu" or "cuda", but is {self.backend!r}.'
            )
        check_gradient(self.gradient, self.tolerance)
        if "radius" not in arrays:
            whole = isinstance(self.radius, numbers.Integral)
            self.radius = int(self.radius) if whole else float(self.radius)
        self._read_cost()
        for name in arrays:
            setattr(self, name, read_weight(name, getattr(self, name), self.cost, **WEIGHTS[name]))
        plain = self.structure is None and self.frame_marginal is None
        plain = plain and self.action_marginal is None and self.action_lengths is None
        plain = plain and self.allowed is None and self.initial is None
        plain = plain and self.action_structure is None
        if not (plain and self.backend == "cuda" and self._has_lengths_on_its_gpu()):
            self.lengths = read_lengths(self.lengths, self.cost)
        if self.mode == "parity":
            self._check_parity()
        if not plain:
            self._read_extras()

    @property
    def weights(self) -> Weights:
        """Return what decides the length of a step, beside the structure."""
        each = (getattr(self, name) for name in Weights._fields)
        # Of the actions' weights the largest bounds the curvature.
        return Weights(*(one.amax(1) if getattr(one, "ndim", 0) == 2 else one for one in each))

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
        if self.structure is not None or self.action_structure is not None:
            return "a structure of one's own"
        if self.border is not None:
            return "a border"
        for name in ("epsilon", "alpha", "radius", "lambda_frames", "lambda_actions"):
            if isinstance(getattr(self, name), Tensor):
                return f"{name} for each recording or action"
        return "a hard action side (lambda_actions=None)" if self.lambda_actions is None else None

    def _read_cost(self) -> None:
        given: Any = self.cost
        listed = is_list_of_arrays(given, 2)
        if listed:
            if self.lengths is not None:
                raise refused("lengths", "are those of the arrays where cost is a list: leave out.")
            self.lengths = [len(one) for one in given]
            columns = [one.shape[1] for one in given]
            if len(set(columns)) > 1:
                if self.action_lengths is not None:
                    raise refused(
                        "action_lengths",
                        "are those of the arrays where these are of unlike width: leave out.",
                    )
                self.action_lengths = columns
        self.in_torch = isinstance(given[0] if listed else given, Tensor)
        tensor = pad_list("cost", given) if listed else as_tensor("cost", given)
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
        names = ("action_lengths", "allowed", "initial", "border", "tolerance")
        given = ['gradient="implicit"'] if self.gradient == "implicit" else []
        given += [name for name in names if getattr(self, name) is not None]
        if isinstance(self.radius, int):
            given.append("radius in frames")
        given += [f"{name} for each" for name in WEIGHTS if isinstance(getattr(self, name), Tensor)]
        if given:
            raise refused(
                "mode='parity'",
                f"reproduces the authors' release, which has no {given[0]}: leave it out, or use "
                "the default mode.",
            )

    def _read_extras(self) -> None:
        """Read numbers of actions, marginals, mask, warm start and structures."""
        cost, exists = self.cost, self.exists
        batch, n_frames, n_actions = cost.shape
        counts = read_lengths(
            self.action_lengths, cost, name="action_lengths", axis=2, what="actions"
        )
        self._pad_lists(counts)
        p, q = self.frame_marginal, self.action_marginal
        actions = None
        if self.action_lengths is not None:
            own = torch.tensor(counts, device=cost.device)[:, None]
            self.actions = actions = torch.arange(n_actions, device=cost.device) < own
            # Entries of padded actions are never read, and take no part.
            self.cost = cost = torch.where(actions[:, None, :], cost, 0.0)
            q = torch.where(actions, 1.0 / own.to(cost), 0.0) if q is None else q
            for name in PER_ACTION:
                each = getattr(self, name)
                if getattr(each, "ndim", 0) == 2:
                    # A step and a border look for the largest, which no padding may be.
                    setattr(self, name, torch.where(actions.cpu(), each, each[:, :1]))
        if p is not None:
            p = read_marginal("frame_marginal", p, (batch, n_frames), cost, exists)
        if q is not None:
            q = read_marginal("action_marginal", q, (batch, n_actions), cost, actions)
            unused = q == 0 if actions is None else (q == 0) & actions
            hard = self.lambda_actions is None and self.mode != "parity"
            if hard and bool(unused.any()):
                raise refused(
                    "action_marginal",
                    "must be positive where the action side is hard (lambda_actions=None), but "
                    f"is 0 for action {int(unused.nonzero()[0, -1])}: drop the action, or "
                    "forbid it with allowed=.",
                )
        self.frame_marginal, self.action_marginal = p, q

        mask, shapes = None, (tuple(cost.shape[2:]), tuple(cost.shape[1:]), tuple(cost.shape))
        if self.allowed is not None:
            mask = as_tensor("allowed", self.allowed).to(device=cost.device)
            if mask.dtype != torch.bool:
                raise refused("allowed", f"must be of bool, but is of {mask.dtype}.")
            mask = read_shaped("allowed", mask, shapes)
        # A relaxed side with a marginal of 0 has an infinite penalty on any mass: as a mask.
        if q is not None and self.lambda_actions is not None and bool((q == 0).any()):
            mask = (q > 0)[:, None, :] if mask is None else mask & (q > 0)[:, None, :]
        if p is not None and self.lambda_frames is not None and bool((p[exists] == 0).any()):
            mask = (p > 0)[:, :, None] if mask is None else mask & (p > 0)[:, :, None]
        if mask is not None:
            mask = mask.expand(cost.shape)
            if self.border is None:  # where there is one, what is left bare goes there
                self._check_mask(mask, exists if p is None else exists & (p > 0), exists)
        self.allowed = mask

        if self.initial is not None:
            start = read_shaped("initial", real("initial", self.initial).to(cost), shapes[1:])
            if bool((start[exists] < 0).any()) or not bool(torch.isfinite(start[exists]).all()):
                raise refused(
                    "initial",
                    "must be finite and non-negative, but its values go from "
                    f"{float(start[exists].min()):g} to {float(start[exists].max()):g}.",
                )
            self.initial = torch.where(exists[..., None], start, 0.0)
        like = torch.zeros_like(cost)
        self.structure = _read_structure("structure", self.structure, like, self.lengths)
        self.action_structure = _read_structure(
            "action_structure", self.action_structure, like.mT, counts
        )

    def _pad_lists(self, counts: list[int]) -> None:
        """Pad what came as a list of arrays, one for each recording."""
        both = list(zip(self.lengths, counts, strict=True))
        for name, own in (
            ("frame_marginal", [(n,) for n, _ in both]),
            ("action_marginal", [(k,) for _, k in both]),
            ("allowed", both),
            ("initial", both),
        ):
            value, axes = getattr(self, name), len(own[0])
            if is_list_of_arrays(value, axes):
                first = 1 + (name == "action_marginal")
                shape = tuple(self.cost.shape[first : first + axes])
                setattr(self, name, pad_list(name, value, own, shape))

    def _check_mask(self, mask: Tensor, used: Tensor, exists: Tensor) -> None:
        stuck = ~mask.any(dim=2) & used
        unused = ~(mask & exists[..., None]).any(dim=1)
        if self.actions is not None:
            unused = unused & self.actions
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


def _read_structure(name: str, given: Any, like: Tensor, lengths: list[int]) -> Any:
    """Read a structure, or a matrix as one; apply it once, to name its mistakes before any work."""
    if given is None:
        return None
    structure = Dense(given) if isinstance(given, ARRAYS) else given
    shape, own = tuple(like.shape), getattr(structure, "lengths", None)
    if isinstance(own, Tensor) and own.tolist() != lengths:
        raise refused(
            name,
            f"was made for recordings of {own.tolist()} frames, but lengths are "
            f"{lengths}: give it the same lengths.",
        )
    if not callable(getattr(structure, "apply", None)):
        kind = type(structure).__name__
        raise refused(name, f"must have a method apply(coupling), which {kind} has not.")
    part = f"{name}.apply"
    try:
        tried = structure.apply(like)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise refused(part, f"fails on a coupling of shape {shape}: {error}") from error
    if not isinstance(tried, Tensor) or tried.shape != shape:
        found = tuple(tried.shape) if isinstance(tried, Tensor) else type(tried).__name__
        raise refused(
            f"{name}.apply", f"must return a tensor of shape {shape}, but returns {found}."
        )
    curvature, spectrum = (getattr(structure, one, None) for one in ("curvature", "spectrum"))
    if curvature is not None and not _is_bound(curvature, shape[0], at_least=0.0):
        raise refused(
            f"{name}.curvature",
            f"must be a tensor of shape {shape[:1]}, finite and not negative, but is {curvature}: "
            "mend it, or leave it out.",
        )
    if spectrum is not None and not all(_is_bound(one, shape[0]) for one in spectrum):
        raise refused(
            f"{name}.spectrum",
            f"must be two finite tensors of shape {shape[:1]}, but is {spectrum}: mend it, or "
            "leave it out.",
        )
    return structure


def _is_bound(values: Any, batch: int, at_least: float = -math.inf) -> bool:
    return (
        isinstance(values, Tensor)
        and values.shape == (batch,)
        and bool((torch.isfinite(values) & (values >= at_least)).all())
    )
