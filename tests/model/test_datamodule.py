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
from asot.errors import DataError
from asot.model.datamodule import RecordingsModule
from asot.model.features import PreparedFeatures, prepare
from asot.model.recipe import Recipe
from asot.model.sampling import (
    EVEN_FRAMES,
    Batches,
    EpochSampler,
    FixedSampler,
    FrameSampling,
)

LENGTHS = [200, 20, 90, 33, 5]
counts = st.integers(1, 12)


@pytest.fixture
def make_data(recordings: Recordings, recipe: Recipe, seed: int) -> Callable[..., Any]:
    def make(ground_truth: Any = None, seed: int = seed, recipe: Recipe = recipe) -> Any:
        return RecordingsModule(recordings.features, recipe, seed, ground_truth)

    return make


def epoch(data: RecordingsModule, number: int) -> list[dict[str, torch.Tensor]]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(number)
    return list(loader)


def by_recording(batches: list[dict[str, torch.Tensor]]) -> dict[int, np.ndarray]:
    return {
        int(index): features[: int(length)].numpy()
        for batch in batches
        for index, features, length in zip(
            batch["index"], batch["features"], batch["lengths"], strict=True
        )
    }


def rows_of(frames: np.ndarray, features: np.ndarray) -> list[int]:
    """Where each frame stands in the recording."""
    return [int(np.flatnonzero((features == frame).all(axis=1))[0]) for frame in frames]


def test_a_training_epoch_draws_one_frame_in_each_stratum(
    make_data: Callable[..., Any], recordings: Recordings
) -> None:
    batches = epoch(make_data(), 0)
    assert [len(batch["index"]) for batch in batches] == [2, 2, 1]
    assert all(batch["features"].shape[1:] == (32, 5) for batch in batches)
    assert all(batch["features"].dtype == torch.float32 for batch in batches)
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
        for features, length in zip(batch["features"], batch["lengths"], strict=True):
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
    orders = [list(EpochSampler(50, 3)) for _ in range(2)]
    assert orders[0] == orders[1] != list(EpochSampler(50, 4))


@given(counts, counts, st.integers(0, 9))
def test_devices_share_an_epoch(n_recordings: int, n_devices: int, number: int) -> None:
    samplers = [EpochSampler(n_recordings, 7, rank, n_devices) for rank in range(n_devices)]
    for sampler in samplers:
        sampler.set_epoch(number)
    shares = [list(sampler) for sampler in samplers]
    assert len({len(share) for share in shares}) == 1
    assert all(len(share) == len(one) for share, one in zip(shares, samplers, strict=True))
    assert {index for share in shares for _, index in share} == set(range(n_recordings))
    assert {drawn for share in shares for drawn, _ in share} == {number}
    assert sum(map(len, shares)) < n_recordings + n_devices


@given(counts, counts)
def test_devices_share_an_evaluation(n_recordings: int, n_devices: int) -> None:
    shares = [
        list(FixedSampler(EVEN_FRAMES, n_recordings, rank, n_devices)) for rank in range(n_devices)
    ]
    # None may be empty: the others would wait for its scores.
    assert all(shares)
    found = sorted(index for share in shares for _, index in share)
    assert set(found) == set(range(n_recordings))
    assert n_devices > n_recordings or found == list(range(n_recordings))


def test_validation_takes_even_frames_and_test_all(
    make_data: Callable[..., Any], recordings: Recordings
) -> None:
    data = make_data(ground_truth=recordings.ground_truth)
    (batch, *others) = list(data.val_dataloader())
    assert len(others) == 2
    assert batch["lengths"].tolist() == [32, 20]
    rows = rows_of(batch["features"][0].numpy(), prepare(recordings[0].features, True))
    assert (rows[0], rows[-1]) == (0, 199)
    assert set(np.diff(rows)) <= {6, 7}
    assert batch["ground_truth"][0].tolist() == recordings[0].ground_truth[rows].tolist()
    assert batch["ground_truth"][1].tolist() == [*recordings[1].ground_truth.tolist(), *[-1] * 12]
    tested = list(data.test_dataloader())
    assert [int(batch["index"]) for batch in tested] == list(range(5))
    for i, batch in enumerate(tested):
        assert batch["lengths"].tolist() == [LENGTHS[i]]
        np.testing.assert_array_equal(
            batch["features"][0].numpy(), prepare(recordings[i].features, True)
        )
        assert batch["ground_truth"][0].tolist() == recordings[i].ground_truth.tolist()


def test_ground_truth_may_be_missing(make_data: Callable[..., Any], recordings: Recordings) -> None:
    truth = [None, recordings[1].ground_truth, None, None, None]
    for labels, expected in ((truth, [False, True]), (None, [False, False])):
        batch = next(iter(make_data(ground_truth=labels).val_dataloader()))
        assert batch["labelled"].tolist() == expected
        assert set(batch["ground_truth"][0].tolist()) == {-1}


def test_training_batches_hold_no_ground_truth(
    make_data: Callable[..., Any], recordings: Recordings
) -> None:
    for batch in epoch(make_data(ground_truth=recordings.ground_truth), 0):
        assert set(batch) == {"features", "lengths", "index"}


def test_labels_of_another_length_are_named(
    make_data: Callable[..., Any], recordings: Recordings
) -> None:
    truth = [one.ground_truth[:-1] for one in recordings]
    with pytest.raises(DataError, match="Recording 0 has 200 frames, but 199 labels"):
        next(iter(make_data(ground_truth=truth).test_dataloader()))


@pytest.mark.parametrize("ahead", [0, 2, 3, 4, 100])
def test_batches_are_the_same_however_many_are_sampled_at_once(
    recordings: Recordings, seed: int, ahead: int
) -> None:
    sampling = FrameSampling(PreparedFeatures(recordings.features, True), None, 32, seed)
    sampler = EpochSampler(len(recordings), seed)
    expected = list(Batches(sampling, sampler, 2))
    batches = Batches(sampling, sampler, 2, ahead)
    assert [len(one["index"]) for one in expected] == [2, 2, 1]
    assert len(batches) == 3
    for one, two in zip(batches, expected, strict=True):
        assert list(one) == list(two) == ["features", "lengths", "index"]
        assert all(torch.equal(one[key], two[key]) for key in one)
