"""Terms that shape the assignment: structure between frames, order prior, and background.

A structure term is the symmetric matrix ``Cv`` of the temporal (Gromov-Wasserstein) part of the
objective. It is never formed: a term is an object with one method, ``apply(coupling)``, which
returns ``Cv T`` for a batch of couplings of shape ``(B, N, K)``. Rows past a recording's length
are zero on the way in and are ignored on the way out.

Source: Xu and Gould, CVPR 2024 (arXiv 2404.01518), section 3; the spans of the band are this
project's (a band is never narrower than one frame on each side).
"""

from __future__ import annotations

import numbers
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from asot.errors import ArgumentError, require_integer, require_number
from asot.transport.request import as_tensor, check_mode, read_lengths, refused
from asot.transport.step import band_curvature


@runtime_checkable
class Structure(Protocol):
    """A structure term: an object that multiplies a coupling by a symmetric matrix of frames.

    It may have ``curvature``, (B,), for the length of a step (see ``step``); else half of the
    largest row sum of ``Cv`` is taken, which is enough where no entry is negative.
    """

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T``, shape ``(B, N, K)``, for ``coupling`` T of that shape."""


def wide(values: Tensor) -> torch.dtype:
    """Return the dtype for running sums and duals: float64 wherever the device has it."""
    return values.dtype if values.device.type == "mps" else torch.float64


def band_half_width(length: int, radius: float | int) -> tuple[int, float]:
    """Return the half-width of a recording's band in frames, at least 1, and r of its weight 1/r.

    >>> band_half_width(256, 0.04)
    (10, 0.04)
    >>> band_half_width(20, 0.04)  # under one frame never switches the term off
    (1, 0.04)
    >>> band_half_width(200, 5)
    (5, 0.025)
    """
    if isinstance(radius, numbers.Integral):
        return min(int(radius), length), int(radius) / length
    return min(max(1, round(length * radius)), length), float(radius)


class Band:
    """The default: frames closer than the radius should share an action.

    ``Cv[i, j] = 1/r`` for ``0 < |i - j| <= b``, else 0: r is the radius as a fraction of the
    recording, b the half-width in frames, at least 1. ``apply`` is a difference of two cumulative
    sums: O(N K), whatever the radius.

    Parameters
    ----------
    radius : float or int
        Half-width of the band: a fraction of each recording's own length (float), or frames (int).
    lengths : Tensor of int64, shape (B,)
        Frames of each recording.
    n_frames : int
        N, the padded number of frames.
    """

    def __init__(self, radius: float | int, lengths: Tensor, n_frames: int) -> None:
        require_number("radius", radius, above=0.0)
        lengths = as_tensor("lengths", lengths)
        self.lengths = lengths
        spans = [band_half_width(int(length), radius) for length in lengths.tolist()]
        device = lengths.device
        each = zip(spans, lengths.tolist(), strict=True)
        curvature = [band_curvature(half, length, r) for (half, r), length in each]
        self.curvature = torch.tensor(curvature, dtype=torch.float64)
        half_width = torch.tensor([half for half, _ in spans], device=device)[:, None]
        self.weight = torch.tensor([1.0 / r for _, r in spans], dtype=torch.float64)[:, None, None]
        frame = torch.arange(n_frames, device=device)[None, :]
        # Rows of the cumulative sums (n_frames + 1 of them a recording), flattened over the batch.
        first_row = torch.arange(len(spans), device=device)[:, None] * (n_frames + 1)
        self._start = (first_row + (frame - half_width).clamp(min=0)).flatten()
        self._end = (first_row + (frame + half_width + 1).clamp(max=n_frames)).flatten()

    def window_sums(self, values: Tensor) -> Tensor:
        """Sum over the neighbours of each frame, itself left out; shape ``(B, N, K)``."""
        batch, n_frames, width = values.shape
        # A difference of running sums cancels; double precision keeps it exact for float32 input.
        sums = torch.nn.functional.pad(values.to(wide(values)).cumsum(dim=1), (0, 0, 1, 0))
        sums = sums.reshape(batch * (n_frames + 1), width)
        window = sums.index_select(0, self._end) - sums.index_select(0, self._start)
        return (window.reshape(values.shape) - values).to(values.dtype)

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T``, shape ``(B, N, K)``."""
        return self.window_sums(coupling) * self.weight.to(coupling)


class FeatureBand:
    """A band whose weights fall where the frames' features differ.

    ``Cv[i, j] = (1 + cos(x_i, x_j)) / (2 r)`` for ``0 < |i - j| <= b``, else 0, with b and r of
    ``Band``. The cosine is a sum over the D feature dimensions, so that ``apply`` is D + 1 moving
    sums: O(N K D), whatever the radius.

    Parameters
    ----------
    features : Tensor, shape (N, D) or (B, N, D)
        Frame features; only their directions count.
    radius : float or int
        As for the band: a fraction of each recording's own length, or frames.
    lengths : Tensor of int64, shape (B,), optional
        Frames of each recording; all N unless given.
    """

    def __init__(
        self, features: Tensor, radius: float | int = 0.04, lengths: Tensor | None = None
    ) -> None:
        features = as_tensor("features", features)
        if features.ndim == 2:
            features = features[None]
        if features.ndim != 3:
            shape = tuple(features.shape)
            raise refused("features", f"must have the shape (N, D) or (B, N, D), but have {shape}.")
        if not features.is_floating_point():
            features = features.to(torch.get_default_dtype())
        n_frames = features.shape[1]
        lengths = torch.tensor(read_lengths(lengths, features), device=features.device)
        valid = torch.arange(n_frames, device=features.device) < lengths[:, None]
        if not bool(torch.isfinite(features[valid]).all()):
            raise refused("features", "must be finite, but hold NaN or infinite values.")
        features = torch.nn.functional.normalize(features, dim=-1)
        self.features = features.masked_fill(~valid[..., None], 0.0)
        self.band = Band(radius, lengths, n_frames)
        self.lengths, self.curvature = lengths, self.band.curvature

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T``, shape ``(B, N, K)``."""
        features = self.features.to(coupling)
        if features.shape[:2] != coupling.shape[:2]:
            own, found = tuple(features.shape[:2]), tuple(coupling.shape[:2])
            raise ArgumentError(f"The feature band is for (recordings, frames) {own}, not {found}.")
        total = self.band.window_sums(coupling)
        for dimension in features.unbind(dim=-1):
            column = dimension[..., None]
            total = total + column * self.band.window_sums(column * coupling)
        return total * (0.5 * self.band.weight.to(coupling))


class Dense:
    """A structure matrix given in full: O(N^2 K), for short recordings and for tests.

    Parameters
    ----------
    matrix : Tensor, shape (N, N) or (B, N, N)
        Symmetric and finite; ``matrix[i, j]`` is the cost of unlike actions for frames i and j.
    """

    def __init__(self, matrix: Tensor) -> None:
        matrix = as_tensor("matrix", matrix)
        if matrix.ndim not in (2, 3) or matrix.shape[-1] != matrix.shape[-2]:
            shape = tuple(matrix.shape)
            raise refused("matrix", f"must have the shape (N, N) or (B, N, N), but has {shape}.")
        if not bool(torch.isfinite(matrix).all()):
            raise refused("matrix", "must be finite, but holds NaN or infinite values.")
        if not torch.allclose(matrix, matrix.mT):
            raise refused("matrix", "must be symmetric, but is not: give (M + M') / 2.")
        self.matrix = matrix

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T``, shape ``(B, N, K)``."""
        if self.matrix.shape[-1] != coupling.shape[1]:
            own, found = self.matrix.shape[-1], coupling.shape[1]
            raise ArgumentError(f"The structure matrix is for {own} frames, but not for {found}.")
        return self.matrix.to(coupling) @ coupling


def temporal_prior(
    n_frames: int,
    n_actions: int,
    order_prior: float,
    *,
    lengths: Any = None,
    mode: str = "default",
    like: Any = None,
) -> Any:
    """Make a cost that pulls action k towards its place in a canonical order; add it to a cost.

    ``order_prior |(i + 1/2)/N - (k + 1/2)/K|`` with N the recording's own length; in parity mode
    ``order_prior |i/N - k/K|`` with N the padded number of frames.

    Parameters
    ----------
    n_frames : int
        N, the (padded) number of frames.
    n_actions : int
        K.
    order_prior : float
        Strength, >= 0; the paper takes 0.15 to 0.25.
    lengths : sequence of int, shape (B,), optional
        Frames of each recording of a padded batch.
    mode : {"default", "parity"}
        See above.
    like : array or tensor, optional
        An example of the kind, dtype and device of the result, else a float64 NumPy array.

    Returns
    -------
    array, shape (N, K), or (B, N, K) with ``lengths``
        Zero on padded rows in default mode.

    Raises
    ------
    ArgumentError
        If a size is under 1, ``order_prior`` is negative or ``mode`` is unknown.

    References
    ----------
    Kumar et al., CVPR 2022; Xu and Gould, CVPR 2024, section 4.

    Examples
    --------
    >>> temporal_prior(4, 2, order_prior=0.8).round(2).tolist()
    [[0.1, 0.5], [0.1, 0.3], [0.3, 0.1], [0.5, 0.1]]
    """
    require_integer("n_frames", n_frames, at_least=1)
    require_integer("n_actions", n_actions, at_least=1)
    require_number("order_prior", order_prior, at_least=0.0)
    check_mode(mode)
    like = np.empty(0) if like is None else like
    target = as_tensor("like", like)
    dtype = target.dtype if target.is_floating_point() else torch.get_default_dtype()
    # Half precision cannot count frames.
    exact = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    batch = 1 if lengths is None else as_tensor("lengths", lengths).numel()
    own = read_lengths(lengths, target.new_empty(1).expand(batch, n_frames, n_actions))
    frame = torch.arange(n_frames, dtype=exact, device=target.device)[None, :, None]
    action = torch.arange(n_actions, dtype=exact, device=target.device)[None, None, :]
    if mode == "parity":
        prior = order_prior * (frame / n_frames - action / n_actions).abs().expand(len(own), -1, -1)
    else:
        length = torch.tensor(own, dtype=exact, device=target.device)[:, None, None]
        prior = order_prior * ((frame + 0.5) / length - (action + 0.5) / n_actions).abs()
        prior = prior.masked_fill(frame >= length, 0.0)
    prior = (prior[0] if lengths is None else prior).to(dtype)
    return prior if isinstance(like, torch.Tensor) else prior.numpy()


def append_background(cost: Any, background_cost: float) -> Any:
    """Append a background action of fixed cost, as action K, to a cost of K actions.

    A frame whose every action costs more than ``background_cost`` drifts to the background, as far
    as its neighbours and the marginals let it. In the result of ``solve``, ``labels == K`` marks
    the background.

    Parameters
    ----------
    cost : array or tensor, shape (N, K) or (B, N, K)
        The cost of the K actions.
    background_cost : float
        Finite; with the pipeline's cosine costs, 0.5 is a place to start.

    Returns
    -------
    array or tensor, shape (N, K + 1) or (B, N, K + 1)
        Of the kind that ``cost`` is.

    Examples
    --------
    >>> import numpy as np
    >>> append_background(np.array([[0.1, 0.9], [0.8, 0.7]]), 0.5).tolist()
    [[0.1, 0.9, 0.5], [0.8, 0.7, 0.5]]
    """
    require_number("background_cost", background_cost)
    tensor = as_tensor("cost", cost)
    if not tensor.is_floating_point():
        tensor = tensor.double()
    padded = torch.nn.functional.pad(tensor, (0, 1), value=float(background_cost))
    return padded if isinstance(cost, torch.Tensor) else padded.numpy()
