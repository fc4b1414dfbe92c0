"""Labels to segments and back, and the segment table."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asot.errors import ArgumentError
from asot.timeline.segments import Segment, run_lengths, segment_table, to_labels, to_segments

label_sequences = hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(-1, 3))


@given(label_sequences)
def test_run_lengths_agree_with_groupby(labels: np.ndarray) -> None:
    expected = [(value, len(list(run))) for value, run in itertools.groupby(labels.tolist())]
    starts, ends, values = run_lengths(labels)
    assert list(zip(values.tolist(), (ends - starts).tolist(), strict=True)) == expected
    assert starts.tolist() == [0, *ends.tolist()][: len(starts)]


def test_run_lengths_take_strings() -> None:
    starts, ends, values = run_lengths(["pour", "pour", "stir"])
    assert (starts.tolist(), ends.tolist(), values.tolist()) == ([0, 2], [2, 3], ["pour", "stir"])


@given(label_sequences)
def test_labels_survive_the_round_trip(labels: np.ndarray) -> None:
    segments = to_segments(labels)
    assert to_labels(segments, len(labels)).tolist() == labels.tolist()
    assert sum(segment.length for segment in segments) == len(labels)


@given(label_sequences, st.randoms(use_true_random=False))
def test_order_and_missing_padding_do_not_matter_to_labels(labels: np.ndarray, random) -> None:
    segments = [segment for segment in to_segments(labels) if segment.label != -1]
    random.shuffle(segments)
    assert to_labels(segments, len(labels)).tolist() == labels.tolist()


def test_confidence_is_the_mean_soft_assignment(rng: np.random.Generator) -> None:
    probabilities = rng.dirichlet(np.ones(4), size=60).astype(np.float32)
    labels = np.repeat(rng.integers(-1, 4, size=12), 5)
    for segment in to_segments(labels, probabilities):
        if segment.label == -1:
            assert segment.confidence is None
        else:
            own = probabilities[segment.start : segment.end, segment.label].astype(np.float64)
            assert segment.confidence == pytest.approx(own.mean(), abs=1e-12)


def test_one_frame_and_no_frame() -> None:
    assert to_segments([3]) == [Segment(0, 1, 3)]
    assert to_segments([]) == []
    assert to_segments([], np.empty((0, 2))) == []
    assert to_labels([], 2).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Segment(3, 3, 0), "start 3 and end 3"),
        (lambda: Segment(-1, 3, 0), "start -1"),
        (lambda: run_lengths([[1, 2]]), "one axis"),
        (lambda: to_segments([0.5]), "integers"),
        (lambda: to_segments([-2]), "-1 or more"),
        (lambda: to_segments([0, 1], [[1.0, 0.0]]), "N = 2"),
        (lambda: to_segments([2], [[1.0, 0.0]]), "K = 2"),
        (lambda: to_labels([Segment(0, 4, 1), Segment(3, 5, 2)], 9), "overlap"),
        (lambda: to_labels([Segment(0, 4, 1)], 3), "n_frames is 3"),
        (lambda: segment_table("a", [0], frame_rate=0), "frame_rate"),
        (lambda: segment_table("a", [0], frame_rate=float("nan")), "frame_rate"),
        (lambda: segment_table("a", [0, 2], action_names=["x", "y"]), "label 2"),
        (lambda: segment_table("a", [0, 0], times=[0.0, 1.0]), "times"),
        (lambda: segment_table("a", [0, 0], times=[0.0, 2.0, 1.0]), "times"),
        (lambda: segment_table("a", [0, 0], times=[0.0, 1.0, float("inf")]), "times"),
    ],
)
def test_bad_arguments_are_named(call, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        call()


def test_table_gives_frames_and_seconds() -> None:
    rows = segment_table(
        "P03 coffee",
        [2, 2, 2, -1, 0],
        frame_rate=15.0,
        action_names={0: "pour milk", 2: "take cup"},
    )
    assert [(r.recording, r.start_frame, r.end_frame, r.action) for r in rows] == [
        ("P03 coffee", 0, 3, "take cup"),
        ("P03 coffee", 4, 5, "pour milk"),
    ]
    assert [(r.start_s, r.end_s) for r in rows] == [(0.0, 3 / 15), (4 / 15, 5 / 15)]


def test_table_without_frame_rate_names_or_probabilities() -> None:
    (row,) = segment_table("a", [7, 7])
    assert (row.start_s, row.end_s, row.action, row.confidence) == (None, None, "7", None)


def test_table_leaves_unlabelled_frames_out_unless_they_have_a_name() -> None:
    assert [r.action for r in segment_table("a", [-1, 1], action_names=["x", "y"])] == ["y"]
    named = segment_table("a", [-1, 1], action_names={-1: "background", 1: "y"})
    assert [r.action for r in named] == ["background", "y"]
