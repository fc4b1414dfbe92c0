"""Batches: which frames of which recordings they hold, on one device and on several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asot.data import Recordings
from asot.model import features as room
from asot.model.features import Batch, Batches, PreparedFeatures, prepare

LENGTHS = [200, 20, 90, 33, 5]
counts = st.integers(1, 12)


@pytest.fixture
def make_data(recordings: Recordings, seed: int) -> Callable[..., Any]:
    def make(seed: int = seed) -> Batches:
        return Batches(PreparedFeatures(recordings.features, True), 32, 2, seed)

    return make


def epoch(data: Batches, number: int) -> list[Batch]:
    return list(data.epoch(number))


def by_recording(batches: list[Batch]) -> dict[int, np.ndarray]:
    return {
        int(index): features[: int(length)].numpy()
        for batch in batches
        for index, features, length in zip(
            batch.indices, batch.features, batch.lengths, strict=True
        )
    }


def rows_of(frames: np.ndarray, features: np.ndarray) -> list[int]:
    """Where each frame stands in the recording."""
    return [int(np.flatnonzero((features == frame).all(axis=1))[0]) for frame in frames]


def test_a_training_epoch_draws_one_frame_in_each_stratum(
    make_data: Callable[..., Any], recordings: Recordings
) -> None:
    batches = epoch(make_data(), 0)
    assert [len(batch.indices) for batch in batches] == [2, 2, 1]
    assert all(batch.features.shape[1:] == (32, 5) for batch in batches)
    assert all(batch.features.dtype == torch.float32 for batch in batches)
    found = by_recording(batches)
    assert sorted(found) == list(range(5))
    for index, frames in found.items():
        rows = rows_of(frames, prepare(recordings[index].features, True))
        n = LENGTHS[index]
        assert len(rows) == min(n, 32)
        if n <= 32:
            assert rows == list(range(n))
        else:
            assert [row * 32 // n for row in rows] == pytest.approx(list(range(32)), abs=1)
            assert all(i * n // 32 <= row < (i + 1) * n // 32 for i, row in enumerate(rows))


def test_short_recordings_are_padded_with_zeros(make_data: Callable[..., Any]) -> None:
    for batch in epoch(make_data(), 0):
        for features, length in zip(batch.features, batch.lengths, strict=True):
            assert bool((features[int(length) :] == 0).all())
            assert bool((features[: int(length)] != 0).any())


def test_what_is_drawn_depends_on_seed_and_epoch_alone(make_data: Callable[..., Any]) -> None:
    data = make_data(seed=3)
    first, second = by_recording(epoch(data, 0)), by_recording(epoch(data, 1))
    again, other = (
        by_recording(epoch(make_data(seed=3), 0)),
        by_recording(epoch(make_data(seed=4), 0)),
    )
    for index in range(5):
        np.testing.assert_array_equal(first[index], again[index])
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], other[0])
    orders = [[batch.indices for batch in epoch(make_data(seed=own), 0)] for own in range(3, 9)]
    assert orders[0] == [batch.indices for batch in epoch(make_data(seed=3), 0)]
    assert any(order != orders[0] for order in orders[1:])


def shared_out(n_recordings: int, n_devices: int) -> list[Batches]:
    features = PreparedFeatures([np.ones((4, 2), np.float32)] * n_recordings, False)
    return [Batches(features, 4, 2, 7, rank, n_devices) for rank in range(n_devices)]


@given(counts, counts, st.integers(0, 9))
def test_devices_share_each_batch_of_one_device(
    n_recordings: int, n_devices: int, number: int
) -> None:
    (alone,) = shared_out(n_recordings, 1)
    shares = [list(one.epoch(number)) for one in shared_out(n_recordings, n_devices)]
    for whole, *parts in zip(alone.epoch(number), *shares, strict=True):
        joined = [index for part in parts for index in part.indices]
        assert sorted(joined) == sorted(whole.indices)
        assert all(len(part.features) == len(part.indices) for part in parts)
        sizes = [len(part.indices) for part in parts]
        assert max(sizes) - min(sizes) <= 1


@given(counts, counts)
def test_devices_share_out_the_batches_of_an_evaluation(n_recordings: int, n_devices: int) -> None:
    (alone,) = shared_out(n_recordings, 1)
    shares = [[own.indices for own in one.even()] for one in shared_out(n_recordings, n_devices)]
    assert [batch for share in shares for batch in share] == [one.indices for one in alone.even()]
    assert max(map(len, shares)) <= -(-n_recordings // 2 // n_devices) + 1


def test_validation_takes_even_frames(
    make_data: Callable[..., Any], recordings: Recordings
) -> None:
    (batch, *others) = list(make_data().even())
    assert len(others) == 2
    assert batch.lengths.tolist() == [32, 20]
    rows = rows_of(batch.features[0].numpy(), prepare(recordings[0].features, True))
    assert (rows[0], rows[-1]) == (0, 199)
    assert set(np.diff(rows)) <= {6, 7}
    assert make_data().frames(0, 200, None).tolist() == rows


@pytest.mark.parametrize("ahead", [1, 320, 480, 640, 10_000])
def test_batches_are_the_same_however_many_are_sampled_at_once(
    make_data: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(room, "AHEAD", 1)
    expected = epoch(make_data(), 0)
    assert [len(one.indices) for one in expected] == [2, 2, 1]
    monkeypatch.setattr(room, "AHEAD", ahead)
    for one, two in zip(epoch(make_data(), 0), expected, strict=True):
        assert torch.equal(one.features, two.features)
        assert torch.equal(one.lengths, two.lengths)
        assert one.indices == two.indices
