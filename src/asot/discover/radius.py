"""The time scale of recordings, found by the score of segmentations at a ladder of scales.

Recordings are segmented by prototypes at each scale, on four views: the directions of their frames
or their size as well, of the frames themselves or of how far and how fast they move. Too fine a
scale pays for needless segments, too coarse a one describes the frames badly, and the score has one
broad peak; the coarsest scale at its top is taken. Where recordings are few, and tell scales apart
by a few nats only, segments that are three or four radii long decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import (
    Frames,
    PlainEvidence,
    Smooth,
    derived_seed,
    learn_prototypes,
    quiet_kmeans,
    spread_frames,
    window_mean,
)
from asot.discover.score import SegmentationScore, count_segments, drawn_in, main_directions
from asot.discover.views import ViewKind, view_all
from asot.progress import Progress, silent
from asot.workers import in_order

MOST_RECORDINGS = 30  # that settings are searched in
FEWEST_RECORDINGS = 4  # even if they are long
MOST_FRAMES = 10_000  # of all of them
RESTARTS = 2
STARTING_FRAMES = 2_000  # that k-means sees
FINENESS = 8  # frames to a radius; more are averaged
SEGMENT = 3.5  # radii, of a typical one at the right scale
PULL = 10.0  # nats, for each squared e-fold that segments are longer or shorter
NEAR = 3.0  # times finer or coarser
TOP = 0.95  # of the peak, for a coarser scale to be taken
KINDS: tuple[ViewKind, ...] = ("frames", "motion")
VIEWS = [(kind, sized) for kind in KINDS for sized in (False, True)]


@dataclass(frozen=True)
class RadiusEvidence(PlainEvidence):
    """Evidence for a time scale."""

    chosen: int  # half-width of the temporal band, frames
    radii: list[int]  # the scales that were tried, frames
    score: list[float]  # of the best view at each scale, as a share of the highest, which is 1
    segment_length: list[float]  # mean of the best view, frames
    fixed: str | None = None  # "training" or "decoding", where a recipe has a radius of its own


def find_radius(
    recordings: Frames,
    n_actions: int,
    *,
    near: float | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> RadiusEvidence:
    """Find the half-width of the temporal band, in frames, from prepared features (N_i, D).

    It is sought up to three times finer and coarser than one that is ``near``, of another number of
    actions, or at all scales.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> features = make_recordings(4, 3, random_state=0).features
    >>> 10 < find_radius([one.astype("float32") for one in features], 3).chosen < 60
    True
    """
    kept = searched(recordings)
    total = sum(map(len, kept))
    radii = ladder(total / len(kept))
    if near is not None:
        radii = [one for one in radii if near / NEAR <= one <= near * NEAR] or radii
    attempt = partial(_at_scale, kept, n_actions, seed)
    tried = []
    with quiet_kmeans():
        for one in in_order(attempt, radii):
            tried.append(one)
            progress("Finding the time scale", len(tried), len(radii))
    score = SegmentationScore(kept, [views[at % len(VIEWS)] for at, views in enumerate(tried)])
    best, lengths = [], []
    for views in tried:
        gains = [score.gain(labels, n_actions) for labels in views]
        at = int(np.argmax(gains))
        best.append(gains[at])
        lengths.append(total / count_segments(views[at]))
    off = np.log(np.array(lengths) / (SEGMENT * np.array(radii)))
    known = np.array(best) if max(best) > 0 else np.zeros(len(best))
    best = (known - PULL * off**2).tolist()
    highest = max(best)
    shares = [one / highest if highest > 0 else 1.0 + one - highest for one in best]
    return RadiusEvidence(choose_radius(radii, shares), radii, shares, lengths)


def _at_scale(
    recordings: Frames, n_actions: int, seed: int, radius: int
) -> list[list[NDArray[np.int64]]]:
    return ScaledViews(recordings, radius).labels(n_actions, derived_seed(seed, radius))


def ladder(mean_frames: float) -> list[int]:
    """List the scales to try: 1, 2, 3, 4, 6, 8, 12, ... up to a sixth of the mean recording."""
    radii = [1, 2, 3]
    while radii[-1] * 6 <= mean_frames:
        radii.append(2 * radii[-2])
    return [one for one in radii if one * 6 <= mean_frames] or [1]


def choose_radius(radii: Sequence[int], score: Sequence[float]) -> int:
    """Choose the coarsest scale that is joined to the best one by scales nearly as good.

    Each score counts half, and those of the scales beside it a quarter, as starts make them jump.
    """
    smooth = smoothed(score)
    at = int(np.argmax(smooth))
    enough = smooth[at] - (1 - TOP) * abs(smooth[at])
    while at + 1 < len(radii) and smooth[at + 1] >= enough:
        at += 1
    return radii[at]


def smoothed(curve: Sequence[float]) -> NDArray[np.float64]:
    """Let each point of a curve count half, and its neighbours a quarter each."""
    padded = np.array([curve[0], *curve, curve[-1]])
    return padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4


def searched(recordings: Frames, frames: int = MOST_FRAMES) -> list[NDArray[np.float32]]:
    """Prepare a search: take some frames, without extreme values, in their main directions."""
    return main_directions(drawn_in(middles(recordings, frames)))


def middles(recordings: Frames, frames: int = MOST_FRAMES) -> list[NDArray[np.float32]]:
    """Take some recordings, and the middle of long ones."""
    known = spread_frames(len(recordings), MOST_RECORDINGS)
    mean = sum(len(recordings[index]) for index in known.tolist()) / len(known)
    fewer = spread_frames(len(known), max(FEWEST_RECORDINGS, int(frames / mean)))
    most = frames // len(fewer)
    kept = []
    for index in known[fewer].tolist():
        one = recordings[index]
        start = max(0, (len(one) - most) // 2)
        kept.append(np.array(one[start : start + most]))
    return kept


class ScaledViews:
    """Recordings at a scale on each of ``VIEWS``; coarse ones average an eighth of a radius."""

    def __init__(self, recordings: Frames, radius: int) -> None:
        self._lengths = [len(one) for one in recordings]
        self._step = max(1, radius // FINENESS)
        self._radius = round(radius / self._step)
        # As prototypes learn from them, and as they label them: the same for all numbers.
        self._smooth = {}
        for kind in KINDS:
            seen = [thinned(one, self._step) for one in view_all(kind, radius, recordings)]
            self._smooth[kind] = [
                Smooth(seen, half) for half in (self._radius, round(self._radius / 2))
            ]

    def labels(self, n_actions: int, seed: int) -> list[list[NDArray[np.int64]]]:
        """Label the recordings, (N_i,), by prototypes on each view: a list for each."""
        most = max(1, STARTING_FRAMES // len(self._lengths))
        found = []
        for kind, sized in VIEWS:
            learnt, labelled = self._smooth[kind]
            settings: dict[str, Any] = {"sized": sized, "restarts": RESTARTS, "frames": most}
            model = learn_prototypes(learnt, n_actions, self._radius, seed=seed, **settings)
            pairs = zip(labelled, self._lengths, strict=True)
            found.append([_spread(model.labels_of(rows), self._step, n) for rows, n in pairs])
        return found


def thinned(rows: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Average frames (N, D) over steps: (M, D)."""
    if step == 1:
        return rows
    return window_mean(rows, step // 2)[min(step // 2, len(rows) - 1) :: step].astype(np.float32)


def _spread(labels: NDArray[np.int64], step: int, n_frames: int) -> NDArray[np.int64]:
    """Give each of ``n_frames`` the label of its step."""
    return labels[np.minimum(np.arange(n_frames) // step, len(labels) - 1)]
