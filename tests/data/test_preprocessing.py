from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import median_filter
from sklearn.preprocessing import StandardScaler

from asot.data import frames, standardise
from asot.errors import ArgumentError

values = st.floats(-1e6, 1e6, width=32)
arrays = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=values
)


def test_scikit_learn_gives_the_same(rng: np.random.Generator) -> None:
    features = rng.normal(size=(50, 6)) * 10.0 ** rng.integers(-5, 6, size=6) + 3
    expected = StandardScaler().fit_transform(features) / np.sqrt(6)
    np.testing.assert_allclose(standardise(features), expected, rtol=1e-4, atol=1e-6)


def test_long_recordings_are_standardised_in_blocks(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = rng.normal(size=(50, 6)).astype(np.float32)
    features[rng.random(50) < 0.2] = 0
    features[:, 2] = features.any(axis=1)
    whole = standardise(features)
    for block in (1, 25, 120):
        monkeypatch.setattr(frames, "BLOCK", block)
        np.testing.assert_allclose(standardise(features), whole, rtol=1e-6, atol=1e-7)
    features[41, 3] = np.nan
    with pytest.raises(ArgumentError, match="is nan in frame 41, column 3"):
        standardise(features)


@given(arrays)
def test_zero_frames_stay_zero_and_do_not_count(features: np.ndarray) -> None:
    present = features.any(axis=1)
    result = standardise(features)
    assert result.dtype == np.float32
    assert result.shape == features.shape
    assert not result[~present].any()
    np.testing.assert_array_equal(result[present], standardise(features[present]))


@given(arrays)
def test_every_column_has_no_mean_and_a_share_of_one(features: np.ndarray) -> None:
    width = features.shape[1]
    present = features.any(axis=1)
    result = standardise(features)[present].astype(np.float64)
    for given_column, column in zip(features[present].T, result.T, strict=True):
        if len(column) and given_column.min() != given_column.max():
            assert column.mean() == pytest.approx(0, abs=1e-5)
            assert column.std() == pytest.approx(width**-0.5, rel=1e-4)
        else:
            assert not column.any()


@given(arrays, st.integers(-60, 60), st.permutations(range(12)))
def test_scale_changes_nothing_and_order_of_columns_stays(
    features: np.ndarray, power: int, order: list[int]
) -> None:
    # A power of two, so that the scaled values are exact.
    np.testing.assert_array_equal(
        standardise(features.astype(np.float64) * 2.0**power), standardise(features)
    )
    columns = [column for column in order if column < features.shape[1]]
    np.testing.assert_array_equal(
        standardise(features[:, columns]), standardise(features)[:, columns]
    )


def spikeless(rows: np.ndarray) -> np.ndarray:
    """Take out spikes one by one, with SciPy's median."""
    found = rows.copy()
    for own, column in zip(rows.T, found.T, strict=True):
        usual = median_filter(own, 3, mode="mirror")
        if np.count_nonzero(np.diff(own)) <= len(own) / 2:
            continue
        for at in range(len(own)):
            if abs(own[at] - usual[at]) > 8 * usual.astype(np.float64).std() and rows[at].any():
                column[at] = usual[at]
    return found


def test_single_frames_that_leap_are_taken_out(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    smooth = np.cumsum(rng.normal(size=(300, 5)), axis=0)
    rows = standardise(smooth)
    assert frames.without_spikes(rows) is rows
    spiked = smooth + 400 * rng.normal(size=smooth.shape) * (rng.random(smooth.shape) < 0.05)
    spiked[:, 4] = rng.random(300) < 0.02  # events
    spiked[[7, 80]] = 0.0
    spiked = standardise(spiked)
    known = spiked.copy()
    expected = spikeless(spiked)
    assert 10 < np.count_nonzero(expected != spiked) < 80
    for block in (frames.BLOCK, 7, 5 * 11):
        monkeypatch.setattr(frames, "BLOCK", block)
        np.testing.assert_array_equal(frames.without_spikes(spiked), expected)
    np.testing.assert_array_equal(spiked, known)
    for short in (spiked[:1], spiked[:2]):
        assert frames.without_spikes(short) is short


def test_extreme_values(rng: np.random.Generator) -> None:
    unit = rng.normal(size=(20, 3))
    for scale in (1e-300, 1e-40, 1e38, 1e300):
        np.testing.assert_allclose(standardise(unit * scale), standardise(unit), atol=1e-5)
    integers = rng.integers(0, 255, size=(9, 4), dtype=np.uint8)
    np.testing.assert_array_equal(standardise(integers), standardise(integers.astype(float)))


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (np.zeros(3), r"has shape \(3,\)"),
        (np.zeros((3, 0)), r"has shape \(3, 0\)"),
        ([[1.0, np.nan]], "nan in frame 0, column 1"),
    ],
)
def test_bad_features_are_refused(features: np.ndarray, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        standardise(features)
