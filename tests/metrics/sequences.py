"""Random label sequences, and every score written once more as plain loops over lists."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

Sequences = list[list[int]]
Cut = list[tuple[int, int, int]]
HOLE = -99


@st.composite
def corpora(draw: st.DrawFn, lowest: int = -1) -> tuple[Sequences, Sequences]:
    """Draw one to four short recordings whose labels stay for a while."""
    predictions: Sequences = []
    truths: Sequences = []
    for _ in range(draw(st.integers(1, 4))):
        length = draw(st.integers(1, 30))
        for side, labels in ((predictions, (lowest, 4)), (truths, (0, 3))):
            run = st.tuples(st.integers(*labels), st.integers(1, 9))
            runs = draw(st.lists(run, min_size=1, max_size=12))
            values = np.repeat([r[0] for r in runs], [r[1] for r in runs])
            side.append(np.resize(values, length).tolist())
    return predictions, truths


def noisy_corpus(
    rng: np.random.Generator, n_recordings: int = 6, n_classes: int = 5
) -> tuple[Sequences, Sequences]:
    """Make recordings whose predictions are mostly right, under other names."""
    names = rng.permutation(n_classes) + 10
    predictions, truths = [], []
    for _ in range(n_recordings):
        truth = np.repeat(rng.integers(0, n_classes, size=8), rng.integers(1, 40, size=8))
        noise = np.repeat(rng.random(len(truth) // 4 + 1) < 0.3, 4)[: len(truth)]
        predicted = np.where(noise, rng.integers(0, n_classes, size=len(truth)), truth)
        predictions.append(names[predicted].tolist())
        truths.append(truth.tolist())
    return predictions, truths


def cut(labels: list[int]) -> Cut:
    """Cut one recording into (start, end, label), without the holes."""
    segments, start = [], 0
    for label, run in itertools.groupby(labels):
        end = start + len(list(run))
        if label != HOLE:
            segments.append((start, end, label))
        start = end
    return segments


def with_holes(
    predictions: Sequences, truths: Sequences, exclude: set[int]
) -> tuple[Sequences, Sequences]:
    """Put a hole on both sides where the ground truth is excluded."""
    holed = [
        [
            [HOLE if true in exclude else label for label, true in zip(labels, truth, strict=True)]
            for labels, truth in zip(side, truths, strict=True)
        ]
        for side in (predictions, truths)
    ]
    return holed[0], holed[1]


def segmental_f1(predictions: Sequences, truths: Sequences, overlap: float) -> float:
    hits = total = 0
    for predicted, true in zip(map(cut, predictions), map(cut, truths), strict=True):
        total += len(predicted) + len(true)
        free = list(true)
        for low, high, label in predicted:
            best, best_iou = None, 0.0
            for other in free:
                shared = min(high, other[1]) - max(low, other[0])
                iou = shared / (high - low + other[1] - other[0] - shared)
                if other[2] == label and shared > 0 and iou > best_iou:
                    best, best_iou = other, iou
            if best is not None and best_iou >= overlap:
                hits += 1
                free.remove(best)
    return 2 * hits / total


def distance(first: list[int], second: list[int]) -> int:
    """Levenshtein distance from its recursive definition."""

    @cache
    def between(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(
            between(i - 1, j) + 1,
            between(i, j - 1) + 1,
            between(i - 1, j - 1) + (first[i - 1] != second[j - 1]),
        )

    return between(len(first), len(second))


def edit(predictions: Sequences, truths: Sequences) -> float:
    scores = []
    for predicted, true in zip(predictions, truths, strict=True):
        a, b = [s[2] for s in cut(predicted)], [s[2] for s in cut(true)]
        if b:
            scores.append(1 - distance(a, b) / max(len(a), len(b)))
    return sum(scores) / len(scores)


def jsd(predictions: Sequences, truths: Sequences) -> float:
    edges = np.arange(0, 10_000, 20)
    histograms = [
        np.histogram([high - low for labels in side for low, high, _ in cut(labels)], edges)[0]
        for side in (predictions, truths)
    ]
    return float(jensenshannon(*histograms, base=2))


def boundary_counts(
    predictions: Sequences, truths: Sequences, tolerance: float | None
) -> list[tuple[list[int], list[int], float]]:
    """List each recording's predicted and true boundaries, and the tolerance."""
    lengths = [high - low for labels in truths for low, high, _ in cut(labels)]
    if tolerance is None:
        tolerance = 0.05 * sum(lengths) / len(lengths)
    points = []
    for pair in zip(predictions, truths, strict=True):
        points.append(
            [
                [t for t in range(1, len(s)) if HOLE not in s[t - 1 : t + 1] and s[t] != s[t - 1]]
                for s in pair
            ]
        )
    return [(p, t, tolerance) for p, t in points]
