"""Frames that belong to no action: what a recording shows and the others do not.

An action recurs: its frames look like frames of other recordings. So each frame has a distance, to
the frames of other recordings that are most alike. Where these distances fall into two groups that
stand well apart, the far one is background, and a dummy action whose cost lies between the two
takes it. Where they do not, no frame is background: actions that look different in each recording
are no reason to drop them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.discover.prototypes import Frames, decoded
from asot.discover.radius import MOST_RECORDINGS, evenly
from asot.discover.windows import unit_rows, window_mean
from asot.errors import ArgumentError
from asot.transport import append_background

APART = 2.3  # separation of two groups that are taken for actions and background
FEWEST_RECORDINGS = 8  # among fewer, an action that few of them have looks like background
LEAST, MOST = 0.03, 0.85  # share of background that can be told from noise, or from actions
CLOSEST = 1 / 3  # of the other recordings, so that an action need not be in all of them
COST = 0.6  # of the way from the near group to the far one, as actions have the longer tail
REFERENCES = 64  # frames of each recording
BINS = 40
ROUNDS = 200


@dataclass(frozen=True)
class BackgroundEvidence:
    """Whether there is background, and what it costs.

    Attributes
    ----------
    cost : float or None
        Cost of the dummy action, in the unit of the distances: 0.6 of the way from ``near`` to
        ``far``. None where there is no evidence of background.
    share : float
        Of the frames, those farther than ``cost``; 0 without evidence.
    separation : float
        How far the two groups of distances stand apart: the difference of their means in units of
        the root mean square of their deviations (Ashman's D). Evidence starts at 2.3.
    near, far : float
        Means of the two groups.
    edges, counts : list
        Histogram of the distances.
    """

    cost: float | None
    share: float
    separation: float
    near: float
    far: float
    edges: list[float]
    counts: list[int]

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def find_background(recordings: Frames, radius: int) -> BackgroundEvidence:
    """Find out whether some frames belong to no action.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features; of more than 30, as many evenly chosen ones are looked at. Fewer than 8
        give no evidence.
    radius : int
        Half-width of the temporal band, frames.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> for share in (0.0, 0.5):
    ...     corpus = make_recordings(10, 6, noise=0.5, random_state=0, background=share)
    ...     evidence = find_background(corpus.features, radius=10)
    ...     print(evidence.cost is not None, round(evidence.share, 1))
    False 0.0
    True 0.5
    """
    kept = evenly(recordings, MOST_RECORDINGS)
    references = [one for one in reference_frames(kept, radius) if len(one)]
    if len(references) < FEWEST_RECORDINGS:
        return BackgroundEvidence(None, 0.0, 0.0, 0.0, 0.0, [], [])
    distances = np.concatenate(
        [
            _distances(one, references[:index] + references[index + 1 :])
            for index, one in enumerate(references)
        ]
    )
    counts, edges = np.histogram(distances, BINS)
    near, far, separation = two_groups(distances)
    cost = near + COST * (far - near)
    share = float((distances > cost).mean())
    found = separation >= APART and LEAST <= share <= MOST
    return BackgroundEvidence(
        cost if found else None,
        share if found else 0.0,
        separation,
        near,
        far,
        edges.tolist(),
        counts.tolist(),
    )


def reference_frames(recordings: Frames, radius: int) -> list[NDArray[np.float64]]:
    """What frames are compared with: 64 smoothed frames of each recording, (M, D) unit rows.

    Smoothed by half the radius, as for labels; frames without features, all zero, are left out.
    """
    frames = []
    for one in recordings:
        chosen = np.linspace(0, len(one) - 1, min(len(one), REFERENCES)).astype(int)
        rows = unit_rows(window_mean(one, _half(radius)))[chosen]
        frames.append(rows[rows.any(axis=1)])
    return frames


def frame_distances(
    features: NDArray[np.float32], references: Sequence[NDArray[np.float64]], radius: int
) -> NDArray[np.float64]:
    """How far each frame of a recording is from what other recordings show.

    1 - cosine to the most alike frame of each other recording, the mean over the third of them
    that come closest.

    Parameters
    ----------
    features : (N, D) float32 array
        Prepared features.
    references : sequence of (M, D) arrays
        ``reference_frames`` of other recordings, without this one.
    radius : int
        Half-width of the temporal band, frames.

    Returns
    -------
    (N,) float64 array
        In [0, 2]; 1 where there are no features.

    Raises
    ------
    ArgumentError
        If there is no other recording.

    Examples
    --------
    >>> other = reference_frames([np.eye(2, dtype=np.float32)[[0, 0, 0]]], radius=1)
    >>> frame_distances(np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1, 1]], other, radius=1)[[0, 5]]
    array([0., 1.])
    """
    return _distances(unit_rows(window_mean(features, _half(radius))), references)


def background_frames(
    distances: ArrayLike, evidence: BackgroundEvidence, radius: int
) -> NDArray[np.bool_]:
    """Which frames of a recording go to the dummy action.

    The transport of frames to two actions, anything and the dummy, with the distance to what other
    recordings show as the cost of the first. Costs are stretched so that the groups' means are 0
    and 1: what counts is how far they are apart, not in which unit.

    Parameters
    ----------
    distances : (N,) array-like
        Of ``frame_distances``.
    evidence : BackgroundEvidence
        Of ``find_background``.
    radius : int
        Half-width of the temporal band, frames.

    Returns
    -------
    (N,) bool array
        All False without evidence of background.

    Examples
    --------
    >>> evidence = BackgroundEvidence(0.4, 0.5, 3.0, 0.2, 0.6, [], [])
    >>> background_frames([0.2, 0.5, 0.2, 0.2, 0.6, 0.3, 0.6, 0.6], evidence, 2).tolist()
    [False, False, False, False, True, True, True, True]
    """
    array = np.asarray(distances, dtype=np.float64)
    if evidence.cost is None:
        return np.zeros(len(array), dtype=bool)
    gap = evidence.far - evidence.near
    place = np.clip((array - evidence.near) / gap, 0.0, 1.0)
    dummy = (evidence.cost - evidence.near) / gap
    labels = decoded(
        append_background(place[:, None].astype(np.float32), dummy), _half(radius)
    ).labels
    found: NDArray[np.bool_] = np.asarray(labels) == 1
    return found


@dataclass(frozen=True)
class Background:
    """Tells background in recordings, those that were learnt from and others.

    Attributes
    ----------
    evidence : BackgroundEvidence
        Of ``find_background``.
    references : list of (M, D) float64 arrays
        Of ``reference_frames``.
    radius : int
        Half-width of the temporal band, frames.
    """

    evidence: BackgroundEvidence
    references: list[NDArray[np.float64]]
    radius: int

    def frames(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which frames of a recording (N, D) are background, (N,); its own are no reference."""
        (own,) = reference_frames([features], self.radius)
        others = [one for one in self.references if not np.array_equal(one, own)]
        distances = frame_distances(features, others, self.radius)
        return background_frames(distances, self.evidence, self.radius)


def learn_background(recordings: Frames, radius: int) -> Background:
    """Find background in recordings, and keep what tells it in others."""
    evidence = find_background(recordings, radius)
    kept = [] if evidence.cost is None else evenly(recordings, MOST_RECORDINGS)
    references = [one for one in reference_frames(kept, radius) if len(one)]
    return Background(evidence, references, radius)


def assign_background(
    cost: ArrayLike, distances: ArrayLike, evidence: BackgroundEvidence, radius: int
) -> NDArray[np.int64]:
    """Decode a recording to actions and background.

    Background or not is decided first, and apart. A dummy action beside all K would win wherever
    actions share the mass of a frame among them, all the more as it has the larger share.

    Parameters
    ----------
    cost : (N, K) array-like
        Assignment cost of the actions, such as 1 - cosine or 1 - share of votes.
    distances : (N,) array-like
        Of ``frame_distances``.
    evidence : BackgroundEvidence
        Of ``find_background``.
    radius : int
        Half-width of the temporal band, frames.

    Returns
    -------
    (N,) int64 array
        Actions 0 .. K - 1, and -1 for background.

    Raises
    ------
    ArgumentError
        If cost and distances are not of the same frames.

    Examples
    --------
    >>> evidence = BackgroundEvidence(0.4, 0.5, 3.0, 0.2, 0.6, [], [])
    >>> cost = 1 - np.eye(2)[[0, 0, 0, 1, 1, 1, 0, 1, 0]]
    >>> assign_background(cost, [0.2] * 6 + [0.6] * 3, evidence, radius=2).tolist()
    [0, 0, 0, 1, 1, 1, -1, -1, -1]
    """
    array = np.asarray(cost, dtype=np.float32)
    if array.ndim != 2 or np.shape(distances) != array.shape[:1]:
        raise ArgumentError(
            "cost must be (N, K) and distances (N,) of the same frames, but their shapes are "
            f"{array.shape} and {np.shape(distances)}."
        )
    labels = decoded(array, radius).labels
    background = background_frames(distances, evidence, radius)
    return np.where(background, -1, np.asarray(labels)).astype(np.int64)


def two_groups(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The means of two groups of numbers, and how far they stand apart.

    A mixture of two normal distributions, fitted by expectation and maximisation from the cut
    that leaves the least variance within the groups.

    Returns
    -------
    lower, upper : float
        The means.
    separation : float
        Their difference over the root mean square of the deviations; 0 where all numbers are equal.

    References
    ----------
    Otsu, IEEE Transactions on Systems, Man, and Cybernetics 1979 (the cut); Ashman, Bird and Zepf,
    The Astronomical Journal 1994 (the separation).

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> both = np.concatenate([random.normal(0, 1, 500), random.normal(6, 1, 500)])
    >>> [round(one) for one in two_groups(both)]
    [0, 6, 6]
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
    usable = [one for one in references if len(one)]
    if not usable:
        raise ArgumentError("references must hold frames of at least one other recording.")
    nearest = np.sort(np.stack([1.0 - (rows @ one.T).max(axis=1) for one in usable]), axis=0)
    mean: NDArray[np.float64] = nearest[: max(1, round(CLOSEST * len(nearest)))].mean(axis=0)
    return mean


def _half(radius: int) -> int:
    return max(1, round(radius / 2))
