"""Structure terms: which pairs of frames should share an action, and how strongly.

A structure term is the symmetric matrix ``Cv`` of the temporal (Gromov-Wasserstein) part of the
objective. It is never formed: a term is an object with one method, ``apply(coupling)``, which
returns ``Cv T`` for a batch of couplings of shape ``(B, N, K)``. Rows past a recording's length
are zero on the way in and are ignored on the way out.

Source: Xu and Gould, CVPR 2024 (arXiv 2404.01518), section 3; the spans of the band are this
project's (a band is never narrower than one frame on each side).
"""

from __future__ import annotations

import numbers
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from asot.errors import ArgumentError, require_number
from asot.transport.request import as_tensor, read_lengths, refused


@runtime_checkable
class Structure(Protocol):
    """Anything that multiplies a coupling by a symmetric frame-by-frame matrix."""

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
        Frames of each recording; all of them N unless given.
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
        self.lengths = lengths

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
        Symmetric and finite; ``matrix[i, j]`` is what frames i and j pay for unlike actions.
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
