"""Majority filter and minimum duration, against plain loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ArgumentError
from asot.timeline.segments import minimum_duration, run_lengths, smooth, to_segments

# Runs, for equal neighbours to occur; lengths repeat, for ties to occur.
label_sequences = st.lists(st.tuples(st.integers(-1, 3), st.integers(1, 4)), max_size=15).map(
    lambda runs: np.repeat([r[0] for r in runs], [r[1] for r in runs]).astype(np.int64)
)


def majority_by_loop(labels: list[int], window: int) -> list[int]:
    result = []
    for frame, own in enumerate(labels):
        around = labels[max(frame - window // 2, 0) : frame + window // 2 + 1]
        votes = Counter(label for label in around if label != -1)
        ranked = sorted(votes, key=lambda label: (-votes[label], label != own, label))
        result.append(-1 if own == -1 else ranked[0])
    return result


def merge_by_loop(labels: list[int], frames: int) -> list[int]:
    labels = list(labels)
    while True:
        segments = to_segments(labels)
        choices = []
        for place, segment in enumerate(segments):
            sides = [
                segments[side]
                for side in (place - 1, place + 1)
                if 0 <= side < len(segments) and segments[side].label != -1
            ]
            if segment.label != -1 and segment.length < frames and sides:
                target = max(sides, key=lambda side: (side.length, -side.start))
                choices.append((segment.length, segment.start, segment, target))
        if not choices:
            return labels
        _, _, segment, target = min(choices, key=lambda choice: choice[:2])
        labels[segment.start : segment.end] = [target.label] * segment.length


@given(label_sequences, st.sampled_from([1, 3, 5, 9, 101]))
def test_smooth_agrees_with_a_loop(labels: np.ndarray, window: int) -> None:
    assert smooth(labels, window).tolist() == majority_by_loop(labels.tolist(), window)


@given(label_sequences)
def test_smooth_with_one_frame_changes_nothing(labels: np.ndarray) -> None:
    assert smooth(labels, 1).tolist() == labels.tolist()


@given(label_sequences, st.integers(0, 12))
def test_minimum_duration_agrees_with_a_loop(labels: np.ndarray, frames: int) -> None:
    assert minimum_duration(labels, frames).tolist() == merge_by_loop(labels.tolist(), frames)


@given(label_sequences, st.integers(0, 12))
def test_minimum_duration_is_reached_once_and_for_all(labels: np.ndarray, frames: int) -> None:
    merged = minimum_duration(labels, frames)
    assert merged.dtype == np.int64
    assert minimum_duration(merged, frames).tolist() == merged.tolist()
    assert ((merged == -1) == (labels == -1)).all()
    starts, ends, values = run_lengths(merged)
    for place in np.flatnonzero((ends - starts < frames) & (values != -1)):
        sides = values[max(place - 1, 0) : place].tolist() + values[place + 1 : place + 2].tolist()
        assert all(side == -1 for side in sides)


def test_a_short_segment_joins_the_longer_neighbour_or_the_earlier_of_equals() -> None:
    assert minimum_duration([0, 0, 1, 2, 2, 2], 2).tolist() == [0, 0, 2, 2, 2, 2]
    assert minimum_duration([0, 0, 1, 2, 2], 2).tolist() == [0, 0, 0, 2, 2]
    assert minimum_duration([0, 0, 1, 0, 0], 5).tolist() == [0, 0, 0, 0, 0]
    assert minimum_duration([-1, 1, -1], 2).tolist() == [-1, 1, -1]


def test_minimum_duration_on_long_noise(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 5, size=3000)
    starts, ends, _ = run_lengths(minimum_duration(labels, 25))
    assert (ends - starts).min() >= 25


@pytest.mark.parametrize("window", [0, 2, -3, 2.5, True])
def test_smooth_refuses_windows_without_a_middle(window: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        smooth([0, 1], window)
    assert caught.value.setting == "window"


@pytest.mark.parametrize("frames", [-1, 1.5, True])
def test_minimum_duration_refuses_what_is_no_length(frames: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        minimum_duration([0, 1], frames)
    assert caught.value.setting == "frames"
