"""Background: the frames of a recording that belong to no action.

An action recurs, so its frames look like frames of other recordings. Each frame therefore has a
distance to the most similar frames of other recordings. Where these distances fall into two groups
that stand well apart, the far group is background, and a dummy action whose cost lies between the
two takes it. Otherwise every frame belongs to an action: actions that look different in each
recording are not dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.discover.prototypes import (
    Frames,
    PlainEvidence,
    decoded,
    evenly,
    spread_frames,
    unit_rows,
    window_mean,
)
from asot.discover.radius import MOST_RECORDINGS
from asot.errors import ArgumentError
from asot.transport import append_background

APART = 2.3  # separation of two groups that are taken for actions and background
FEWEST_RECORDINGS = 8  # among fewer, an action of few recordings looks like background
LEAST, MOST = 0.03, 0.85  # share of background that can be told from noise, or from actions
CLOSEST = 1 / 3  # of the other recordings, so that an action need not be in all of them
COST = 0.6  # of the way from the near group to the far one, as actions have the longer tail
REFERENCES = 64  # frames of each recording
BINS = 40
ROUNDS = 200


@dataclass(frozen=True)
class BackgroundEvidence(PlainEvidence):
    """Evidence for background, and its cost."""

    cost: float | None  # of the dummy action, in the unit of the distances; None without evidence
    share: float  # of the frames, farther than the cost; 0 without evidence
    separation: float  # Ashman's D: difference of the groups' means over their mean deviation
    near: float  # mean of the near group of distances
    far: float
    edges: list[float]  # histogram of the distances
    counts: list[int]


def find_background(recordings: Frames, radius: int) -> BackgroundEvidence:
    """Find evidence of frames that belong to no action, from prepared features (N_i, D).

    Of more than 30 recordings, 30 evenly chosen ones are used; fewer than 8 give no evidence.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> corpus = make_recordings(10, 6, noise=0.5, random_state=0, background=0.5)
    >>> round(find_background(corpus.features, radius=10).share, 1)
    0.5
    """
    references = _references(recordings, radius)
    if len(references) < FEWEST_RECORDINGS:
        return BackgroundEvidence(None, 0.0, 0.0, 0.0, 0.0, [], [])
    each = [
        _distances(own, references[:i] + references[i + 1 :]) for i, own in enumerate(references)
    ]
    distances = np.concatenate(each)
    counts, edges = np.histogram(distances, BINS)
    near, far, separation = two_groups(distances)
    cost = near + COST * (far - near)
    share = float((distances > cost).mean())
    numbers = separation, near, far, edges.tolist(), counts.tolist()
    if separation < APART or not LEAST <= share <= MOST:
        return BackgroundEvidence(None, 0.0, *numbers)
    return BackgroundEvidence(cost, share, *numbers)


def reference_frames(
    recordings: Iterable[NDArray[np.float32]], radius: int
) -> list[NDArray[np.float64]]:
    """Choose 64 frames of each recording, as smoothed unit rows (M, D), to compare others with.

    Frames without features, all zero, are left out.
    """
    frames = []
    for one in recordings:
        rows = _smoothed(one, radius)[spread_frames(len(one), REFERENCES)]
        frames.append(rows[rows.any(axis=1)])
    return frames


def frame_distances(
    features: NDArray[np.float32], references: Sequence[NDArray[np.float64]], radius: int
) -> NDArray[np.float64]:
    """Measure how far each frame of a recording (N, D) is from other recordings, (N,).

    A distance, in [0, 2], is the mean of 1 - cosine to the most similar frame of a recording, over
    the closest third of ``references``; 1 for a frame without features.
    """
    return _distances(_smoothed(features, radius), references)


def background_frames(
    distances: ArrayLike, evidence: BackgroundEvidence, radius: int
) -> NDArray[np.bool_]:
    """Mark the frames of background by their distances (N,); without evidence, no frame.

    Frames are transported to two actions: any action, whose cost is the distance to other
    recordings, and the dummy. Costs are scaled so that the groups' means are 0 and 1, which makes
    the result independent of their unit.
    """
    array = np.asarray(distances, dtype=np.float64)
    if evidence.cost is None:
        return np.zeros(len(array), dtype=bool)
    gap = evidence.far - evidence.near
    place = np.clip((array - evidence.near) / gap, 0.0, 1.0)
    dummy = (evidence.cost - evidence.near) / gap
    both = append_background(place[:, None].astype(np.float32), dummy)
    found: NDArray[np.bool_] = np.asarray(decoded(both, _half(radius)).labels) == 1
    return found


@dataclass(frozen=True)
class Background:
    """A detector of background, in the recordings that it was learned from and in others.

    ``references`` are the (M, D) float64 arrays of ``reference_frames``, ``radius`` is in frames.
    """

    evidence: BackgroundEvidence
    references: list[NDArray[np.float64]]
    radius: int

    def frames(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Mark the frames of a recording (N, D) that are background, (N,)."""
        # A recording is not compared with itself.
        (own,) = reference_frames([features], self.radius)
        others = [one for one in self.references if not np.array_equal(one, own)]
        distances = frame_distances(features, others, self.radius)
        return background_frames(distances, self.evidence, self.radius)


def learn_background(recordings: Frames, radius: int) -> Background:
    """Find background in recordings, and make a detector of it."""
    evidence = find_background(recordings, radius)
    references = [] if evidence.cost is None else _references(recordings, radius)
    return Background(evidence, references, radius)


def two_groups(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Split numbers into two groups; return their means and how far these stand apart.

    A mixture of two normal distributions, fitted by expectation and maximisation from the cut
    that leaves the least variance within the groups. The separation is the difference of the means
    over the root mean square of the deviations; 0 where all numbers are equal.

    References: Otsu, IEEE Transactions on Systems, Man, and Cybernetics 1979 (the cut); Ashman,
    Bird and Zepf, The Astronomical Journal 1994 (the separation).
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    spread = float(ordered.std())
    if spread < 1e-9:
        return float(ordered.mean()), float(ordered.mean()), 0.0
    n, sums = np.arange(1, len(ordered)), np.cumsum(ordered)
    between = (sums[-1] * n / len(ordered) - sums[:-1]) ** 2 / (n * (len(ordered) - n))
    cut = int(between.argmax()) + 1
    groups = (ordered[:cut], ordered[cut:])
    # A group of equal numbers would be infinitely likely.
    least = 1e-3 * spread
    means = np.array([one.mean() for one in groups])
    deviations = np.maximum([one.std() for one in groups], least)
    weights = np.array([len(one) for one in groups]) / len(ordered)
    for _ in range(ROUNDS):
        logs = np.log(weights / deviations) - ((ordered[:, None] - means) / deviations) ** 2 / 2
        own = np.exp(logs - logs.max(axis=1, keepdims=True))
        own /= own.sum(axis=1, keepdims=True)
        mass = np.maximum(own.sum(axis=0), 1e-9)
        weights, means = mass / len(ordered), own.T @ ordered / mass
        deviations = np.sqrt((own * (ordered[:, None] - means) ** 2).sum(axis=0) / mass)
        deviations = np.maximum(deviations, least)
    separation = float((means[1] - means[0]) / np.sqrt((deviations**2).mean()))
    return float(means[0]), float(means[1]), separation


def _distances(
    rows: NDArray[np.float64], references: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Average 1 - cosine to the most similar frame over the closest references, (N,)."""
    usable = [one for one in references if len(one)]
    if not usable:
        raise ArgumentError("references must hold frames of at least one other recording.")
    nearest = np.sort(np.stack([1.0 - (rows @ one.T).max(axis=1) for one in usable]), axis=0)
    mean: NDArray[np.float64] = nearest[: max(1, round(CLOSEST * len(nearest)))].mean(axis=0)
    return mean


def _references(recordings: Frames, radius: int) -> list[NDArray[np.float64]]:
    """Choose reference frames of some recordings, without recordings that lack features."""
    frames = reference_frames(evenly(recordings, MOST_RECORDINGS), radius)
    return [one for one in frames if len(one)]


def _smoothed(features: NDArray[np.float32], radius: int) -> NDArray[np.float64]:
    """Smooth features by half the radius, as for labels, to unit rows."""
    return unit_rows(window_mean(features, _half(radius)))


def _half(radius: int) -> int:
    return max(1, round(radius / 2))
