"""Timelines: seconds of frames, and labels of frames from seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.timeline.segments import (
    Interval,
    Timeline,
    even_times,
    frame_actions,
    require_times,
    run_lengths,
    segment_table,
)

ACTIONS = {0: "boil", 1: "pour", 2: "stir"}


@st.composite
def labelled(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels with gaps, and times of uneven frames of at least 2 ms that start anywhere."""
    labels = draw(st.lists(st.integers(-1, 2), min_size=1, max_size=40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = rng.choice([0.002, 1 / 60, 1 / 29.97, 0.04, 1.5], size=len(labels))
    start = draw(st.sampled_from([0.0, 0.54, 7200.25, -1.0]))
    return np.array(labels), np.concatenate([[start], start + np.cumsum(steps)])


def timeline(labels: NDArray[np.int64], times: NDArray[np.float64]) -> Timeline:
    rows = segment_table("tea", labels, action_names=ACTIONS, times=times)
    return Timeline("tea", tuple(rows), len(labels), times)


@given(case=labelled(), digits=st.sampled_from([3, 4, 9]))
def test_intervals_rounded_to_milliseconds_cover_the_same_frames(
    case: tuple[NDArray[np.int64], NDArray[np.float64]], digits: int
) -> None:
    labels, times = case
    rounded = [
        Interval(one.recording, round(one.start_s, digits), round(one.end_s, digits), one.action)
        for one in timeline(labels, times).intervals
    ]
    assert frame_actions(rounded, times) == [ACTIONS.get(label) for label in labels.tolist()]


@given(case=labelled())
def test_seconds_are_those_of_the_frames(
    case: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    labels, times = case
    one = timeline(labels, times)
    starts, ends, values = run_lengths(labels)
    expected = [
        (times[start], times[end], ACTIONS[value])
        for start, end, value in zip(starts, ends, values.tolist(), strict=True)
        if value >= 0
    ]
    assert [(i.start_s, i.end_s, i.action) for i in one.intervals] == expected
    assert [(row.start_s, row.end_s, row.action) for row in one.rows] == expected


@given(case=labelled(), data=st.data())
def test_frames_get_the_label_over_their_middle(
    case: tuple[NDArray[np.int64], NDArray[np.float64]], data: st.DataObject
) -> None:
    _, times = case
    moments = st.floats(times[0] - 1, times[-1] + 1)
    pairs = data.draw(st.lists(st.tuples(moments, moments), max_size=4, unique_by=min))
    drawn = [
        Interval("tea", min(pair), max(pair), str(number))
        for number, pair in enumerate(pairs)
        if pair[0] != pair[1]
    ]
    found = frame_actions(drawn, times)
    for frame, label in enumerate(found):
        middle = (times[frame] + times[frame + 1]) / 2
        over = [one for one in drawn if one.start_s <= middle < one.end_s]
        latest = max(over, key=lambda one: one.start_s, default=None)
        assert label == (None if latest is None else latest.action)


def test_even_times_and_frames_without_any() -> None:
    assert even_times(3, 25.0).tolist() == [0.0, 0.04, 0.08, 0.12]
    assert len(even_times(0, 25.0)) == 1
    bare = Timeline("tea", (), 3)
    for ask in (lambda: bare.seconds, lambda: bare.intervals):
        with pytest.raises(ArgumentError, match="tea has frames but no times: give the frames a"):
            ask()


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0), (0.0, np.nan), (-np.inf, 0.0)])
def test_intervals_that_are_none(ends: tuple[float, float]) -> None:
    with pytest.raises(ArgumentError, match=r"needs start_s < end_s, but 'boil' of 'tea' lasts"):
        Interval("tea", *ends, "boil")


def test_times_of_frames() -> None:
    times = require_times([0, 1, 3], 2)
    assert times.dtype == np.float64
    assert times.tolist() == [0.0, 1.0, 3.0]
    for wrong in ([0, 1], [0, 1, 2, 3], [[0, 1, 2]]):
        with pytest.raises(ArgumentError, match="one more than the 2 frames, but their shape is"):
            require_times(wrong, 2)
    for wrong in ([0, 1, 1], [0, 2, 1], [0, np.nan, 2], [0, 1, np.inf]):
        with pytest.raises(ArgumentError, match="must be finite, each later than the one before"):
            require_times(wrong, 2)
