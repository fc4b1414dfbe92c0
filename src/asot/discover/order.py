"""The common order of recordings: a permutation test on their features.

Recordings that share an order look alike at the same share of their length. Each recording is cut
into equal parts and compared, part by part, with the mean of the others; then again with each
recording turned round by a random number of parts, which keeps everything but the common order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import BINS, Frames, PlainEvidence, evenly, unit_rows

TURNS = 200
MOST_RECORDINGS = 100


@dataclass(frozen=True)
class OrderEvidence(PlainEvidence):
    """Evidence for a common order."""

    share: float  # of the variation along a recording that the mean of the others explains, <= 1
    by_chance: list[float]  # the same for recordings turned round at random
    p_value: float  # share of the turns whose value is as high; 1 for a single recording
    strength: float  # max(0, 1 - 2 p_value): from 0, no order, to 1


def find_order(recordings: Frames, *, seed: int = 0) -> OrderEvidence:
    """Test whether recordings share an order, from prepared features (N_i, D).

    Of more than 100 recordings, 100 evenly chosen ones are used; ``seed`` is of the turns.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> fixed = make_recordings(8, 4, order="fixed", random_state=0).features
    >>> find_order(fixed).strength > 0.9
    True
    """
    curves = np.stack([_curve(one) for one in evenly(recordings, MOST_RECORDINGS)])
    if len(curves) < 2 or not curves.any():
        return OrderEvidence(0.0, [], 1.0, 0.0)
    share = _share(curves)
    random = np.random.default_rng([seed, len(curves)])
    part = np.arange(BINS)
    turned = []
    for _ in range(TURNS):
        by = random.integers(BINS, size=len(curves))
        turned.append(_share(curves[np.arange(len(curves))[:, None], (part + by[:, None]) % BINS]))
    # The recordings as they are count as one of the turns, so that p is never 0.
    p_value = (1 + sum(one >= share for one in turned)) / (1 + TURNS)
    return OrderEvidence(share, turned, p_value, max(0.0, 1.0 - 2.0 * p_value))


def _curve(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average the unit features over equal parts of a recording, (bins, D), and centre them."""
    rows = unit_rows(np.asarray(features, dtype=np.float64))
    edges = np.linspace(0, len(rows), BINS + 1).astype(int)
    first = np.minimum(edges[:-1], len(rows) - 1)
    curve = np.stack(
        [rows[a : max(a + 1, b)].mean(axis=0) for a, b in zip(first, edges[1:], strict=True)]
    )
    centred: NDArray[np.float64] = curve - curve.mean(axis=0)
    return centred


def _share(curves: NDArray[np.float64]) -> float:
    """Divide the curves' inner products with the mean of the others by their squares."""
    others = (curves.sum(axis=0) - curves) / (len(curves) - 1)
    return float((curves * others).sum() / (curves**2).sum())
