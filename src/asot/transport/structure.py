"""Structure terms: which frames are neighbours, and which actions are far from one another.

A structure term is one of the symmetric matrices of the temporal (Gromov-Wasserstein) part of the
objective: ``Cv``, between frames, or ``Ca``, between actions. It is never formed: a term is an
object with one method, ``apply(coupling)``, which returns ``Cv T`` for a batch of couplings of
shape ``(B, N, K)``, or ``Ca T'`` for transposed ones of shape ``(B, K, N)``. Rows past a
recording's length, or its number of actions, are zero on the way in and ignored on the way out.

Source: Xu and Gould, CVPR 2024 (arXiv 2404.01518), section 3; the spans of the band are this
project's (a band is never narrower than one frame on each side).
"""

from __future__ import annotations

import numbers
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from asot.errors import ArgumentError, require_number
from asot.transport.arguments import (
    ARRAYS,
    as_integers,
    as_number,
    as_tensor,
    read_lengths,
    real,
    refused,
)
from asot.transport.step import band_curvature


@runtime_checkable
class Structure(Protocol):
    """A structure term: an object that multiplies a coupling by a symmetric matrix of frames.

    For the length of a step (see ``step``) it may have ``curvature``, (B,), as a structure of
    frames; else half of the largest row sum of ``Cv`` is taken, which is enough where no entry is
    negative. As a structure of actions it may have ``spectrum``, two (B,): bounds of the
    eigenvalues of ``Ca`` on vectors that sum to zero; else these are computed, in O(K^3) once.
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


def running_sums(values: Tensor) -> Tensor:
    """Return the sums of the first 0 to N frames, (B, N + 1, K)."""
    # A difference of running sums cancels; double precision keeps it exact for float32 input.
    return torch.nn.functional.pad(values.to(wide(values)).cumsum(dim=1), (0, 0, 1, 0))


def _radii(radius: Any, batch: int) -> list[list[float | int]]:
    """Return the radii of each recording: one, or one for each action."""
    radius = as_number("radius", radius)
    if isinstance(radius, numbers.Real) or not isinstance(radius, ARRAYS):
        require_number("radius", radius, above=0.0)
        return [[radius]] * batch  # type: ignore[list-item]
    tensor = as_tensor("radius", radius)
    rows = tensor[:, None] if tensor.ndim == 1 else tensor
    if rows.ndim != 2 or len(rows) not in (1, batch) or 0 in rows.shape:
        shape = tuple(tensor.shape)
        raise refused("radius", f"must have the shape ({batch},) or ({batch}, K), but has {shape}.")
    require_number("radius", float(rows.min()), above=0.0)
    each: list[list[float | int]] = rows.expand(batch, -1).tolist()
    return each


class Band:
    """The default: frames closer than the radius should share an action.

    ``Cv[i, j] = 1/r`` for ``0 < |i - j| <= b``, else 0: r is the radius as a fraction of the
    recording, b the half-width in frames, at least 1. ``apply`` is a difference of two cumulative
    sums: O(N K), whatever the radius.

    Parameters
    ----------
    radius : float, int or array
        Half-width of the band: a fraction of each recording's own length (float), or frames (int).
        One for each recording, (B,), or one for each action, (B, K) or (1, K).
    lengths : sequence of int, shape (B,)
        Frames of each recording.
    n_frames : int, optional
        N, the padded number of frames; the longest recording's unless given.

    Examples
    --------
    >>> coupling = torch.tensor([[[1.0], [0.0], [2.0], [0.0]]])
    >>> Band(1, [4]).window_sums(coupling).flatten().tolist()
    [0.0, 3.0, 0.0, 2.0]
    """

    def __init__(self, radius: Any, lengths: Any, n_frames: int | None = None) -> None:
        self.lengths = lengths = as_integers("lengths", lengths)
        each = lengths.tolist()
        if lengths.ndim != 1 or not each or min(each) < 1:
            raise refused(
                "lengths", f"must be a list with 1 or more for each recording, but are {each}."
            )
        n_frames = max(each) if n_frames is None else n_frames
        spans = [
            [band_half_width(length, one) for one in own]
            for length, own in zip(each, _radii(radius, len(each)), strict=True)
        ]
        curvature = [
            max(band_curvature(half, length, r) for half, r in own)
            for own, length in zip(spans, each, strict=True)
        ]
        self.curvature = torch.tensor(curvature, dtype=torch.float64)
        self.per_action = len(spans[0]) > 1
        self.half_width = torch.tensor([[half for half, _ in own] for own in spans])
        weight = [[1.0 / r for _, r in own] for own in spans]
        self.weight = torch.tensor(weight, dtype=torch.float64)[:, None, :]
        frame = torch.arange(n_frames, device=lengths.device)[None, :, None]
        half_width = self.half_width.to(lengths.device)[:, None, :]
        start = (frame - half_width).clamp(min=0)
        end = (frame + half_width + 1).clamp(max=n_frames)
        if not self.per_action:
            # Rows of the running sums (n_frames + 1 of them a recording), flattened.
            first_row = torch.arange(len(each), device=lengths.device)[:, None] * (n_frames + 1)
            start, end = ((first_row + one[..., 0]).flatten() for one in (start, end))
        self._start, self._end = start, end

    def window_sums(self, values: Tensor) -> Tensor:
        """Sum over the neighbours of each frame, itself left out; shape ``(B, N, K)``."""
        sums = running_sums(values)
        start, end = self._start.to(sums.device), self._end.to(sums.device)
        if self.per_action:
            window = sums.gather(1, end) - sums.gather(1, start)
        else:
            sums = sums.flatten(0, 1)
            window = sums.index_select(0, end) - sums.index_select(0, start)
        return (window.reshape(values.shape) - values).to(values.dtype)

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T``, shape ``(B, N, K)``."""
        return self.window_sums(coupling) * self.weight.to(coupling)


def _band_of_one_radius(radius: Any, lengths: Any, n_frames: int | None = None) -> Band:
    """Make a band, but none of a radius for each action."""
    band = Band(radius, lengths, n_frames)
    if band.per_action:
        batch = len(band.lengths)
        raise refused(
            "radius",
            f"must be a number or have the shape ({batch},), one for each recording, but has "
            f"{tuple(as_tensor('radius', radius).shape)}.",
        )
    return band


class FeatureBand:
    """A band whose weights fall where the frames' features differ.

    ``Cv[i, j] = (1 + cos(x_i, x_j)) / (2 r)`` for ``0 < |i - j| <= b``, else 0, with b and r of
    ``Band``. The cosine is a sum over the D feature dimensions, so that ``apply`` is D + 1 moving
    sums: O(N K D), whatever the radius.

    Parameters
    ----------
    features : Tensor, shape (N, D) or (B, N, D)
        Frame features; only their directions count.
    radius : float, int or array
        As for the band: a fraction of each recording's own length, or frames.
    lengths : Tensor of int64, shape (B,), optional
        Frames of each recording; all N unless given.
    """

    def __init__(self, features: Tensor, radius: Any = 0.04, lengths: Tensor | None = None) -> None:
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
        self.per_action = self.band.per_action

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


class Complement:
    """All but a band, between actions that have an order, such as the frames of a recording.

    ``Ca[k, l] = 0`` for ``|k - l| <= b``, else 1, with b of ``Band``: neighbours in time pay for
    targets that are further apart than b. With ``b = 0`` it would be the default, ``1 - I``.
    ``apply`` is a sum less a moving sum: O(N K), whatever the radius.

    Parameters
    ----------
    radius, lengths, n_frames
        As for the band, with targets for frames: ``lengths`` are ``solve``'s ``action_lengths``.

    Raises
    ------
    ArgumentError
        If there is more than one radius for each recording, or no lengths.

    Examples
    --------
    >>> Complement(1, [4]).apply(torch.eye(4)[None])[0].tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    """

    def __init__(self, radius: Any, lengths: Any = None, n_frames: int | None = None) -> None:
        if lengths is None:
            raise refused(
                "lengths",
                "of the targets must be given, one for each recording, such as "
                f"Complement({radius!r}, [len(y)]).",
            )
        self.band = _band_of_one_radius(radius, lengths, n_frames)
        self.lengths = self.band.lengths
        # Where a vector sums to zero its matrix is that of -I less the band's, whose sums of
        # cosines lie between -(2 b + 1) / 3 and 2 b + 1 (see ``step``).
        most = torch.minimum(2.0 * self.band.half_width.amax(dim=1) + 1.0, self.lengths.cpu())
        self.spectrum = -most, most / 3.0
        self.curvature = 0.5 * most / self.lengths.cpu()

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Ca T'``, shape ``(B, K, N)``."""
        near = coupling + self.band.window_sums(coupling)
        return coupling.sum(dim=1, keepdim=True) - near


class Joined:
    """Recordings laid one after another as one problem: a band inside each, links between them.

    With N the frames of all, ``Cv[i, j] = N / (N_m r_m)`` inside the band of recording m, so that a
    frame's neighbours weigh as much as they do where the recording is alone; a link adds ``N``
    times its weight. All neighbours of a frame in its band weigh 2 together, in units of a link.
    O(N K + L K), whatever the radius.

    Parameters
    ----------
    radius : float, int or array (M,)
        Half-width of each recording's band: a fraction of its own length (float), or frames (int).
    lengths : sequence of int, shape (M,)
        Frames of each of the M recordings; N is their sum.
    links : integers, shape (L, 4), optional
        ``(recording, frame, recording, frame)``: pairs of frames that should share an action.
    weights : float or array (L,)
        Weight of each link; negative where frames should differ.

    Raises
    ------
    ArgumentError
        If links, weights, radius or lengths are of another shape or kind, a link leads to a frame
        that is not there, or a weight is not finite.

    Examples
    --------
    >>> joined = Joined(1, [2, 2], links=[(0, 0, 1, 1)], weights=3.0)
    >>> (joined.apply(torch.eye(4)[None])[0] / 4).tolist()
    [[0.0, 1.0, 0.0, 3.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [3.0, 0.0, 1.0, 0.0]]
    """

    def __init__(self, radius: Any, lengths: Any, links: Any = None, weights: Any = 1.0) -> None:
        band = _band_of_one_radius(radius, lengths)
        sizes = band.lengths.cpu()
        self.n_frames = int(sizes.sum())
        first, last = sizes.cumsum(0) - sizes, sizes.cumsum(0)
        recording = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        half_width = band.half_width[recording, 0]
        frame = torch.arange(self.n_frames)
        self._start = torch.maximum(frame - half_width, first[recording])
        self._end = torch.minimum(frame + half_width + 1, last[recording])
        weight = band.weight[:, 0, 0] * self.n_frames / sizes
        self.weight = weight[recording][:, None]

        pairs = as_tensor("links", [] if links is None else links).cpu()
        pairs = as_integers("links", pairs) if pairs.numel() else pairs.reshape(0, 4).long()
        if pairs.ndim != 2 or pairs.shape[1] != 4:
            raise refused(
                "links",
                "must have the shape (L, 4), a row (recording, frame, recording, frame) for each, "
                f"but have {tuple(pairs.shape)}.",
            )
        owners, frames = pairs[:, ::2], pairs[:, 1::2]
        known = (owners >= 0) & (owners < len(sizes))
        known &= (frames >= 0) & (frames < sizes[owners.clamp(0, len(sizes) - 1)])
        if not bool(known.all()):
            wrong = pairs[int((~known).nonzero()[0, 0])].tolist()
            raise refused(
                "links",
                "must join frames of the recordings as (recording, frame, recording, frame), but "
                f"{wrong} leads out of {sizes.tolist()} frames.",
            )
        self.links = first[owners] + frames  # (L, 2), as rows of all
        strength = real("weights", weights).double().cpu()
        if strength.shape not in ((), (len(pairs),)):
            raise refused(
                "weights",
                f"must be a number or have the shape ({len(pairs)},), one for each link, but have "
                f"{tuple(strength.shape)}.",
            )
        if not bool(torch.isfinite(strength).all()):
            raise refused("weights", "must be finite, but hold NaN or infinite values.")
        self.strength = self.n_frames * strength.expand(len(pairs))[:, None]
        degree = torch.zeros(self.n_frames, dtype=torch.float64)
        for side in self.links.unbind(dim=1):
            degree.index_add_(0, side, self.strength[:, 0].abs() / self.n_frames)
        self.curvature = (band.curvature.max() + 0.5 * degree.max())[None]

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T``, shape ``(B, N, K)``."""
        if coupling.shape[1] != self.n_frames:
            own, found = self.n_frames, coupling.shape[1]
            raise ArgumentError(f"The joined recordings have {own} frames, but not {found}.")
        start, end, *sides = (
            one.to(coupling.device) for one in (self._start, self._end, *self.links.T)
        )
        sums = running_sums(coupling)
        window = sums.index_select(1, end) - sums.index_select(1, start)
        total = (window - coupling).to(coupling.dtype) * self.weight.to(coupling)
        for here, there in (sides, sides[::-1]):
            linked = self.strength.to(coupling) * coupling.index_select(1, there)
            total = total.index_add(1, here, linked)
        return total


class Dense:
    """A structure matrix given in full: O(N^2 K), for short recordings and for tests.

    Parameters
    ----------
    matrix : array or Tensor, shape (N, N) or (B, N, N)
        Symmetric and finite; ``matrix[i, j]`` is the cost of unlike actions for frames i and j, or
        as a structure of actions of actions i and j for neighbouring frames.
    """

    def __init__(self, matrix: Any) -> None:
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


def zero_sum_spectrum(
    structure: Structure, exists: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Bound the eigenvalues of a structure of actions on vectors that sum to zero, two (B,).

    Where frames are hard no step leaves these vectors. ``exists`` marks each recording's actions,
    (B, K).
    """
    given = getattr(structure, "spectrum", None)
    if given is not None:
        return given[0], given[1]
    kept = exists.to(dtype)
    eye = torch.diag_embed(kept)
    centred = eye - kept[:, :, None] * kept[:, None, :] / kept.sum(dim=1)[:, None, None]
    values = torch.linalg.eigvalsh(centred @ structure.apply(eye) @ centred)
    return values[:, 0], values[:, -1]
