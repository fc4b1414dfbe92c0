"""The time scale of actions, from the recordings themselves.

The recordings are segmented at a ladder of scales. Too fine a scale follows noise: what it finds
is gone one step up the ladder, or as short as the window lets it be. Too coarse a scale smooths
actions away. In between lie scales at which neighbours on the ladder agree, and at which the
segments are some radii long by themselves; the coarsest of these is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import Frames, derived_seed, learn_prototypes
from asot.discover.windows import principal
from asot.progress import Progress, silent
from asot.timeline.segments import run_lengths

STARTS = 2
NEAR = 2.6  # scales within this factor are neighbours
SHORTEST, LONGEST = 2.8, 6.0  # mean segment, in radii, of a scale that segments fit
TOLERANCE = 0.9  # of the agreement at the peak, for a coarser scale to be taken
PEAK = 0.75  # of the best agreement, for a peak to count
COMPARED = 8_000  # frames
MOST_RECORDINGS = 30
MOST_FRAMES = 20_000  # of a recording


@dataclass(frozen=True)
class RadiusEvidence:
    """Why a radius was chosen.

    Attributes
    ----------
    chosen : int
        Half-width of the temporal band, frames.
    radii : list of int
        The ladder of scales that were tried, frames.
    agreement : list of float
        Adjusted Rand index between the labelling at a scale and those at its neighbours and from
        another start; 1 is the same labelling.
    segment_length : list of float
        Mean length of the segments at each scale, frames.
    """

    chosen: int
    radii: list[int]
    agreement: list[float]
    segment_length: list[float]

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def find_radius(
    recordings: Frames,
    n_actions: int,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> RadiusEvidence:
    """Find the half-width of the temporal band.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features; of more than 30, as many evenly chosen ones are looked at.
    n_actions : int
        K.
    seed : int
        Of the starts.
    progress : callable, optional
        Told how many scales are done, of how many.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> features = make_recordings(4, 3, random_state=0).features
    >>> evidence = find_radius([one.astype("float32") for one in features], 3)
    >>> 10 < evidence.chosen < 60
    True
    """
    from sklearn.metrics import adjusted_rand_score

    kept = searched(recordings)
    total = sum(len(one) for one in kept)
    radii = ladder(total / len(kept))
    labels: dict[tuple[int, int], NDArray[np.int64]] = {}
    lengths = []
    for done, radius in enumerate(radii, start=1):
        n_segments = 0
        for start in range(STARTS):
            found = learn_prototypes(
                kept, n_actions, radius, seed=derived_seed(seed, start), restarts=5
            )
            each = [found.labels(one) for one in kept]
            n_segments += sum(len(run_lengths(one)[0]) for one in each)
            labels[radius, start] = np.concatenate(each)[:: max(1, total // COMPARED)]
        lengths.append(STARTS * total / n_segments)
        progress("Finding the time scale", done, len(radii))
    agreement = []
    for radius in radii:
        near = [other for other in radii if radius / NEAR < other < radius * NEAR]
        pairs = [
            (labels[radius, a], labels[other, b])
            for other in near
            for a in range(STARTS)
            for b in range(STARTS)
            if (radius, a) != (other, b)
        ]
        agreement.append(float(np.mean([adjusted_rand_score(*pair) for pair in pairs])))
    chosen = choose_radius(radii, agreement, lengths, total / n_actions)
    return RadiusEvidence(chosen, radii, agreement, lengths)


def ladder(mean_frames: float) -> list[int]:
    """Scales to try: 1, 2, 3, 4, 6, 8, 12, ... frames, up to a sixth of the mean recording."""
    radii = [1, 2, 3]
    while radii[-1] * 6 <= mean_frames:
        radii.append(2 * radii[-2])
    return [one for one in radii if one * 6 <= mean_frames] or [1]


def choose_radius(
    radii: Sequence[int],
    agreement: Sequence[float],
    lengths: Sequence[float],
    longest: float,
) -> int:
    """The coarsest scale that neighbours agree with and that segments are long enough for.

    Parameters
    ----------
    radii, agreement, lengths : sequences, one entry a scale
        As in ``RadiusEvidence``.
    longest : float
        Mean segment that leaves room for each action once, frames.
    """
    ratio = np.array(lengths) / np.array(radii)
    room = np.array(lengths) <= longest
    fits = room & (ratio >= SHORTEST) & (ratio <= LONGEST)
    if not fits.any():
        fits = room & (ratio >= SHORTEST)
    if not fits.any():
        return int(radii[int(np.abs(ratio - SHORTEST).argmin())])
    agree = np.array(agreement)
    inside = np.flatnonzero(fits).tolist()

    def rises_to(index: int, other: int) -> bool:
        outside = not 0 <= other < len(agree) or not fits[other]
        return outside or bool(agree[index] >= agree[other])

    best = agree[inside].max()
    enough = min(PEAK * best, best)  # it may be below 0
    peaks = [
        one
        for one in inside
        if agree[one] >= enough and rises_to(one, one - 1) and rises_to(one, one + 1)
    ]
    chosen = peak = peaks[-1]
    while (
        chosen + 1 < len(agree)
        and fits[chosen + 1]
        and agree[chosen + 1] >= TOLERANCE * agree[peak]
    ):
        chosen += 1
    return int(radii[chosen])


def searched(recordings: Frames) -> list[NDArray[np.float32]]:
    """What a search looks at: some recordings, of long ones the middle, in main directions."""
    middles = []
    for one in evenly(recordings, MOST_RECORDINGS):
        start = max(0, (len(one) - MOST_FRAMES) // 2)
        middles.append(one[start : start + MOST_FRAMES])
    return principal(middles)


def evenly(recordings: Frames, most: int) -> list[NDArray[np.float32]]:
    """All recordings, or as many evenly chosen ones, in memory."""
    if len(recordings) <= most:
        chosen = range(len(recordings))
    else:
        chosen = np.linspace(0, len(recordings) - 1, most).astype(int).tolist()
    return [recordings[index] for index in chosen]
