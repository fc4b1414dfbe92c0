"""Posterior probabilities, against all the segmentations there are, and against what happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.decoding import decode_segments, segment_confidence
from asot.errors import ArgumentError
from tests.decoding.segmentations import Problem, Run, problems, runs_of


def near(run: Run, other: Run, tolerance: int) -> bool:
    reach = min(tolerance, (run[1] - run[0]) // 2)
    return (
        run[2] == other[2] and abs(run[0] - other[0]) <= reach and abs(run[1] - other[1]) <= reach
    )


def changes_near(place: int, runs: list[Run], tolerance: int) -> bool:
    return any(abs(run[1] - place) <= tolerance for run in runs[:-1])


@given(problems(), st.integers(0, 4), st.booleans(), st.integers(0, 2**32 - 1))
def test_it_is_the_share_of_all_segmentations(
    problem: Problem, tolerance: int, decoded: bool, seed: int
) -> None:
    every = problem.all()
    if not every:
        return
    n_frames, n_actions = problem.scores.shape
    labels = np.random.default_rng(seed).integers(0, n_actions, n_frames)
    if decoded:
        labels = decode_segments(problem.scores, **problem.rules)
    found = segment_confidence(problem.scores, labels, tolerance=tolerance, **problem.rules)
    values = np.array([value for _, value in every])
    weights = np.exp(values - values.max())
    weights /= weights.sum()
    frames = np.zeros((n_frames, n_actions))
    runs = runs_of(labels)
    segments, boundaries = np.zeros(len(runs)), np.zeros(len(runs) - 1)
    for weight, (others, _) in zip(weights, every, strict=True):
        for start, end, action in others:
            frames[start:end, action] += weight
        for j, run in enumerate(runs):
            segments[j] += weight * any(near(run, other, tolerance) for other in others)
        for j, run in enumerate(runs[:-1]):
            boundaries[j] += weight * changes_near(run[1], others, tolerance)
    np.testing.assert_allclose(found.frames, frames, atol=1e-10)
    np.testing.assert_allclose(found.segments, segments, atol=1e-10)
    np.testing.assert_allclose(found.boundaries, boundaries, atol=1e-10)


def _simulated(
    rng: np.random.Generator, n_frames: int, table: np.ndarray, transitions: np.ndarray
) -> np.ndarray:
    """Labels from the model itself: segments are drawn until one ends with the recording."""
    while True:
        labels: list[int] = []
        action = int(rng.integers(len(transitions)))
        while len(labels) < n_frames:
            labels += [action] * (1 + int(rng.choice(len(table), p=table[:, action])))
            action = int(rng.choice(len(transitions), p=transitions[action]))
        if len(labels) == n_frames:
            return np.array(labels)


def test_it_comes_true_as_often_as_it_says(rng: np.random.Generator) -> None:
    n_actions, tolerance = 4, 1
    table = rng.random((12, n_actions))
    table[:3] = 0
    table /= table.sum(axis=0)
    transitions = rng.random((n_actions, n_actions)) * (1 - np.eye(n_actions))
    transitions /= transitions.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        rules = {"durations": np.log(table), "transitions": np.log(transitions)}
    # By recording: confidence less outcome, in five bins of the confidence.
    errors: dict[str, list[np.ndarray]] = {"segments": [], "boundaries": []}
    for _ in range(120):
        truth = _simulated(rng, 60, table, transitions)
        seen = truth + rng.normal(size=60)
        scores = -((seen[:, None] - np.arange(n_actions)) ** 2) / 2
        labels = decode_segments(scores, **rules)
        sure = segment_confidence(scores, labels, tolerance=tolerance, **rules)
        runs, true = runs_of(labels), runs_of(truth)
        outcomes = {
            "segments": [any(near(run, one, tolerance) for one in true) for run in runs],
            "boundaries": [changes_near(run[1], true, tolerance) for run in runs[:-1]],
        }
        for kind, outcome in outcomes.items():
            confidence = getattr(sure, kind)
            bins = np.minimum((confidence * 5).astype(int), 4)
            errors[kind].append(np.bincount(bins, confidence - outcome, minlength=5))
    for kind, rows in errors.items():
        total = np.array(rows)
        # Given what was seen, the error's mean is 0: its sum is within a few of its deviations.
        assert (np.abs(total.sum(axis=0)) <= 5 * np.sqrt((total**2).sum(axis=0)) + 1).all(), kind
        assert (np.abs(total).sum(axis=0) > 0).sum() >= 3, "the bins are in use"


@pytest.mark.parametrize(
    "labels, tolerance, sentence",
    [
        ([0, 0], 0, "labels must be a whole number for each of the 3 frames, but have the shape"),
        ([0.0, 0.0, 0.0], 0, "labels must be a whole number for each of the 3 frames, but have"),
        ([0, -1, 0], 0, "labels must be actions 0 to 1, but hold -1."),
        ([0, 2, 0], 0, "labels must be actions 0 to 1, but hold 2."),
        ([0, 1, 0], -1, "tolerance must be a whole number of frames >= 0, not -1."),
        ([0, 1, 0], 0.5, "tolerance must be a whole number of frames >= 0, not 0.5."),
    ],
)
def test_bad_arguments_are_named(labels: Any, tolerance: Any, sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        segment_confidence(np.zeros((3, 2)), labels, tolerance=tolerance)
    assert str(caught.value).startswith(sentence)
