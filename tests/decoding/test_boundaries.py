"""Sharpened boundaries, against all positions tried one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.decoding.boundaries import sharpen_boundaries
from asot.errors import ArgumentError
from asot.timeline.segments import run_lengths


@st.composite
def segmentations(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    lengths = draw(st.lists(st.integers(1, 14), min_size=1, max_size=6))
    labels = np.repeat(np.arange(len(lengths)) % 3, lengths)
    features = np.random.default_rng(draw(st.integers(0, 2**31))).normal(size=(len(labels), 3))
    return labels, features, draw(st.integers(0, 8))


def distances(rows: np.ndarray, centre: np.ndarray) -> float:
    return float(((rows - centre) ** 2).sum())


def by_trying(labels: np.ndarray, features: np.ndarray, reach: int) -> np.ndarray:
    """Each boundary at every place that it may have; the segments as they were decoded."""
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    starts, ends, values = run_lengths(labels)
    cuts = list(ends[:-1])
    for i, cut in enumerate(cuts):
        shorter = min(ends[i] - starts[i], ends[i + 1] - starts[i + 1])
        near = min(reach, shorter // 3)
        if near == 0:
            continue
        before = rows[starts[i] : cut - near].mean(axis=0)
        after = rows[cut + near : ends[i + 1]].mean(axis=0)
        costs = {
            place: distances(rows[starts[i] : place], before)
            + distances(rows[place : ends[i + 1]], after)
            for place in range(cut - near, cut + near + 1)
        }
        least = min(costs.values())
        ties = [place for place, cost in costs.items() if cost <= least + 1e-9]
        cuts[i] = min(ties, key=lambda place: abs(place - cut))
    lengths = np.diff([0, *cuts, len(labels)])
    return np.repeat(values, lengths)


@given(segmentations())
def test_each_is_where_the_squared_distances_are_least(
    case: tuple[np.ndarray, np.ndarray, int],
) -> None:
    labels, features, reach = case
    before = labels.copy()
    sharp = sharpen_boundaries(labels, features, reach)
    np.testing.assert_array_equal(sharp, by_trying(labels, features, reach))
    np.testing.assert_array_equal(labels, before)


@given(segmentations())
def test_no_segment_is_lost_or_moves_far(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    labels, features, reach = case
    sharp = sharpen_boundaries(labels, features, reach)
    starts, ends, values = run_lengths(labels)
    new_starts, new_ends, new_values = run_lengths(sharp)
    np.testing.assert_array_equal(values, new_values)
    assert (np.abs(new_ends - ends) <= reach).all()
    assert (3 * (new_ends - new_starts) >= ends - starts).all()


@given(segmentations())
def test_without_reach_nothing_changes(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    labels, features, _ = case
    np.testing.assert_array_equal(sharpen_boundaries(labels, features, 0), labels)


@given(segmentations(), st.floats(0.01, 100))
def test_only_directions_count(case: tuple[np.ndarray, np.ndarray, int], scale: float) -> None:
    labels, features, reach = case
    np.testing.assert_array_equal(
        sharpen_boundaries(labels, scale * features, reach),
        sharpen_boundaries(labels, features, reach),
    )


@pytest.mark.parametrize("off", [-4, -1, 0, 3, 4])
def test_a_boundary_that_is_off_is_put_right(off: int) -> None:
    features = np.repeat(np.eye(3), 20, axis=0)
    truth = np.repeat([0, 1, 2], 20)
    blurred = np.repeat([0, 1, 2], [20 + off, 20 - 2 * off, 20 + off])
    np.testing.assert_array_equal(sharpen_boundaries(blurred, features, 4), truth)


def test_frames_that_do_not_tell_leave_a_boundary() -> None:
    labels = np.repeat([0, 1], 9)
    for features in (np.zeros((18, 2)), np.ones((18, 2))):
        np.testing.assert_array_equal(sharpen_boundaries(labels, features, 3), labels)
    assert sharpen_boundaries([], np.zeros((0, 2)), 3).tolist() == []


@pytest.mark.parametrize(
    "features, reach, sentence",
    [
        (np.ones((3, 2)), 1, "features must be (N, D) with N = 2, the number of labels, but"),
        (np.ones(2), 1, "features must be (N, D) with N = 2"),
        (np.ones((2, 2)), -1, "reach must be at least 0, but is -1."),
    ],
)
def test_what_is_wrong_is_named(features: np.ndarray, reach: int, sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        sharpen_boundaries([0, 1], features, reach)
    assert str(caught.value).startswith(sentence)
