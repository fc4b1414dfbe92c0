"""Segments that show what an action looks like, and those that show it least."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.data.features import blocks
from asot.data.recordings import Features
from asot.page import Example
from asot.runs.alike import Survey
from asot.timeline.segments import UNLABELLED, run_lengths

# Segments of each action that are shown.
TYPICAL = 4
ATYPICAL = 2
# Standardised means that are shorter than this differ from their recording's by rounding only.
SHORTEST = 1e-9

Labels = NDArray[np.int64]
Examples = dict[int, list[Example]]


def find_examples(
    recordings: Recordings, labels: Callable[[Recording], Labels], survey: Survey
) -> tuple[Examples, Examples]:
    """Find the most and the least typical segments of each action, best and worst first.

    A segment is the mean of its frames' features, standardised over its recording; it is as
    typical as its cosine similarity to the mean of all the action's segments, which count by their
    length. No segment is both, and typical segments come from different recordings where there
    are enough. ``labels`` gives those of a recording; the ``survey`` sees all segments too.
    """
    # The recordings are read twice, so that the means of all segments need not be held at once.
    for one in recordings:
        for segment in _segments(one, labels(one)):
            survey.add(*segment)
    centres = {action: _unit(sums) for action, sums in survey.sums.items()}
    found: Examples = {action: [] for action in sorted(centres)}
    for one in recordings:
        for start, end, action, mean in _segments(one, labels(one)):
            similarity = float(_unit(mean) @ centres[action])
            found[action].append(Example(one.name, start, end, similarity))
            survey.place(one.name, start, end, action, mean)
    typical: Examples = {}
    atypical: Examples = {}
    for action, own in found.items():
        order = sorted(range(len(own)), key=lambda i: -own[i].typicality)
        best = _spread(own, order, TYPICAL)
        rest = [i for i in reversed(order) if i not in best]
        typical[action] = [own[i] for i in best]
        atypical[action] = [own[i] for i in rest[:ATYPICAL]]
    return typical, atypical


def _segments(
    one: Recording, labels: Labels
) -> Iterator[tuple[int, int, int, NDArray[np.float64]]]:
    """Yield a recording's segments: start, end, action and the mean of the features."""
    runs = run_lengths(labels)
    means = _segment_means(one.features, runs[0], runs[1])
    for start, end, action, mean in zip(*(run.tolist() for run in runs), means, strict=True):
        if action != UNLABELLED:
            yield start, end, action, mean


def _segment_means(features: Features, starts: Labels, ends: Labels) -> NDArray[np.float64]:
    """Return the means (S, D) of half-open runs that cover a recording, standardised over it."""
    width = features.shape[1]
    sums = np.zeros((len(starts), width))
    squares = np.zeros(width)
    for first, block in blocks(features):
        values = np.asarray(block, dtype=np.float64)
        squares += np.einsum("ij,ij->j", values, values)
        inside = np.flatnonzero((starts < first + len(values)) & (ends > first))
        cuts = np.maximum(starts[inside] - first, 0)
        sums[inside] += np.add.reduceat(values, cuts, axis=0)
    n_frames = len(features)
    mean = sums.sum(axis=0) / n_frames
    deviation = np.sqrt(np.maximum(squares / n_frames - mean**2, 0))
    means = sums / (ends - starts)[:, None]
    centred: NDArray[np.float64] = (means - mean) / np.where(deviation > 1e-9, deviation, 1)
    return centred


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vector)
    unit: NDArray[np.float64] = vector / length if length > SHORTEST else np.zeros_like(vector)
    return unit


def _spread(own: list[Example], order: list[int], count: int) -> list[int]:
    """Return the first ``count`` in the order, taking the first of each recording before others."""
    seen: set[str] = set()
    fresh: list[int] = []
    again: list[int] = []
    for i in order:
        (again if own[i].recording in seen else fresh).append(i)
        seen.add(own[i].recording)
    chosen = set((fresh + again)[:count])
    return [i for i in order if i in chosen]
