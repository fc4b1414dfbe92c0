"""Which segments show an action best, and which worst."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.data.features import blocks
from asot.data.recordings import Features
from asot.page import Example
from asot.runs.predictions import PredictionFolder
from asot.timeline.segments import UNLABELLED, run_lengths

TYPICAL = 4
ATYPICAL = 2

Examples = dict[int, list[Example]]


def find_examples(folder: PredictionFolder, recordings: Recordings) -> tuple[Examples, Examples]:
    """Find the most and the least typical segments of each action.

    A segment is the mean of its frames' features, standardised over its recording; it is as
    typical as its cosine similarity to the mean of all the action's segments, which count by their
    length.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    recordings : Recordings
        What it predicted.

    Returns
    -------
    typical, atypical : dict of int to list of Example
        Best and worst first; no segment is both. The typical ones come from different recordings
        as far as there are enough.
    """
    # Twice through the recordings, so that not the mean of every segment is held at once.
    sums: dict[int, NDArray[np.float64]] = {}
    for one in recordings:
        for _, start, end, action, mean in _segments(folder, one):
            sums[action] = sums.get(action, 0) + (end - start) * mean
    centres = {action: total / (np.linalg.norm(total) or 1) for action, total in sums.items()}
    found: dict[int, list[Example]] = {action: [] for action in sorted(centres)}
    for one in recordings:
        for name, start, end, action, mean in _segments(folder, one):
            similarity = float(mean @ centres[action] / (np.linalg.norm(mean) or 1))
            found[action].append(Example(name, start, end, similarity))
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
    folder: PredictionFolder, one: Recording
) -> Iterator[tuple[str, int, int, int, NDArray[np.float64]]]:
    """A recording's segments: its name, start, end, action and the mean of the features."""
    starts, ends, values = run_lengths(folder.labels_of(one))
    means = _segment_means(one.features, starts, ends)
    for start, end, value, mean in zip(
        starts.tolist(), ends.tolist(), values.tolist(), means, strict=True
    ):
        if value != UNLABELLED:
            yield one.name, start, end, value, mean


def _segment_means(
    features: Features, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Means (S, D) of half-open runs that cover a recording, standardised over it."""
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


def _spread(own: list[Example], order: list[int], count: int) -> list[int]:
    """The first ``count`` in the order, those of new recordings before second ones."""
    seen: set[str] = set()
    fresh: list[int] = []
    again: list[int] = []
    for i in order:
        (again if own[i].recording in seen else fresh).append(i)
        seen.add(own[i].recording)
    chosen = set((fresh + again)[:count])
    return [i for i in order if i in chosen]
