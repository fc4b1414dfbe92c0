"""How right a segmentation is, estimated without labels.

Two things speak for a segmentation of several recordings: learners of different views, scales and
starts find it again, and segments of some recordings tell those of the others apart. The estimate
is of the share of frames that are right (MoF), after actions are matched to those that a person
would name. Its few constants are from recordings with known labels; ``docs/what-helps.md`` has
them, with each set left out in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.discover.prototypes import Frames, PlainEvidence
from asot.discover.score import main_directions
from asot.timeline.segments import run_lengths

OFFSET, AGREEMENT = 1 / 3, 2 / 3  # of the estimate
KAPPA, SILHOUETTE = 0.6, 0.25  # from which segments are borne out
UNTOLD = 0.55  # at most, of a result that is not told from noise
GOOD, MIXED = 0.78, 0.60
FEWEST_ACTIONS = 3  # of a good result: two are easily found alike
LOWEST, HIGHEST = 0.05, 0.95
BY_FRAME = 2 / 3  # how far the share of votes moves the estimate
RIDGE = 0.05  # of the mean variance of segments

Verdict = Literal["good", "mixed", "weak"]


@dataclass(frozen=True)
class Choice(PlainEvidence):
    """The candidates for the result of a team, each at its best decoding."""

    chosen: str
    names: list[str]
    gain: list[float]  # nats a segment of the team by which frames are described better than none
    alike: list[tuple[int, int]]  # pairs of actions of the result that may be one


@dataclass(frozen=True)
class Trust(PlainEvidence):
    """An estimate, without labels, of how right a segmentation is."""

    verdict: Verdict
    estimate: float  # of the share of frames that are right
    agreement: float  # mean adjusted Rand index of the result and the team's learners
    borne_out: float  # 0 to 1, how far recordings bear each other out
    share: float  # mean share of the votes for the label given
    beyond_noise: bool = True  # the recordings stand out from noise, or share an order

    def confidence(self, shares: ArrayLike) -> NDArray[np.float64]:
        """Return how likely frames are right, (N,), given the shares of votes for their labels.

        For a segment, give the mean of its shares.
        """
        moved = _logit(self.estimate) + BY_FRAME * (_logit(shares) - _logit(self.share))
        return np.asarray(1.0 / (1.0 + np.exp(-moved)), dtype=np.float64)

    def calibrated(
        self, shares: NDArray[np.float64], labels: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Turn shares of votes (N, K) into probabilities, given the labels (N,).

        A label gets its frame's confidence, the other actions the rest, in proportion to their
        shares.
        """
        frames = np.arange(len(labels))
        others = shares.copy()
        others[frames, labels] = 0.0
        # Where all votes are for the label, the rest is anybody's.
        others += 1e-6
        others[frames, labels] = 0.0
        sure = self.confidence(shares[frames, labels])
        left = np.maximum(others.sum(axis=1), np.finfo(float).tiny)
        probabilities = others * ((1.0 - sure) / left)[:, None]
        probabilities[frames, labels] = 1.0 - probabilities.sum(axis=1)
        return probabilities


def estimate_trust(
    recordings: Frames,
    labels: Sequence[NDArray[np.int64]],
    *,
    agreement: float,
    share: float,
    beyond_noise: bool = True,
) -> Trust | None:
    """Estimate how right the labels (N_i,) of recordings are, from prepared features (N_i, D).

    ``agreement`` and ``share`` are those of ``Trust``. Where the recordings may be noise, the
    result is weak. None, not known, for a single recording in which no action comes again: nothing
    bears it out.
    """
    if len(labels) == 1 and len(run_lengths(labels[0])[0]) == len(np.unique(labels[0])):
        return None
    borne = borne_out(recordings, labels)
    raw = borne * (OFFSET + AGREEMENT * agreement)
    estimate = float(np.clip(raw, LOWEST, HIGHEST if beyond_noise else UNTOLD))
    few = len(np.unique(np.concatenate(labels))) < FEWEST_ACTIONS
    verdict: Verdict = "weak"
    if estimate >= MIXED:
        verdict = "good" if estimate >= GOOD and not few else "mixed"
    return Trust(verdict, estimate, agreement, borne, share, beyond_noise)


def verdict_on_recording(share: float, whole: Verdict) -> Verdict:
    """Return the verdict on a recording of which a ``share`` is likely right.

    None is better than weak where the whole is, as nothing bears it out.
    """
    if whole == "weak":
        return whole
    return "good" if share >= GOOD else "mixed" if share >= MIXED else "weak"


def borne_out(recordings: Frames, labels: Sequence[NDArray[np.int64]]) -> float:
    """Tell how far the segments of recordings bear each other out, 0 to 1.

    Every other recording teaches a classifier, nearest mean of segments, that labels the segments
    of the rest: its kappa over frames. Of a single recording, the silhouette of its segments.
    """
    from sklearn.metrics import cohen_kappa_score, silhouette_score

    means, values, lengths, owners = [], [], [], []
    for index, (rows, own) in enumerate(zip(main_directions(recordings), labels, strict=True)):
        for start, end, value in zip(*run_lengths(own), strict=True):
            means.append(rows[start:end].mean(axis=0, dtype=np.float64))
            values.append(int(value))
            lengths.append(int(end - start))
            owners.append(index)
    segments, actions, length = np.array(means), np.array(values), np.array(lengths)
    if len(recordings) == 1:
        several = 1 < len(np.unique(actions)) < len(actions)
        found = float(silhouette_score(segments, actions)) / SILHOUETTE if several else 0.0
        return float(np.clip(found, 0.0, 1.0))
    if len(np.unique(actions)) < 2:
        return 0.0  # one action everywhere bears out nothing
    said = np.zeros_like(actions)
    for part in (0, 1):
        asked = np.array(owners) % 2 == part
        said[asked] = _nearest(segments[~asked], actions[~asked], length[~asked], segments[asked])
    kappa = float(cohen_kappa_score(actions, said, sample_weight=length))
    return float(np.clip(kappa / KAPPA, 0.0, 1.0))


def _nearest(
    taught: NDArray[np.float64],
    actions: NDArray[np.int64],
    lengths: NDArray[np.int64],
    asked: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Label segments by the nearest mean of others', column by column in units of their spread."""
    known, index = np.unique(actions, return_inverse=True)
    centres = np.array(
        [
            np.average(taught[index == k], axis=0, weights=lengths[index == k])
            for k in range(len(known))
        ]
    )
    within = ((taught - centres[index]) ** 2).mean(axis=0)
    spread = np.sqrt(within + RIDGE * taught.var(axis=0).mean() + 1e-12)
    distances = ((asked[:, None] - centres) / spread) ** 2
    return np.asarray(known[distances.sum(axis=2).argmin(axis=1)], dtype=np.int64)


def _logit(shares: ArrayLike) -> NDArray[np.float64]:
    clipped = np.clip(np.asarray(shares, dtype=np.float64), 0.02, 0.98)
    return np.asarray(np.log(clipped / (1.0 - clipped)), dtype=np.float64)
