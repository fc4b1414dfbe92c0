"""Whether recordings hold more than noise of the same rhythm.

Surrogates keep the spectra of a recording, and those between its channels, but have random phases:
Gaussian noise without any action (Prichard and Theiler, Physical Review Letters 1994). Recordings
and surrogates are segmented in the same way. Actions are there if segments of the recordings are
worth more, or if different views agree more on them, than chance makes of surrogates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asot.discover.number import agreement_across
from asot.discover.prototypes import Frames, derived_seed, quiet_kmeans
from asot.discover.radius import ScaledViews, searched
from asot.discover.score import SegmentationScore
from asot.workers import in_order

STARTS, SURROGATES = 2, 8
MOST_FRAMES = 6_000
# Standard deviations, which of so few surrogates are uncertain: by chance, one of two exceeds 3 in
# a case of 40, and 4 in one of 140.
BEYOND, SURE = 3.0, 4.0
ENDS = 8  # frames, whose mean is where a drift begins and ends
LEAST_SPREAD = 0.02  # of the agreement, and of the gain relative to its size


@dataclass(frozen=True)
class NoiseEvidence:
    """How far recordings stand out from surrogates, in standard deviations of those."""

    gain: float  # in describing the frames
    agreement: float  # of segmentations on different views

    @property
    def beyond_noise(self) -> bool:
        """Tell whether either stands out by more than chance."""
        return max(self.gain, self.agreement) > BEYOND

    @property
    def surely_beyond(self) -> bool:
        """Tell whether either stands out so far that a result may be called good."""
        return max(self.gain, self.agreement) > SURE


def compare_with_noise(
    recordings: Frames, n_actions: int, radius: int, *, seed: int = 0
) -> NoiseEvidence:
    """Compare prepared recordings (N_i, D) with surrogates, at a time scale in frames.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> made = make_recordings(4, 3, random_state=0).features
    >>> compare_with_noise([one.astype("float32") for one in made], 3, 12).beyond_noise
    True
    >>> noise = np.random.default_rng(0).normal(size=(4, 200, 8)).astype("float32")
    >>> compare_with_noise(list(noise), 3, 12).beyond_noise
    False
    """
    rng = np.random.default_rng(seed)
    kept = searched(recordings, MOST_FRAMES)
    seeds = [derived_seed(seed, start) for start in range(STARTS + SURROGATES)]
    drawn = [[surrogate(one, rng) for one in kept] for _ in range(SURROGATES)]
    jobs = list(zip([kept] * STARTS + drawn, seeds, strict=True))
    with quiet_kmeans():
        found = np.array(list(in_order(partial(_measure, n_actions, radius), jobs)))
    real, chance = found[:STARTS].mean(axis=0), found[STARTS:]
    least = LEAST_SPREAD * np.array([max(1.0, float(np.abs(chance[:, 0]).mean())), 1.0])
    away = (real - chance.mean(axis=0)) / np.maximum(chance.std(axis=0, ddof=1), least)
    return NoiseEvidence(float(away[0]), float(away[1]))


def surrogate(rows: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw noise with the spectra and cross spectra of one recording, (N, D).

    The line from its first frames to its last is kept apart: a spectrum takes the last frame to
    come before the first, and a drift for a jump between them.
    """
    ends = max(1, min(len(rows) // 4, ENDS))
    first, last = rows[:ends].mean(axis=0), rows[-ends:].mean(axis=0)
    line = first + np.linspace(0.0, 1.0, len(rows))[:, None] * (last - first)
    spectrum = np.fft.rfft(rows - line, axis=0)
    turns = np.exp(1j * rng.uniform(0, 2 * np.pi, len(spectrum)))
    turns[0] = 1.0
    drawn = line + np.fft.irfft(spectrum * turns[:, None], len(rows), axis=0)
    return np.asarray(drawn, dtype=np.float32)


def _measure(n_actions: int, radius: int, job: tuple[Frames, int]) -> tuple[float, float]:
    """Segment recordings on all views: the gain of the best, and how far they agree."""
    recordings, seed = job
    views = ScaledViews(recordings, radius).labels(n_actions, seed)
    score = SegmentationScore(recordings, [views[0]])
    agreement = np.mean([agreement_across(a, b) for a, b in combinations(views, 2)])
    return max(score.gain(one, n_actions) for one in views), float(agreement)
