"""Whether recordings share an order: a permutation test on their features.

If they do, recordings look alike at the same share of their length. Each recording is cut into
equal parts, and compared with the mean of the others, part by part; then the same again with each
recording turned round by a random number of parts, which keeps everything but the common order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import BINS, Frames
from asot.discover.radius import evenly
from asot.discover.windows import unit_rows

TURNS = 200
MOST_RECORDINGS = 100


@dataclass(frozen=True)
class OrderEvidence:
    """How strongly recordings share an order.

    Attributes
    ----------
    share : float
        Of the variation along a recording, what the mean of the other recordings shares; about 0
        without a common order, at most 1.
    by_chance : list of float
        The same for recordings turned round at random.
    p_value : float
        Share of those that are as high; 1 for a single recording, which has nobody to agree with.
    strength : float
        ``max(0, 1 - 2 p_value)``: from 0, no order, to 1.
    """

    share: float
    by_chance: list[float]
    p_value: float
    strength: float

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def find_order(recordings: Frames, *, seed: int = 0) -> OrderEvidence:
    """Test whether recordings share an order.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features; of more than 100, as many evenly chosen ones are looked at.
    seed : int
        Of the turns.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> fixed = make_recordings(8, 4, order="fixed", random_state=0).features
    >>> varied = make_recordings(8, 4, order="varied", random_state=0).features
    >>> find_order(fixed).strength > 0.9
    True
    >>> find_order(fixed).share > 2 * find_order(varied).share
    True
    """
    kept = evenly(recordings, MOST_RECORDINGS)
    if len(kept) < 2:
        return OrderEvidence(0.0, [], 1.0, 0.0)
    curves = np.stack([_curve(one) for one in kept])
    if not curves.any():
        return OrderEvidence(0.0, [], 1.0, 0.0)
    share = _share(curves)
    random = np.random.default_rng([seed, len(kept)])
    part = np.arange(BINS)
    turned = []
    for _ in range(TURNS):
        by = random.integers(BINS, size=len(curves))
        turned.append(_share(curves[np.arange(len(curves))[:, None], (part + by[:, None]) % BINS]))
    # The recordings as they are count as one of the turns, so that p is never 0.
    p_value = (1 + sum(one >= share for one in turned)) / (1 + TURNS)
    return OrderEvidence(share, turned, p_value, max(0.0, 1.0 - 2.0 * p_value))


def _curve(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means of the unit features over equal parts of a recording, (bins, D), their mean off."""
    rows = unit_rows(np.asarray(features, dtype=np.float64))
    edges = np.linspace(0, len(rows), BINS + 1).astype(int)
    first = np.minimum(edges[:-1], len(rows) - 1)
    curve = np.stack(
        [rows[a : max(a + 1, b)].mean(axis=0) for a, b in zip(first, edges[1:], strict=True)]
    )
    centred: NDArray[np.float64] = curve - curve.mean(axis=0)
    return centred


def _share(curves: NDArray[np.float64]) -> float:
    """Inner product of each curve with the mean of the others, over its own square."""
    others = (curves.sum(axis=0) - curves) / (len(curves) - 1)
    return float((curves * others).sum() / (curves**2).sum())
