"""Sub-actions: the steps that an action consists of, found in its segments alone.

The segments of an action are taken for recordings, of what is left where the action's mean in each
recording is taken away, which differs from one to the next. Time scale and number are found as
those of actions are. A step is borne out if different views find it again in other segments: ways
of doing an action that never change within a recording are no steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asot.discover.number import AGREED, agreement_across
from asot.discover.prototypes import (
    Frames,
    Prototypes,
    derived_seed,
    learn_prototypes,
    places,
    quiet_kmeans,
)
from asot.discover.radius import ScaledViews, find_radius, searched, thinned
from asot.discover.score import FEW_DIRECTIONS, SegmentationScore, count_segments
from asot.progress import Progress, silent
from asot.timeline.segments import UNLABELLED, run_lengths
from asot.workers import in_order

FEWEST_SEGMENTS = 6  # in which a step can be found again; of fewer, chance makes some
FEWEST_FRAMES = 6  # of the mean segment
FINE = 200  # frames of the mean segment, which are averaged where there are more
BORNE_OUT = 0.35  # of the score that numbers of actions have, below which there are no steps

Labels = NDArray[np.int64]
Steps = Sequence[Prototypes | None]  # by action


def learn_steps(
    recordings: Frames,
    labels: Sequence[Labels],
    n_actions: int,
    most: int,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Prototypes | None, ...]:
    """Find the steps of each of K actions, at most ``most``; None for an action without.

    Steps are numbered in the order in which they mostly come.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features.
    labels : sequence of (N_i,) int64 arrays
        The action of each frame, -1 for none.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> made = make_recordings(8, 2, noise=0.5, random_state=0)
    >>> whole = [np.zeros(len(one), dtype=np.int64) for one in made.features]
    >>> (found,) = learn_steps(made.features, whole, 1, 3)
    >>> len(found.centres), np.unique(label_steps([found], made.features[0], whole[0])).tolist()
    (2, [0, 1])
    """
    segments: list[list[NDArray[np.float32]]] = [[] for _ in range(n_actions)]
    for rows, own in zip(recordings, labels, strict=True):
        for action, found in _cut(rows, own):
            segments[action] += [rows for _, _, rows in found]
    learnt = []
    progress("Finding sub-actions", 0, n_actions)
    for action, some in enumerate(segments):
        learnt.append(_divide(some, most, derived_seed(seed, action)))
        progress("Finding sub-actions", action + 1, n_actions)
    return tuple(learnt)


def label_steps(steps: Steps, features: NDArray[np.float32], labels: Labels) -> Labels:
    """Number the step of each frame within its action from 0, (N,); -1 where there is none.

    Parameters
    ----------
    steps : sequence of Prototypes or None
        What :func:`learn_steps` found, by action; later actions have none.
    features : (N, D) float32 array
        One recording's prepared features.
    labels : (N,) int64 array
        The action of each frame, -1 for none.
    """
    result = np.full(len(labels), UNLABELLED)
    for action, found in _cut(features, labels):
        if action < len(steps) and (prototypes := steps[action]) is not None:
            for start, end, rows in found:
                result[start:end] = prototypes.labels(rows)
    return result


def _cut(
    features: NDArray[np.float32], labels: Labels
) -> list[tuple[int, list[tuple[int, int, NDArray[np.float32]]]]]:
    """Return each action's segments, [start, end) and what differs from its mean there."""
    runs = list(zip(*(one.tolist() for one in run_lengths(labels)), strict=True))
    result = []
    for action in np.unique(labels[labels != UNLABELLED]).tolist():
        rows = features - features[labels == action].mean(axis=0, dtype=np.float64)
        rows = rows.astype(np.float32)
        result.append((action, [(a, b, rows[a:b]) for a, b, one in runs if one == action]))
    return result


def _divide(segments: Frames, most: int, seed: int) -> Prototypes | None:
    """Find the steps of one action in its segments (N_i, D)."""
    mean = sum(map(len, segments)) / max(1, len(segments))
    if len(segments) < FEWEST_SEGMENTS or mean < FEWEST_FRAMES or most < 2:
        return None
    step = max(1, round(mean / FINE))
    seen = [thinned(one, step) for one in segments]
    radius = find_radius(seen, most, seed=seed).chosen
    number = _count(seen, radius, most, seed)
    if number == 1:
        return None
    found = learn_prototypes(segments, number, radius * step, sized=True, seed=seed)
    totals, counts = np.zeros((2, len(found.centres)))
    for one in segments:
        own = found.labels(one)
        np.add.at(totals, own, places(len(one)))
        np.add.at(counts, own, 1)
    order = np.argsort(totals / np.maximum(counts, 1), kind="stable")
    return replace(found, centres=found.centres[order])


def _count(segments: Frames, radius: int, most: int, seed: int) -> int:
    """Count the steps of an action by the score of numbers of actions; 1 where none stand out."""
    kept = searched(segments)
    views, numbers = ScaledViews(kept, radius), list(range(2, most + 1))
    with quiet_kmeans():
        found = list(in_order(partial(_labelled, views, seed), numbers))
    score = SegmentationScore(kept, found[0], FEW_DIRECTIONS)
    agreement = [
        float(np.mean([agreement_across(a, b) for a, b in combinations(labels, 2)]))
        for labels in found
    ]
    gains = [
        float(np.mean([score.gain(one, number) for one in labels]))
        for number, labels in zip(numbers, found, strict=True)
    ]
    largest = max(*gains, count_segments(found[int(np.argmax(gains))][0]), 1)
    curve = [
        AGREED * agreed + (1 - AGREED) * max(0.0, gain) / largest
        for agreed, gain in zip(agreement, gains, strict=True)
    ]
    at = int(np.argmax(curve))
    return numbers[at] if curve[at] >= BORNE_OUT else 1


def _labelled(views: ScaledViews, seed: int, number: int) -> list[list[Labels]]:
    return views.labels(number, derived_seed(seed, number))
