"""Preparing features: types, standardising, and opening files no more than needed."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from asot import kept
from asot.data import Recordings, standardise
from asot.discover.views import ViewKind, fit_view
from asot.errors import DataError
from asot.model.features import PreparedFeatures, ViewedFeatures, prepare
from asot.simulation import make_recordings


class Opened(Sequence[Any]):
    """A lazy sequence that counts how often each recording was opened."""

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays
        self.times = [0] * len(arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, index: Any) -> np.ndarray:
        self.times[index] += 1
        return self.arrays[index]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i2", "u1", "?"])
@pytest.mark.parametrize("standardised", [True, False])
def test_every_type_becomes_float32(
    dtype: str, standardised: bool, rng: np.random.Generator
) -> None:
    raw = rng.integers(0, 9, size=(20, 3)).astype(dtype)
    found = prepare(raw, standardised)
    assert found.dtype == np.dtype("=f4")
    np.testing.assert_allclose(found, prepare(raw.astype(np.float64), standardised), atol=1e-6)


def test_standardised_columns_have_variance_one_over_d(rng: np.random.Generator) -> None:
    raw = 5 + 3 * rng.normal(size=(400, 6))
    found = prepare(raw, True)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=0), 1 / np.sqrt(6), rtol=1e-5)
    np.testing.assert_allclose(
        found, (raw - raw.mean(axis=0)) / raw.std(axis=0) / np.sqrt(6), atol=1e-5
    )


def test_each_recording_is_standardised_by_itself(recordings: Recordings) -> None:
    together = PreparedFeatures(recordings.features, True)
    for i, one in enumerate(recordings):
        np.testing.assert_array_equal(together[i], prepare(one.features, True))


def test_what_was_standardised_is_kept(recordings: Recordings) -> None:
    opened = Opened([one.features for one in recordings])
    prepared = PreparedFeatures(opened, True)
    for _ in range(3):
        for one in prepared:
            assert one.dtype == np.float32
    assert opened.times == [2, 1, 1, 1, 1]  # the first for its width, too


@pytest.mark.parametrize("full", [False, True])
def test_what_does_not_fit_into_memory_is_in_a_file_or_made_anew(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, full: bool
) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", 250 * 5 * 4)
    if full:
        monkeypatch.setattr(kept, "FREE_BYTES", 2**60)
    opened = Opened([one.features for one in recordings])
    prepared = PreparedFeatures(opened, True, folder=tmp_path)
    expected = [prepare(one, True) for one in opened.arrays]
    for _ in range(2):
        for one, two in zip(prepared, expected, strict=True):
            np.testing.assert_array_equal(one, two)
    # Of 200, 20, 90, 33 and 5 frames, room for 250 holds the first two and the last.
    assert opened.times == ([2, 1, 2, 2, 1] if full else [2, 1, 1, 1, 1])
    again = pickle.loads(pickle.dumps(prepared))
    np.testing.assert_array_equal(again[2], expected[2])


def test_a_folder_that_cannot_be_written_only_costs_time(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", 0)
    opened = Opened([one.features for one in recordings])
    prepared = PreparedFeatures(opened, True, folder=tmp_path / "gone")
    for _ in range(2):
        np.testing.assert_array_equal(prepared[0], prepare(opened.arrays[0], True))
    assert opened.times[0] == 3


def test_features_that_stay_as_they_are_are_not_copied(recordings: Recordings) -> None:
    raw = [one.features for one in recordings]
    opened = Opened(raw)
    prepared = PreparedFeatures(opened, False)
    for _ in range(2):
        assert all(np.shares_memory(one, two) for one, two in zip(prepared, raw, strict=True))
    # Nor kept: they may be mapped from files, of which a batch reads some frames.
    assert opened.times == [3, 2, 2, 2, 2]


def test_another_width_is_named(recordings: Recordings) -> None:
    raw = [one.features for one in recordings]
    prepared = PreparedFeatures([*raw, raw[0][:, :4]], True)
    assert prepared.width == 5
    with pytest.raises(DataError, match="Recording 5 has 4 feature columns, but 5 are expected"):
        prepared[5]


@pytest.fixture(name="X")
def prepared(seed: int) -> list[np.ndarray]:
    recordings = make_recordings(4, 3, (30, 80), width=5, random_state=seed)
    return [standardise(one) for one in recordings.features]


@pytest.mark.parametrize("kind", get_args(ViewKind))
def test_a_sequence_through_a_view(kind: str, X: list[np.ndarray]) -> None:
    view = fit_view(kind, 8, X)
    seen = ViewedFeatures(view, PreparedFeatures(X, False))
    assert len(seen) == len(X)
    assert seen.width == (15 if kind == "motion" else 5)
    for index, one in enumerate(X):
        np.testing.assert_array_equal(seen[index], view.apply(one))
        assert seen[index].shape[1] == seen.width
        assert seen[index] is seen[index], "kept"


def test_without_room_views_are_made_anew(
    X: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", X[0].nbytes)
    seen = ViewedFeatures(fit_view("smooth", 8, X), X)
    assert seen[0] is seen[0]
    assert seen[1] is not seen[1]
    np.testing.assert_array_equal(seen[1], seen[1])
