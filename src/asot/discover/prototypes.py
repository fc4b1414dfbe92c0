"""Actions as centres of smoothed features, with no training: k-means, transport, means anew.

Fast enough to be run at many time scales and for many numbers of actions, which is how the other
settings are found; and, with a learned order, one of the learners that vote.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.windows import places, unit_rows, window_mean
from asot.transport import Solution, solve

Frames = Sequence[NDArray[np.float32]]

FRAMES = 256  # of each recording, for k-means
BINS = 20  # of a recording, for the order
EPSILON, ALPHA, PENALTY = 0.04, 0.6, 0.01  # the paper's for decoding
PLACE_WEIGHT = 0.5  # of the place in the recording beside features of unit length, in k-means


@dataclass(frozen=True)
class Prototypes:
    """Actions as directions in the space of smoothed features.

    Attributes
    ----------
    centres : (K, D) float64 array
        Unit rows.
    radius : int
        Half-width of the temporal band, frames.
    order : (bins, K) float64 array or None
        ``log p(action | place) / p(action)`` over equal parts of a recording; None without order.
    order_weight : float
        What a unit of it takes off the cost.
    """

    centres: NDArray[np.float64]
    radius: int
    order: NDArray[np.float64] | None = None
    order_weight: float = 0.0

    def assign(self, features: NDArray[np.float32], half: int) -> NDArray[np.float64]:
        """Soft assignment (N, K) of one recording's prepared features, smoothed by ``half``."""
        return _assign(self, unit_rows(window_mean(features, half)), self.order)

    def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Labels (N,): smoothed by half as much as in learning, which blurs the cuts less."""
        return self.assign(features, round(self.radius / 2)).argmax(axis=1)


def learn_prototypes(
    recordings: Frames,
    n_actions: int,
    radius: int,
    *,
    rounds: int = 1,
    order_weight: float = 0.0,
    restarts: int = 10,
    seed: int = 0,
) -> Prototypes:
    """Find prototypes of K actions in recordings.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features.
    n_actions : int
        K; fewer where there are fewer frames.
    radius : int
        Half-width in frames of the smoothing and of the temporal band.
    rounds : int
        How often the recordings are decoded and the centres moved to the means of what they got.
    order_weight : float
        Above 0, a common order of the actions is learned, too: k-means also sees each frame's
        place, and a recording's cost is lowered where the other recordings have the action.
    restarts : int
        Of k-means.
    seed : int
        Of k-means.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> features = make_recordings(4, 3, random_state=0).features
    >>> found = learn_prototypes([one.astype("float32") for one in features], 3, radius=10)
    >>> found.centres.shape
    (3, 16)
    """
    smooth = [unit_rows(window_mean(one, radius)) for one in recordings]
    ordered = order_weight > 0 and len(smooth) > 2
    seen = []
    for one in smooth:
        chosen = np.linspace(0, len(one) - 1, min(len(one), FRAMES)).astype(int)
        place = PLACE_WEIGHT * np.sqrt(12) * (places(len(one))[chosen, None] - 0.5)
        seen.append(np.hstack([one[chosen], place]) if ordered else one[chosen])
    centres = kmeans_centres(np.concatenate(seen), n_actions, restarts, seed)
    found = Prototypes(unit_rows(centres[:, : smooth[0].shape[1]]), radius)
    own: list[NDArray[np.float64]] | None = None
    for _ in range(rounds):
        soft = [
            _assign(found, one, None if own is None else own[index], order_weight)
            for index, one in enumerate(smooth)
        ]
        weights = np.sum([one.sum(axis=0) for one in soft], axis=0)
        means = np.sum([a.T @ z for a, z in zip(soft, smooth, strict=True)], axis=0)
        means = np.where(weights[:, None] > 1e-3, means, found.centres)
        order = None
        if ordered:
            tables = [_place_table(one) for one in soft]
            own = [_order(tables, leave_out=index) for index in range(len(tables))]
            order = _order(tables)
        found = Prototypes(unit_rows(means), radius, order, order_weight)
    return found


def derived_seed(seed: int, *numbers: int) -> int:
    """A seed of its own for each sequence of numbers, in the range that scikit-learn takes."""
    return int(np.random.default_rng([seed, *numbers]).integers(2**31))


def kmeans_centres(
    frames: NDArray[np.float64], n_centres: int, restarts: int, seed: int
) -> NDArray[np.float64]:
    """The k-means centres (K, D) of frames (M, D); K is at most M."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    kmeans = KMeans(min(n_centres, len(frames)), n_init=restarts, random_state=seed)
    # One thread: several add up their shares in the order in which they happen to end.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres: NDArray[np.float64] = kmeans.fit(frames).cluster_centers_
    return centres


def band(radius: int, n_frames: int) -> int:
    """A radius in frames that a recording of ``n_frames`` can have."""
    return max(1, min(radius, n_frames // 2))


def decoded(cost: NDArray[Any], radius: int) -> Solution:
    """What the paper's decoding makes of a cost (N, K), in a band of ``radius`` frames at most."""
    solution: Solution = solve(
        cost.astype(np.float32),
        epsilon=EPSILON,
        alpha=ALPHA,
        radius=band(radius, len(cost)),
        lambda_actions=PENALTY,
    )
    return solution


def _assign(
    found: Prototypes,
    rows: NDArray[np.float64],
    order: NDArray[np.float64] | None,
    order_weight: float | None = None,
) -> NDArray[np.float64]:
    cost = 1.0 - rows @ found.centres.T
    if order is not None:
        part = (places(len(rows)) * len(order)).astype(int)
        cost -= (found.order_weight if order_weight is None else order_weight) * order[part]
    return np.asarray(decoded(cost, found.radius).assignment, dtype=np.float64)


def _place_table(assignment: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a recording is of each action in each of equal parts, (bins, K); sums to 1."""
    table = np.zeros((BINS, assignment.shape[1]))
    np.add.at(table, (places(len(assignment)) * BINS).astype(int), assignment)
    return table / len(assignment)


def _order(
    tables: Sequence[NDArray[np.float64]], leave_out: int | None = None
) -> NDArray[np.float64]:
    """``log p(place | action) / p(place)`` over recordings, (bins, K), but for the one left out.

    As much as one recording's worth of evenly spread frames is added to each action, so that few
    recordings say little.
    """
    from scipy.ndimage import gaussian_filter1d

    kept = [one for index, one in enumerate(tables) if index != leave_out]
    mean = gaussian_filter1d(np.mean(kept, axis=0), 1.0, axis=0, mode="nearest")
    share = mean.sum(axis=0)
    spread = mean + share / BINS / len(tables) + 1e-6
    logs: NDArray[np.float64] = np.log(spread / spread.sum(axis=0) * BINS)
    return logs
