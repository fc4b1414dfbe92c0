"""Actions as centres of smoothed features, without training: k-means, transport, new means.

Fast enough to be repeated at many time scales and for many numbers of actions, which is how these
settings are found; with a learned order, also one of the learners of a team.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.kept import Kept
from asot.processes import one_thread
from asot.transport import Solution, solve

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

Frames = Sequence[NDArray[np.float32]]
Rows = TypeVar("Rows", bound=NDArray[Any])

FRAMES = 256  # of each recording, for k-means
MOST_SEEN = 2**16  # frames of all recordings, for k-means
SEEN_BYTES = 2**28  # of them in float64, which are fewer where there are many columns
BINS = 20  # of a recording, for the order
DECODING: dict[str, Any] = {"epsilon": 0.04, "alpha": 0.6, "lambda_actions": 0.01}  # the paper's
TINY = float(np.finfo(np.float32).tiny)  # the shortest row of float32 that has a direction
PLACE_WEIGHT = 0.5  # of the place in the recording beside features of unit length, in k-means


@dataclass(frozen=True)
class PlainEvidence:
    """Evidence in plain numbers and lists, for a file."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain numbers and lists."""
        return asdict(self)


@dataclass(frozen=True)
class Prototypes:
    """Actions as centres in the space of smoothed features.

    They are directions, or, with a ``scale``, points at a distance from the origin that counts too:
    the features are divided by it.
    """

    centres: NDArray[np.float64]  # (K, D), unit rows without a scale
    radius: int  # half-width of the temporal band, frames; 0: each frame by itself
    order: NDArray[np.float64] | None = None  # log p(place | action) / p(place), (bins, K)
    order_weight: float = 0.0  # of the order, which is subtracted from the cost
    scale: float | None = None

    def rows(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return one recording's frames in the space of the centres, (N, D).

        They are smoothed by half the radius, which blurs cuts less than the whole.
        """
        return _rows(window_mean(features, round(self.radius / 2)), self.scale)

    def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label one recording's prepared frames, (N,)."""
        return self.labels_of(window_mean(features, round(self.radius / 2)))

    def labels_of(self, smooth: NDArray[np.float64]) -> NDArray[np.int64]:
        """Label frames that are smoothed by half the radius, (N, D)."""
        rows = _rows(smooth, self.scale)
        if self.radius == 0:
            return _distances(self, rows).argmin(axis=1)
        return _assign(self, rows, self.order, self.order_weight).argmax(axis=1)


def learn_prototypes(
    recordings: Frames | Smooth,
    n_actions: int,
    radius: int,
    *,
    rounds: int = 1,
    sized: bool = False,
    order_weight: float = 0.0,
    restarts: int = 10,
    frames: int = FRAMES,
    seed: int = 0,
) -> Prototypes:
    """Find prototypes of K actions, or of fewer where there are fewer frames.

    Prepared features (N_i, D) are smoothed by ``radius`` frames, the half-width of the temporal
    band, too, unless they came ``Smooth``; where they are ``sized``, not their directions alone
    count. k-means sees ``frames`` of each recording. In each round all recordings are decoded and
    the centres moved to the means of their frames. An ``order_weight`` above 0 learns a common
    order of the actions as well: k-means also sees each frame's place, and an action costs less
    where other recordings have it.
    """
    smooth = recordings if isinstance(recordings, Smooth) else Smooth(recordings, radius)
    count = len(smooth)
    scale = _scale(smooth) if sized else None
    ordered = order_weight > 0 and count > 2
    width = int(smooth[0].shape[1])
    which, frames = share_out(count, frames, width)
    seen = []
    for index in which:
        one = _rows(smooth[index], scale)
        chosen = spread_frames(len(one), frames)
        place = PLACE_WEIGHT * np.sqrt(12) * (places(len(one))[chosen, None] - 0.5)
        seen.append(np.hstack([one[chosen], place]) if ordered else one[chosen])
    centres = fit_kmeans(np.concatenate(seen), n_actions, restarts, seed).cluster_centers_
    del seen
    centres = centres[:, :width]
    found = Prototypes(centres if sized else unit_rows(centres), radius, scale=scale)
    tables: list[NDArray[np.float64]] = []
    for _ in range(rounds):
        weights: Any = 0.0
        means: Any = 0.0
        before, tables = tables, []
        total = np.sum(before, axis=0)
        for index in range(count):
            rows = _rows(smooth[index], scale)
            own = _order(total - before[index], count - 1, count) if before else None
            soft = _assign(found, rows, own, order_weight)
            weights = weights + soft.sum(axis=0)
            means = means + soft.T @ rows
            if ordered:
                tables.append(_place_table(soft))
        parts = weights[:, None]
        means = np.where(parts > 1e-3, means / np.maximum(parts, 1e-3), found.centres)
        order = _order(np.sum(tables, axis=0), count, count) if tables else None
        centres = means if sized else unit_rows(means)
        found = Prototypes(centres, radius, order, order_weight, scale)
    return found


class Smooth(Kept):
    """Recordings (N_i, D), smoothed: window means, in float64."""

    def __init__(self, recordings: Frames, half: int) -> None:
        super().__init__(len(recordings))
        self._recordings = recordings
        self._half = half

    def _make(self, index: int) -> NDArray[np.float64]:
        return window_mean(self._recordings[index], self._half)


def share_out(n_recordings: int, each: int, width: int) -> tuple[list[int], int]:
    """Choose recordings, and the frames of each for k-means, which sees so many in all at most."""
    most = max(1, min(MOST_SEEN, SEEN_BYTES // (8 * width)))
    return spread_frames(n_recordings, most).tolist(), max(1, min(each, most // n_recordings))


def decoded(cost: NDArray[Any], radius: int) -> Solution:
    """Decode a cost (N, K) with the paper's settings, in a band of ``radius`` frames at most."""
    return solve(cost.astype(np.float32), radius=band(radius, len(cost)), **DECODING)


def band(radius: int, n_frames: int) -> int:
    """Limit a radius to half a recording of ``n_frames``, but to 1 at least."""
    return max(1, min(radius, n_frames // 2))


def derived_seed(seed: int, *numbers: int) -> int:
    """Derive a seed, in scikit-learn's range, from a seed and numbers."""
    return int(np.random.default_rng([seed, *numbers]).integers(2**31))


def fit_kmeans(frames: NDArray[Any], n_clusters: int, restarts: int, seed: Any) -> KMeans:
    """Fit scikit-learn's k-means to frames (M, D); K is at most M."""
    from sklearn.cluster import KMeans

    kmeans = KMeans(min(n_clusters, len(frames)), n_init=restarts, random_state=seed)
    with quiet_kmeans():
        return kmeans.fit(frames)


@contextmanager
def quiet_kmeans() -> Iterator[None]:
    """Let k-means run in one thread, and without a word on too few distinct frames.

    Threads that learn at once are started inside such a block, as the filters of warnings that
    each of them restores are the program's.
    """
    import sklearn.cluster  # noqa: F401
    from sklearn.exceptions import ConvergenceWarning

    # One thread: the sum of several would depend on the order in which they end.
    with warnings.catch_warnings(), one_thread():
        # The user is not to blame for fewer distinct frames than clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def window_mean(features: ArrayLike, half: int) -> NDArray[np.float64]:
    """Average the ``2 half + 1`` frames around each frame; the first and last are repeated."""
    array = np.asarray(features, dtype=np.float64)
    if half == 0:
        return array
    from scipy.ndimage import uniform_filter1d

    mean: NDArray[np.float64] = uniform_filter1d(array, 2 * half + 1, axis=0, mode="nearest")
    return mean


def unit_rows(rows: Rows, least: float = 1e-9) -> Rows:
    """Scale rows (N, D) to unit length; those shorter than ``least`` stay short."""
    scaled: Any = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), least)
    return scaled


def spread_frames(n_frames: int, most: int) -> NDArray[np.int64]:
    """Choose at most ``most`` frames from the first to the last, evenly spaced, (M,)."""
    return np.linspace(0, n_frames - 1, min(n_frames, most)).astype(int)


def places(n_frames: int) -> NDArray[np.float64]:
    """Return the relative time of each frame in its recording, (N,), in (0, 1)."""
    return (np.arange(n_frames) + 0.5) / n_frames


def evenly(recordings: Frames, most: int) -> Iterator[NDArray[np.float32]]:
    """Read all recordings, or ``most`` evenly chosen ones, one after the other."""
    return (recordings[index] for index in spread_frames(len(recordings), most).tolist())


def _rows(smooth: NDArray[np.float64], scale: float | None) -> NDArray[np.float64]:
    return unit_rows(smooth) if scale is None else smooth / scale


def _scale(recordings: Iterable[NDArray[np.float64]]) -> float:
    """Return the root of the mean squared length of frames; 1 where all are zero."""
    squares, count = 0.0, 0
    for one in recordings:
        squares += float((one**2).sum())
        count += len(one)
    return float(np.sqrt(squares / count)) or 1.0


def _distances(found: Prototypes, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the squared distances (N, K) of rows to the centres: 1 - cosine for unit rows."""
    products = rows @ found.centres.T
    if found.scale is None:
        return np.asarray(1.0 - products, dtype=np.float64)
    squares = (rows**2).sum(axis=1)[:, None] + (found.centres**2).sum(axis=1)
    return np.asarray(squares / 2 - products, dtype=np.float64)


def _assign(
    found: Prototypes,
    rows: NDArray[np.float64],
    order: NDArray[np.float64] | None,
    order_weight: float,
) -> NDArray[np.float64]:
    cost = _distances(found, rows)
    if order is not None:
        cost -= order_weight * order[(places(len(rows)) * len(order)).astype(int)]
    return np.asarray(decoded(cost, found.radius).assignment, dtype=np.float64)


def _place_table(assignment: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of a recording of each action in each of equal parts, (bins, K)."""
    table = np.zeros((BINS, assignment.shape[1]))
    np.add.at(table, (places(len(assignment)) * BINS).astype(int), assignment)
    return table / len(assignment)


def _order(total: NDArray[np.float64], count: int, n_recordings: int) -> NDArray[np.float64]:
    """Return ``log p(place | action) / p(place)``, (bins, K), from the sum of ``count`` tables.

    Each action also gets one recording's worth of evenly spread frames, so that few recordings
    count for little.
    """
    from scipy.ndimage import gaussian_filter1d

    mean = gaussian_filter1d(total / count, 1.0, axis=0, mode="nearest")
    share = mean.sum(axis=0)
    spread = mean + share / BINS / n_recordings + 1e-6
    logs: NDArray[np.float64] = np.log(spread / spread.sum(axis=0) * BINS)
    return logs
