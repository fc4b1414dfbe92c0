"""Views: their columns by the definition, and the scale of what they were fitted to."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from asot.data import standardise
from asot.discover.views import ViewKind, fit_view
from asot.simulation import make_recordings

KINDS = get_args(ViewKind)


@pytest.fixture(name="X")
def prepared(seed: int) -> list[np.ndarray]:
    recordings = make_recordings(4, 3, (30, 80), width=5, random_state=seed)
    return [standardise(one) for one in recordings.features]


def around(features: np.ndarray, half: int, statistic: str) -> np.ndarray:
    """A statistic of the window around each frame, its ends repeated, by the definition."""
    rows = []
    for i in range(len(features)):
        window = np.clip(np.arange(i - half, i + half + 1), 0, len(features) - 1)
        rows.append(getattr(np, statistic)(features[window], axis=0))
    return np.array(rows)


def test_frames_are_seen_as_they_are(X: list[np.ndarray]) -> None:
    view = fit_view("frames", 8, X)
    for one in X:
        np.testing.assert_array_equal(view.apply(one), one)


@pytest.mark.parametrize("radius, half", [(1, 1), (4, 2), (9, 4), (11, 6)])
def test_smoothed_frames_keep_their_directions(X: list[np.ndarray], radius: int, half: int) -> None:
    view = fit_view("smooth", radius, X)
    assert view.half == half
    seen = np.concatenate([view.apply(one) for one in X])
    means = np.concatenate([around(one.astype(float), half, "mean") for one in X])
    scale = (seen * means).sum() / (means**2).sum()
    assert scale > 0
    np.testing.assert_allclose(seen, scale * means, atol=1e-5)


@pytest.mark.parametrize("kind", ["smooth", "motion"])
def test_blocks_of_columns_have_a_mean_squared_norm_of_one(kind: str, X: list[np.ndarray]) -> None:
    view = fit_view(kind, 8, X)
    seen = np.concatenate([view.apply(one) for one in X])
    assert seen.dtype == np.float32
    for block in np.split(seen, seen.shape[1] // 5, axis=1):
        assert (block**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)
    for block in np.split(seen, seen.shape[1] // 5, axis=1)[1:]:
        np.testing.assert_allclose(block.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose((block**2).mean(axis=0), 1 / 5, atol=1e-4)


def test_motion_is_the_deviation_and_the_steps(X: list[np.ndarray]) -> None:
    view = fit_view("motion", 8, X)
    one = X[0].astype(float)
    steps = np.diff(one, axis=0, prepend=one[:1])
    deviation = around(one, 4, "std")
    speed = np.sqrt(around(steps**2, 4, "mean"))
    seen = view.apply(X[0]) * view.spread + view.centre
    for block, expected in ((seen[:, 5:10], deviation), (seen[:, 10:], speed)):
        raised = expected + 0.1 * expected.mean(axis=0) + 1e-6
        np.testing.assert_allclose(block, np.log(raised), atol=1e-3)


def test_rest_and_movement_around_one_pose_differ_in_motion_alone(
    rng: np.random.Generator,
) -> None:
    pose = rng.normal(size=4)
    rest = np.tile(pose, (60, 1)) + 0.01 * rng.normal(size=(60, 4))
    moving = pose + np.sin(np.arange(60) * 1.3)[:, None] * np.ones(4)
    X = [np.concatenate([rest, moving]).astype(np.float32)]

    def apart(kind: str) -> float:
        seen = fit_view(kind, 20, X).apply(X[0])
        first, second = seen[15:45], seen[75:105]
        return float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)))

    assert apart("motion") > 1
    assert apart("smooth") < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_another_recording_is_seen_at_the_scale_of_those_fitted(
    kind: str, X: list[np.ndarray], rng: np.random.Generator
) -> None:
    """So that its labels do not depend on what it comes with."""
    view = fit_view(kind, 8, X)
    centre, spread = view.centre.copy(), view.spread.copy()
    other = (3 * rng.normal(size=(50, 5))).astype(np.float32)
    alone = view.apply(other)
    for one in X:
        view.apply(one)
    np.testing.assert_array_equal(view.apply(other), alone)
    np.testing.assert_array_equal(view.centre, centre)
    np.testing.assert_array_equal(view.spread, spread)
    if kind != "frames":
        assert (alone[:, :5] ** 2).sum(axis=1).mean() > (view.apply(X[0])[:, :5] ** 2).sum(1).mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_columns_that_never_change_stay_finite(kind: str, value: float) -> None:
    X = [np.full((n, 3), value, dtype=np.float32) for n in (1, 2, 9)]
    view = fit_view(kind, 4, X)
    for one in X:
        assert np.isfinite(view.apply(one)).all()
        assert len(view.apply(one)) == len(one)
