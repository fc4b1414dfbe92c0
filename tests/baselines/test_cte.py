"""CTE: its embedding knows the time of a frame, and is decoded as CTE's decoding decodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asot.baselines import CTEDecodingSegmenter, CTESegmenter
from asot.errors import ArgumentError


def wandering(rng: np.random.Generator, n: int, width: int = 6) -> np.ndarray:
    """Features that draw a curve in time, each column with an offset and a scale of its own."""
    time = (np.arange(n) + 0.5) / n
    curve = np.sin(np.outer(time, np.linspace(1.0, 4.0, width)))
    return (curve + 0.02 * rng.normal(size=curve.shape)) * 10.0 ** np.arange(width) + 5.0


def test_the_error_is_that_of_a_least_squares_regression_or_less(
    rng: np.random.Generator,
) -> None:
    X = [wandering(rng, n) for n in rng.integers(60, 120, 4)]
    segmenter = CTESegmenter(3, standardise=False, random_state=0).fit(X)
    frames = np.concatenate(X)
    time = np.concatenate([(np.arange(len(x)) + 0.5) / len(x) for x in X])
    columns = np.column_stack([frames, np.ones(len(frames))])
    residue = time - columns @ np.linalg.lstsq(columns, time, rcond=None)[0]
    assert segmenter.time_error_ < max(1.2 * float((residue**2).mean()), 0.01)


def test_features_without_time_leave_the_error_of_the_mean(rng: np.random.Generator) -> None:
    X = [np.ones((int(n), 3)) for n in rng.integers(40, 80, 3)]
    segmenter = CTESegmenter(3, standardise=False, random_state=0).fit(X)
    assert segmenter.time_error_ == pytest.approx(1 / 12, rel=0.05)


def test_the_scale_of_a_column_means_nothing(rng: np.random.Generator) -> None:
    X = [wandering(rng, n) for n in (70, 90)]
    made = [CTESegmenter(3, width=4, epochs=5, standardise=False, random_state=1) for _ in X]
    first = made[0].fit(X)
    second = made[1].fit([4.0 * x - 8.0 for x in X])
    assert first.time_error_ == pytest.approx(second.time_error_, rel=1e-3)


def test_it_decodes_its_embedding(rng: np.random.Generator) -> None:
    X = [wandering(rng, n) for n in (70, 90, 50)]
    segmenter = CTESegmenter(4, width=3, standardise=False, random_state=2).fit(X)
    embedded = [segmenter._embed(x.astype(np.float32)) for x in X]
    assert [one.shape for one in embedded] == [(len(x), 3) for x in X]
    decoding = CTEDecodingSegmenter(4, standardise=False, random_state=2).fit(embedded)
    np.testing.assert_allclose(decoding.means_, segmenter.means_)
    assert decoding.objective_ == pytest.approx(segmenter.objective_)
    for one, other in zip(decoding.labels_, segmenter.labels_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nobody_elses_draws_are_changed(X: list[np.ndarray]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    CTESegmenter(3, epochs=1, random_state=0).fit(X)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["width", "epochs"])
def test_what_is_out_of_range_is_named(X: list[np.ndarray], name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name} must be an integer of at least 1"):
        CTESegmenter(3, **{name: 0}).fit(X)
