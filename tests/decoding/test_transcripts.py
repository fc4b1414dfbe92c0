"""Transcripts: read, laid on a recording, and learnt from."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.decoding import align, decode_segments, learn_transitions, transcript
from asot.errors import ArgumentError


def cuts(n_frames: int, n_segments: int, minimum: int) -> list[tuple[int, ...]]:
    """The edges of all ways to cut a recording into so many segments."""
    edges = [(0, *inner, n_frames) for inner in combinations(range(1, n_frames), n_segments - 1)]
    return [one for one in edges if min(np.diff(one)) >= minimum]


@given(st.data(), st.integers(0, 2**32 - 1))
def test_alignment_is_the_best_of_all(data: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_segments, minimum = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    n_frames = n_segments * minimum + data.draw(st.integers(0, 4))
    n_actions = data.draw(st.integers(1, 3))
    scores = rng.normal(size=(n_frames, n_actions))
    if data.draw(st.booleans()):
        scores[rng.random(scores.shape) < 0.1] = -np.inf
        scores[np.isneginf(scores).all(axis=1)] = 0
    wanted = rng.integers(0, n_actions, n_segments)
    laid = [np.repeat(wanted, np.diff(one)) for one in cuts(n_frames, n_segments, minimum)]
    values = [scores[np.arange(n_frames), one].sum() for one in laid]
    if np.isneginf(max(values)):
        with pytest.raises(ArgumentError, match="no labels have this transcript: log_prob"):
            align(scores, wanted, minimum)
        return
    labels = align(scores, wanted, minimum)
    assert labels.tolist() in [one.tolist() for one in laid]
    np.testing.assert_allclose(scores[np.arange(n_frames), labels].sum(), max(values), atol=1e-12)


def test_alignment_to_what_was_decoded_is_what_was_decoded(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(300, 5)) + 2 * (np.arange(5) == np.arange(300)[:, None] // 20 % 5)
    labels = decode_segments(scores, minimum_duration=7)
    np.testing.assert_array_equal(align(scores, transcript(labels), 7), labels)


@given(st.lists(st.integers(-1, 3), max_size=12))
def test_a_transcript_is_the_runs_without_those_of_no_action(labels: list[int]) -> None:
    expected = [
        label for i, label in enumerate(labels) if label >= 0 and (i == 0 or labels[i - 1] != label)
    ]
    found = transcript(np.array(labels, dtype=np.int64))
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_transitions_are_the_smoothed_shares_of_what_follows(rng: np.random.Generator) -> None:
    recordings = [rng.integers(-1, 4, n) for n in rng.integers(0, 40, 5)]
    counts = np.full((4, 4), 0.5)
    for one in recordings:
        actions = transcript(one).tolist()
        for before, after in pairwise(actions):
            counts[before, after] += 1
    np.fill_diagonal(counts, 0)
    found = np.exp(learn_transitions(iter(recordings), 4, smoothing=0.5))
    np.testing.assert_allclose(found, counts / counts.sum(axis=1, keepdims=True))


def test_learnt_transitions_keep_the_order_of_actions(rng: np.random.Generator) -> None:
    seen = [np.repeat(np.arange(4), rng.integers(1, 9, 4)) for _ in range(5)]
    transitions = learn_transitions(seen, 4, smoothing=0)
    labels = decode_segments(rng.normal(size=(50, 4)), transitions=transitions)
    assert (np.diff(labels) >= 0).all()
    assert set(np.diff(transcript(labels))) <= {1}
    assert learn_transitions([], 1).tolist() == [[-np.inf]]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (([[0.0, np.nan]], [0]), "log_probabilities must be finite or -inf, but is nan for frame"),
        ((np.zeros((3, 2)), []), "transcript must be a list of at least one action number, but"),
        ((np.zeros((3, 2)), [0.0]), "transcript must be a list of at least one action number, but"),
        ((np.zeros((3, 2)), [0, 2]), "transcript must hold actions 0 to 1, not 2."),
        ((np.zeros((3, 2)), [-1]), "transcript must hold actions 0 to 1, not -1."),
        ((np.zeros((3, 2)), [0], 0), "minimum_duration must be a whole number of frames >= 1, but"),
        (
            (np.zeros((3, 2)), [0, 1], 2),
            "transcript needs at least 4 frames, 2 for each of its 2 segments, but the recording",
        ),
    ],
)
def test_alignments_that_cannot_be_are_refused(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        align(*arguments)
    assert str(caught.value).startswith(sentence)


def test_labels_that_transitions_cannot_be_learnt_from_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"labels\[1\] must hold actions 0 to 1, or -1 for no"):
        learn_transitions([[0, 1], [0, 2]], 2)
    with pytest.raises(ArgumentError, match="smoothing must be a finite number >= 0, but is -1"):
        learn_transitions([[0, 1]], 2, smoothing=-1)
