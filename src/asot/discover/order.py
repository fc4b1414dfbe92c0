"""A common order of the recordings, found from their features alone.

Recordings share an order if their features over time are more alike than when the sign
of each wave (cosine) in each recording is drawn at random. Where nothing is shared, either sign is
as likely, whatever the durations and the transitions. One wave tells nothing: a long action lies
over the middle more often than over the ends in any order. If recordings move along their common
trend within segments too, they drift: then slow trends do not count either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import BINS, Frames, PlainEvidence, evenly, places
from asot.timeline.segments import run_lengths

DRAWS = 1_000
ORDER_RECORDINGS = 100
SHARED = 0.1  # largest p of an order, or of a drift, that recordings are taken to share
BEYOND = 0.01  # largest p of an order that recordings of noise hardly share
FINE = 3 * BINS  # parts of a recording in which movement within segments is measured
PIECES = 6  # segments of a recording between which a drift may not jump
MIDDLE, SLOW = [2], [1, 2]  # degrees of trends: long actions; a drift, too


@dataclass(frozen=True)
class OrderEvidence(PlainEvidence):
    """Evidence for a common order."""

    share: float  # of the variation along a recording that the mean of the others explains, <= 1
    by_chance: list[float] = field(repr=False)  # the same with signs at random
    p_value: float  # share of the draws whose value is as high; 1 for a single recording
    strength: float  # 1 up to p = 0.1, else 0
    drift_p_value: float = 1.0  # of a common movement within segments; up to 0.1 it is removed

    @property
    def beyond_noise(self) -> bool:
        """Tell whether recordings share more than noise does in 99 of 100 cases."""
        return self.p_value <= BEYOND


def find_order(recordings: Frames) -> OrderEvidence:
    """Test whether recordings share an order, from prepared features (N_i, D).

    Of more than 100 recordings, 100 evenly chosen ones are used. The signs are drawn from one seed,
    so that the same recordings have the same p.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> fixed = make_recordings(8, 4, order="fixed", random_state=0).features
    >>> find_order(fixed).strength
    1.0
    """
    from scipy.fft import dct

    curves = np.stack([*map(_curve, evenly(recordings, ORDER_RECORDINGS))])
    if len(curves) < 2 or not curves.any():
        return OrderEvidence(0.0, [], 1.0, 0.0)
    random = np.random.default_rng(len(curves))
    drift = _drift_p_value(curves, random)
    trends = _trends(SLOW if drift <= SHARED else MIDDLE)
    rest = curves - trends.T @ (trends @ curves)
    parts = rest.reshape(len(curves), BINS, FINE // BINS, -1).mean(axis=2)
    shares = _shares(dct(parts, axis=1, norm="ortho")[:, 1:], random)
    p_value = _p_value(shares)
    return OrderEvidence(shares[0], shares[1:], p_value, float(p_value <= SHARED), drift)


def _curve(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average a recording over equal parts, (parts, D), centred, in units of its frames' norm."""
    rows = np.asarray(features, dtype=np.float64)
    rows = rows / max(sqrt((rows**2).sum() / len(rows)), 1e-9)
    edges = np.linspace(0, len(rows), FINE + 1).astype(int)
    first = np.minimum(edges[:-1], len(rows) - 1)
    # A part shorter than a frame is the frame it begins in.
    sizes = np.maximum(np.diff(edges), 1)[:, None]
    curve = np.add.reduceat(rows, first, axis=0) / sizes
    centred: NDArray[np.float64] = curve - curve.mean(axis=0)
    return centred


def _trends(degrees: list[int]) -> NDArray[np.float64]:
    """Return orthonormal polynomials of these degrees over the parts of a curve, (M, parts)."""
    place = 2.0 * places(FINE) - 1.0
    return np.linalg.qr(np.polynomial.legendre.legvander(place, max(degrees)))[0].T[degrees]


def _drift_p_value(curves: NDArray[np.float64], random: np.random.Generator) -> float:
    """Test whether curves (N, parts, D) move, within segments, along the trend of the others."""
    straight = np.einsum("p,npd->nd", _trends([1])[0], curves)
    others = straight.sum(axis=0) - straight
    along = (_movements(curves) * others).sum(axis=1)
    along /= np.maximum(np.linalg.norm(others, axis=1), np.finfo(float).tiny)
    return _p_value(np.round(_signs(len(along), random) @ along, 12).tolist())


def _movements(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each curve (N, parts, D) moves along within its segments, (N, D)."""
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.feature_extraction.image import grid_to_graph

    ward = AgglomerativeClustering(PIECES, connectivity=grid_to_graph(FINE, 1))
    moved = np.zeros((len(curves), curves.shape[2]))
    for index, curve in enumerate(curves):
        # A part at a cut may hold frames of two segments, which would pass for movement.
        for start, end in zip(*run_lengths(ward.fit_predict(curve))[:2], strict=True):
            inner = np.arange(start + (start > 0), end - (end < FINE))
            if len(inner) > 1:
                moved[index] += (inner - inner.mean()) @ curve[inner]
    return moved


def _shares(waves: NDArray[np.float64], random: np.random.Generator) -> list[float]:
    """Return the share that recordings (N, waves, D) have in common, then with random signs.

    The inner products with the mean of the others are divided by the squares.
    """
    total = np.zeros(1 + DRAWS)
    for wave in waves.swapaxes(0, 1):
        products = wave @ wave.T
        np.fill_diagonal(products, 0.0)
        signs = _signs(len(waves), random)
        total += ((signs @ products) * signs).sum(axis=1)
    squares = max(float((waves**2).sum()), np.finfo(float).tiny)
    # Rounded, because the same signs must give the same value.
    return np.round(total / (len(waves) - 1) / squares, 12).tolist()


def _signs(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw signs at random, (1 + draws, count); the first are those of what was seen."""
    signs = random.choice([-1.0, 1.0], size=(1 + DRAWS, count))
    signs[0] = 1.0
    return signs


def _p_value(shares: list[float]) -> float:
    """Return the part of the draws that is as high as the first, which counts as one of them."""
    return sum(one >= shares[0] for one in shares) / len(shares)
