from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.data import even_frames, stratified_frames
from asot.errors import ArgumentError

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 300))


@given(sizes, st.integers(0, 2**32 - 1))
def test_one_frame_from_each_stratum(size: tuple[int, int], seed: int) -> None:
    n_frames, count = size
    frames = stratified_frames(n_frames, count, np.random.default_rng(seed))
    assert frames.dtype == np.int64
    if n_frames <= count:
        np.testing.assert_array_equal(frames, np.arange(n_frames))
        return
    assert len(frames) == count
    for i, frame in enumerate(frames.tolist()):
        assert i * n_frames // count <= frame < (i + 1) * n_frames // count
    assert (np.diff(frames) > 0).all()


@pytest.mark.parametrize(("n_frames", "count"), [(7, 3), (10, 9), (11, 1), (40, 10), (5, 8)])
def test_every_frame_is_drawn_sooner_or_later(
    n_frames: int, count: int, rng: np.random.Generator
) -> None:
    # A frame in a stratum of 11 is missed 500 times once in 10^20 runs.
    draws = [stratified_frames(n_frames, count, rng) for _ in range(500)]
    np.testing.assert_array_equal(np.unique(np.concatenate(draws)), np.arange(n_frames))


@given(sizes)
def test_even_frames_reach_both_ends_in_even_steps(size: tuple[int, int]) -> None:
    n_frames, count = size
    frames = even_frames(n_frames, count)
    assert frames.dtype == np.int64
    assert len(frames) == min(n_frames, count)
    steps = np.diff(frames)
    assert (steps > 0).all()
    if len(frames) > 1:
        assert (frames[0], frames[-1]) == (0, n_frames - 1)
        assert steps.max() - steps.min() <= 1


def test_a_single_even_frame_is_in_the_middle() -> None:
    assert even_frames(9, 1).tolist() == [4]


@pytest.mark.parametrize(("n_frames", "count", "name"), [(0, 5, "n_frames"), (5, 0, "count")])
def test_bad_counts_are_refused(n_frames: int, count: int, name: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        even_frames(n_frames, count)
    assert caught.value.setting == name
    with pytest.raises(ArgumentError) as caught:
        stratified_frames(n_frames, count, np.random.default_rng(0))
    assert caught.value.setting == name
