"""What is measured of the actions of one recording: bouts, their lengths, what follows what.

A bout is a segment, half-open ``[start, end)``: the longest stretch of frames with one action,
under the names that the actions have. Lengths are seconds of the recording's own clock, or frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asot.timeline.segments import Timeline

PER_MINUTE_S, PER_FRAMES = 60.0, 1000.0  # what rates are of: a minute, or a thousand frames


@dataclass(frozen=True, slots=True)
class Bouts:
    """The bouts of one action in one recording; NaN where there are too few of them.

    Parameters
    ----------
    action : str
        Its name.
    count : int
        The number of bouts.
    total : float
        The sum of their lengths.
    share : float
        The total, of the whole length of the recording, with all frames that have no action.
    mean, sd, median, shortest, longest : float
        Of the lengths; the sample standard deviation (ddof = 1).
    latency : float
        From the start of the recording to that of the first bout.
    interval_mean, interval_sd : float
        Of the times from the end of a bout to the start of the next one of the same action.
    rate : float
        Bouts in each minute of the recording, or in each thousand frames.
    """

    action: str
    count: int
    total: float
    share: float
    mean: float
    sd: float
    median: float
    shortest: float
    longest: float
    latency: float
    interval_mean: float
    interval_sd: float
    rate: float


@dataclass(frozen=True, slots=True, eq=False)
class RecordingBouts:
    """One recording: its length, the bouts of K actions, and how often one follows another.

    ``transitions`` (K, K) counts how often an action (row) is followed by another (column) that
    begins at the very frame where it ends; ``lengths`` are those of each action's bouts.
    """

    recording: str
    length: float
    bouts: tuple[Bouts, ...]
    lengths: tuple[NDArray[np.float64], ...]
    transitions: NDArray[np.int64]


def measure(timeline: Timeline, actions: Sequence[str], in_seconds: bool) -> RecordingBouts:
    """Measure the actions of a recording, also those that it does not hold.

    Examples
    --------
    >>> from asot.timeline.segments import segment_table
    >>> rows = segment_table("tea", [0, 0, 1, 0, 0, 0], action_names=["pour", "stir"])
    >>> found = measure(Timeline("tea", tuple(rows), 6), ["pour", "stir"], in_seconds=False)
    >>> pour = found.bouts[0]
    >>> pour.count, pour.mean, pour.interval_mean, found.transitions.tolist()
    (2, 2.5, 1.0, [[0, 1], [1, 0]])
    """
    frames = np.arange(timeline.n_frames + 1, dtype=np.float64)
    edges = timeline.seconds if in_seconds else frames
    length = float(edges[-1] - edges[0])
    places = {action: place for place, action in enumerate(actions)}
    own = np.array([places[row.action] for row in timeline.rows], dtype=np.int64)
    cuts = np.array([(row.start_frame, row.end_frame) for row in timeline.rows], dtype=np.int64)
    cuts = cuts.reshape(-1, 2)
    follows = np.flatnonzero((cuts[1:, 0] == cuts[:-1, 1]) & (own[1:] != own[:-1]))
    transitions = np.zeros((len(actions), len(actions)), dtype=np.int64)
    np.add.at(transitions, (own[follows], own[follows + 1]), 1)
    bouts, lengths = [], []
    for place, action in enumerate(actions):
        starts, ends = edges[cuts[own == place].T]
        lasted, between = ends - starts, starts[1:] - ends[:-1]
        lengths.append(lasted)
        count, total = len(lasted), float(lasted.sum())
        known = count > 0
        bouts.append(
            Bouts(
                action,
                count,
                total,
                total / length,
                *mean_and_sd(lasted),
                float(np.median(lasted)) if known else math.nan,
                float(lasted.min()) if known else math.nan,
                float(lasted.max()) if known else math.nan,
                float(starts[0] - edges[0]) if known else math.nan,
                *mean_and_sd(between),
                count / length * (PER_MINUTE_S if in_seconds else PER_FRAMES),
            )
        )
    return RecordingBouts(timeline.recording, length, tuple(bouts), tuple(lengths), transitions)


def mean_and_sd(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (ddof = 1), NaN where there is none.

    Examples
    --------
    >>> mean_and_sd(np.array([1.0, 3.0])), mean_and_sd(np.array([1.0]))
    ((2.0, 1.4142135623730951), (1.0, nan))
    """
    mean = float(values.mean()) if values.size else math.nan
    return mean, float(values.std(ddof=1)) if values.size > 1 else math.nan
