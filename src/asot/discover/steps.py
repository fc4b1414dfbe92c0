"""Sub-actions: the steps that an action consists of, found in its segments alone.

The segments of an action are taken for recordings, of what is left where the action's mean in each
recording is taken away, which differs from one to the next. Time scale and number are found as
those of actions are. A step is borne out if different views find it again in other segments, and if
three of four segments hold several: ways of doing an action, or different actions under one label,
are no steps. The ends of segments, where windows mix neighbours, have no say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asot.discover.number import AGREED, compare_numbers
from asot.discover.prototypes import (
    Frames,
    Prototypes,
    derived_seed,
    learn_prototypes,
    places,
    spread_frames,
)
from asot.discover.radius import ScaledViews, find_radius, searched, thinned
from asot.progress import Progress, silent
from asot.timeline.segments import UNLABELLED, run_lengths

FEWEST_SEGMENTS = 6  # in which a step can be found again; of fewer, chance makes some
MOST_SEGMENTS = 60  # of an action, that its steps are learnt from
FEWEST_FRAMES = 6  # of the mean segment
FINE = 200  # frames of the mean segment, which are averaged where there are more
SEVERAL = 0.75  # of the segments, that hold several steps
INNER = 1 / 3  # of a step's frames, that do not lie at the ends of segments
BORNE_OUT = 0.35  # of the score that numbers of actions have, below which there are no steps

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class StepPrototypes(Prototypes):
    """The steps of an action, as centres of what lies between the margins of its segments."""

    margin: int = 0  # frames at each end of a segment, which take the step beside them


Steps = Sequence[StepPrototypes | None]  # by action


def learn_steps(
    recordings: Frames,
    labels: Sequence[Labels | None],
    n_actions: int,
    most: int,
    *,
    margin: int = 0,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[StepPrototypes | None, ...]:
    """Find the steps of each of K actions, at most ``most``; None for an action without.

    Steps are numbered in the order in which they mostly come.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features, of which those of one action's segments are held at a time.
    labels : sequence of (N_i,) int64 arrays or None
        The action of each frame, -1 for none; None for recordings that do not take part.
    margin : int
        Frames at each end of a segment that are not learnt from: half of those that a feature
        describes together.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> made = make_recordings(8, 2, noise=0.5, random_state=0)
    >>> whole = [np.zeros(len(one), dtype=np.int64) for one in made.features]
    >>> (found,) = learn_steps(made.features, whole, 1, 3)
    >>> len(found.centres), np.unique(label_steps([found], made.features[0], whole[0])).tolist()
    (2, [0, 1])
    """
    learnt = []
    progress("Finding sub-actions", 0, n_actions)
    for action in range(n_actions):
        learnt.append(_divide(recordings, labels, action, most, margin, derived_seed(seed, action)))
        progress("Finding sub-actions", action + 1, n_actions)
    return tuple(learnt)


def label_steps(steps: Steps, features: NDArray[np.float32], labels: Labels) -> Labels:
    """Number the step of each frame within its action from 0, (N,); -1 where there is none.

    Parameters
    ----------
    steps : sequence of StepPrototypes or None
        What :func:`learn_steps` found, by action; later actions have none.
    features : (N, D) float32 array
        One recording's prepared features.
    labels : (N,) int64 array
        The action of each frame, -1 for none.
    """
    result = np.full(len(labels), UNLABELLED)
    for action in np.unique(labels[labels != UNLABELLED]).tolist():
        if action < len(steps) and (prototypes := steps[action]) is not None:
            rows = _around_mean(features, labels == action)
            for start, end in _runs(labels, action):
                result[start:end] = _within(prototypes, rows[start:end])
    return result


def _within(steps: StepPrototypes, rows: NDArray[np.float32]) -> Labels:
    """Number the steps within a segment, (N,), whose margins take the step beside them."""
    margin = min(steps.margin, (len(rows) - 1) // 2)
    return np.pad(steps.labels(rows[margin : len(rows) - margin]), margin, mode="edge")


def _runs(labels: Labels, action: int) -> list[tuple[int, int]]:
    """Return the segments [start, end) of an action."""
    runs = zip(*(one.tolist() for one in run_lengths(labels)), strict=True)
    return [(start, end) for start, end, one in runs if one == action]


def _around_mean(features: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return frames (N, D) around the mean of an action's ``own`` frames, (N,)."""
    moved: NDArray[np.float32] = features - features[own].mean(axis=0).astype(np.float32)
    return moved


def _divide(
    recordings: Frames,
    labels: Sequence[Labels | None],
    action: int,
    most: int,
    margin: int,
    seed: int,
) -> StepPrototypes | None:
    """Find the steps of one action in its segments."""
    runs = [
        (index, start + margin, end - margin)
        for index, own in enumerate(labels)
        for start, end in ([] if own is None else _runs(own, action))
        if end - start >= FEWEST_FRAMES + 2 * margin or not margin
    ]
    mean = sum(end - start for _, start, end in runs) / max(1, len(runs))
    if len(runs) < FEWEST_SEGMENTS or mean < FEWEST_FRAMES or most < 2:
        return None
    each = max(1, round(mean / FINE))
    segments, before, rows = [], -1, np.zeros((0, 0), np.float32)
    for place in spread_frames(len(runs), MOST_SEGMENTS).tolist():
        index, start, end = runs[place]
        if index != before:
            rows, before = _around_mean(recordings[index], labels[index] == action), index
        segments.append(thinned(np.array(rows[start:end]), each))
    radius = find_radius(segments, most, seed=seed).chosen
    number = _count(segments, radius, most, seed)
    if number == 1:
        return None
    for fewer in range(number, 1, -1):
        found = learn_prototypes(segments, fewer, radius, sized=True, seed=seed)
        order = _order_if_borne_out([found.labels(one) for one in segments], radius, margin / each)
        if order is not None:
            return StepPrototypes(
                found.centres[order], radius * each, scale=found.scale, margin=margin
            )
    return None


def _order_if_borne_out(
    labels: Sequence[Labels], radius: int, margin: float
) -> NDArray[np.int64] | None:
    """Order steps as they mostly come; None if too few segments hold several, or one is an edge.

    An edge lies within a radius of segments' ends, or is as short as a window, of two margins.
    """
    count = 1 + max(int(one.max()) for one in labels)
    total, inner, at, times = np.zeros((4, count))
    for one in labels:
        np.add.at(total, one, 1)
        np.add.at(inner, one[radius:-radius], 1)
        np.add.at(at, one, places(len(one)))
        np.add.at(times, run_lengths(one)[2], 1)
    several = np.mean([one.min() < one.max() for one in labels])
    edge = (inner < INNER * total) | (total < 2 * margin * times)
    return None if several < SEVERAL or edge.any() else np.argsort(at / total, kind="stable")


def _count(segments: Frames, radius: int, most: int, seed: int) -> int:
    """Count the steps of an action by the score of numbers of actions; 1 where none stand out."""
    kept = searched(segments)
    views, numbers = ScaledViews(kept, radius), range(2, most + 1)
    agreement, shares, _ = compare_numbers(kept, views, numbers, 0, seed=seed)
    curve = AGREED * np.array(agreement) + (1 - AGREED) * np.array(shares)
    at = int(np.argmax(curve))
    return numbers[at] if curve[at] >= BORNE_OUT else 1
