"""Preparations of signals and poses: their properties, and slow copies of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.data import bundled as watch
from asot.data.frames import sliding_windows, window_features
from asot.errors import ArgumentError
from asot.inputs.poses.egocentric import distances, egocentric
from asot.inputs.series.signals import (
    Series,
    fill_gaps,
    resample,
    smooth,
    velocity,
    windows,
)
from asot.timeline.segments import even_times

seeds = st.integers(0, 2**31)


def noise(seed: int, n: int, columns: int = 2, rate: float = 50.0) -> Series:
    values = np.random.default_rng(seed).normal(size=(n, columns))
    return Series(values, tuple(f"c{i}" for i in range(columns)), even_times(n, rate))


def uneven(seed: int, n: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.3, size=n + 1))


@given(seed=seeds, n=st.integers(2, 50), slope=st.floats(-5, 5), offset=st.floats(-5, 5))
def test_the_velocity_of_a_line_is_its_slope(
    seed: int, n: int, slope: float, offset: float
) -> None:
    times = uneven(seed, n)
    line = Series((offset + slope * times[:-1])[:, None], ("x",), times)
    moving = velocity(line)
    assert moving.columns == ("x", "x velocity")
    np.testing.assert_allclose(moving.values[:, 1], slope, atol=1e-9)


@given(value=st.floats(-1e6, 1e6), n=st.integers(2, 60), seconds=st.floats(0, 3))
def test_smoothing_keeps_constants(value: float, n: int, seconds: float) -> None:
    flat = Series(np.full((n, 1), value), ("x",), even_times(n, 20))
    np.testing.assert_array_equal(smooth(flat, seconds).values, flat.values)


@given(seed=seeds, n=st.integers(5, 60), half=st.integers(0, 4))
def test_smoothing_is_the_median_of_the_neighbours(seed: int, n: int, half: int) -> None:
    series = noise(seed, n)
    result = smooth(series, (2 * half + 1) / 50)
    padded = np.pad(series.values, [(half, half), (0, 0)], mode="edge")
    wanted = [np.median(padded[i : i + 2 * half + 1], axis=0) for i in range(n)]
    np.testing.assert_allclose(result.values, wanted)


@given(seed=seeds, n_rows=st.integers(1, 30), hop=st.integers(1, 12), spare=st.integers(0, 11))
def test_even_rows_are_averaged_as_they_are(seed: int, n_rows: int, hop: int, spare: int) -> None:
    series = noise(seed, n_rows * hop + spare % hop)
    rows = resample(series, 50 / hop)
    kept = series.values[: n_rows * hop].reshape(n_rows, hop, 2)
    np.testing.assert_allclose(rows.values, kept.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(rows.times, np.arange(n_rows + 1) * hop / 50, atol=1e-12)


@given(seed=seeds, n=st.integers(5, 100), frame_rate=st.floats(0.5, 40))
def test_resampling_keeps_times(seed: int, n: int, frame_rate: float) -> None:
    times = uneven(seed, n)
    # The signal is its own clock: a row's value is the middle of the moments it was read off at.
    clock = Series(times[:-1, None], ("clock",), times)
    if clock.duration * frame_rate < 2:
        return
    rows = resample(clock, frame_rate)
    assert rows.times[0] == times[0]
    assert times[-1] - 1 / frame_rate - 1e-6 < rows.times[-1] <= times[-1] + 1e-6
    np.testing.assert_allclose(np.diff(rows.times), 1 / frame_rate)
    inner = rows.times[1:] < times[-2]  # after the last measurement its value is repeated
    read = rows.values[inner, 0]
    assert (rows.times[:-1][inner] <= read + 1e-9).all()
    assert (read < rows.times[1:][inner]).all()


def test_more_rows_than_there_are_lie_on_straight_lines() -> None:
    line = Series(np.arange(5.0)[:, None], ("x",), np.arange(6.0))
    rows = resample(line, 4)
    np.testing.assert_allclose(rows.values[:17, 0], np.arange(17) / 4)


@given(seed=seeds, n=st.integers(1, 200), window=st.integers(1, 40), hop=st.integers(1, 40))
def test_windows_lie_around_the_middle_of_their_hop(
    seed: int, n: int, window: int, hop: int
) -> None:
    if hop > window:
        with pytest.raises(ArgumentError, match="hop"):
            sliding_windows(np.zeros(n), window, hop)
        return
    values = np.random.default_rng(seed).normal(size=(n, 2))
    found = sliding_windows(values, window, hop)
    assert found.shape == (n // hop, 2, window)
    for row in range(n // hop):
        start = row * hop - (window - hop) // 2
        moments = np.clip(np.arange(start, start + window), 0, n - 1)
        np.testing.assert_array_equal(found[row].T, values[moments])


def test_long_signals_are_described_block_by_block(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = noise(seed, 2000, 3).values
    whole = window_features(signal, 64, 7, 4, 1e-4)
    monkeypatch.setattr("asot.data.frames.BLOCK", 64 * 3 * 11)
    np.testing.assert_array_equal(window_features(signal, 64, 7, 4, 1e-4), whole)
    with pytest.raises(ArgumentError, match="at least 30 samples"):
        window_features(signal, 29, 7, 4, 1e-4)


@given(seed=seeds, n=st.integers(200, 500))
def test_windows_of_a_series_are_those_of_the_demo(seed: int, n: int) -> None:
    series = noise(seed, n, 6)
    series.values[:] /= series.values.std(axis=0)  # the floors are equal then
    described = windows(series, frame_rate=5, seconds=2.56)
    np.testing.assert_allclose(
        described.values, watch._window_features(series.values), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(described.times, resample(series, 5).times)
    assert described.columns[0::6] == (
        "c0 mean",
        "c0 deviation",
        *("c0 0.391-0.781 Hz", "c0 0.781-1.56 Hz", "c0 1.56-3.12 Hz", "c0 3.12-6.25 Hz"),
    )


@given(seed=seeds, scale=st.sampled_from([1e-6, 1e-3, 1e3, 1e6]))
def test_the_unit_of_a_signal_shifts_and_scales_its_features(seed: int, scale: float) -> None:
    series = noise(seed, 300)
    other = Series(series.values * scale, series.columns, series.times)
    one, two = windows(series, 5, 1.28).values, windows(other, 5, 1.28).values
    np.testing.assert_allclose(two[:, :4], one[:, :4] * scale, rtol=1e-4, atol=1e-5 * scale)
    np.testing.assert_allclose(two[:, 4:], one[:, 4:] + 2 * np.log(scale), rtol=1e-3, atol=1e-3)


def test_a_tone_is_found_in_its_octave_at_any_rate() -> None:
    for rate in (40.0, 50.0, 63.7):
        moments = even_times(int(rate * 30), rate)
        tone = Series(np.sin(2 * np.pi * 2.2 * moments[:-1])[:, None], ("x",), moments)
        described = windows(tone, 5, 2.56)
        loudest = described.values[10:-10, 2:].argmax(axis=1)
        lows = [float(name.split()[1].split("-")[0]) for name in described.columns[2:]]
        assert (loudest == 2).all()
        assert lows[2] < 2.2 < 2 * lows[2]


def test_windows_at_low_rates_have_fewer_octaves() -> None:
    assert len(windows(noise(0, 100, 1, rate=8.0), 2, 1.0).columns) == 2 + 2
    assert len(windows(noise(0, 100, 1, rate=2.0), 2, 0.1).columns) == 2
    still = Series(np.full((100, 1), 7.0), ("x",), even_times(100, 50))
    np.testing.assert_allclose(windows(still, 5, 0.64).values[:, :2], [[7, 0]] * 10, atol=1e-6)
    assert np.isfinite(windows(still, 5, 0.64).values).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda s: smooth(s, -1),
        lambda s: resample(s, 0),
        lambda s: resample(s, float("nan")),
        lambda s: resample(s, 0.01),
        lambda s: windows(s, 5, 0),
        lambda s: Series(s.values, ("a",), s.times),
        lambda s: Series(s.values, ("a", "a"), s.times),
        lambda s: Series(s.values, s.columns, s.times[1:]),
    ],
)
def test_arguments_are_checked(call: object) -> None:
    with pytest.raises(ArgumentError):
        call(noise(0, 10))  # type: ignore[operator]


@given(seed=seeds, n=st.integers(2, 50), share=st.floats(0, 1))
def test_gaps_lie_on_straight_lines(seed: int, n: int, share: float) -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    times, values = uneven(seed, n), rng.normal(size=(n, 3))
    values[rng.random(values.shape) < share] = np.nan
    filled, columns, remarks = fill_gaps(values, ["0", "1", "2"], times)
    frame = pandas.DataFrame(values, index=times[:-1])
    wanted = frame.interpolate(method="index", limit_direction="both").dropna(axis=1, how="all")
    np.testing.assert_allclose(filled, wanted.to_numpy())
    assert columns == tuple(map(str, wanted.columns))
    assert bool(remarks) == bool(np.isnan(values).any())


def mouse(seed: int, n: int = 30, individuals: tuple[str, ...] = ("",)) -> Series:
    rng = np.random.default_rng(seed)
    columns, arrays = [], []
    for individual in individuals:
        walk = np.cumsum(rng.normal(size=(n, 2)), axis=0) * 3
        for i, point in enumerate(("snout", "left_ear", "tail_base")):
            prefix = f"{individual}." if individual else ""
            columns += [f"{prefix}{point}.x", f"{prefix}{point}.y"]
            arrays.append(
                walk + rng.normal(size=2) + np.array([10.0, -4.0]) * i + rng.random((n, 2))
            )
    return Series(np.concatenate(arrays, axis=1), tuple(columns), even_times(n, 25))


@given(seed=seeds, angle=st.floats(-3, 3), shift=st.floats(-500, 500))
def test_the_animals_own_frame_knows_neither_place_nor_direction(
    seed: int, angle: float, shift: float
) -> None:
    pose = mouse(seed, individuals=("a", "b"))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = pose.values.reshape(30, -1, 2) @ turn + [shift, -shift]
    other = Series(moved.reshape(30, -1), pose.columns, pose.times)
    one, two = egocentric(pose), egocentric(other)
    assert one.columns == two.columns
    np.testing.assert_allclose(one.values, two.values, atol=1e-6)
    np.testing.assert_allclose(
        distances(pose).values[:, 12:], distances(other).values[:, 12:], atol=1e-6
    )
    np.testing.assert_allclose(
        distances(pose).values[:, 12:], distances(one).values[:, len(one.columns) :], atol=1e-6
    )


@given(seed=seeds)
def test_the_animals_own_frame_is_centred_and_faces_along_x(seed: int) -> None:
    own = egocentric(mouse(seed))
    assert own.columns[-3:] == ("forward", "sideways", "turn")
    points = own.values[:, :6].reshape(-1, 3, 2)
    np.testing.assert_allclose(points.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(points[:, 0, 1], points[:, 2, 1], atol=1e-9)
    assert (points[:, 0, 0] > points[:, 2, 0]).all()


def test_walking_straight_on_is_forward_and_turning_is_turn() -> None:
    moments = np.arange(50) / 25
    angle = 0.5 * moments
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    middle = 100 * np.stack([np.sin(angle), 1 - np.cos(angle)], axis=1)  # 50 pixels a second
    values = np.concatenate([middle - along, middle + along], axis=1)
    columns = ("tail.x", "tail.y", "Head.x", "Head.y")
    own = egocentric(Series(values, columns, even_times(50, 25)))
    np.testing.assert_allclose(own.values[1:-1, 4:], [[50, 0, 0.5]] * 48, rtol=1e-3, atol=1e-2)


def test_without_a_known_axis_poses_are_not_turned() -> None:
    pose = mouse(0)
    renamed = Series(pose.values, ("p.x", "p.y", "q.x", "q.y", "r.x", "other"), pose.times)
    own = egocentric(renamed)
    assert own.columns == (*renamed.columns, "speed")
    np.testing.assert_array_equal(own.values[:, 4:6], pose.values[:, 4:6])
    assert egocentric(renamed, ("q", "p")).columns[-1] == "turn"
    for axis in (("q", "paw"), ("q", "q"), ("q",)):
        with pytest.raises(ArgumentError, match="body_axis"):
            egocentric(renamed, axis)


def test_the_distance_between_individuals_is_kept() -> None:
    pose = mouse(3, individuals=("a", "b"))
    own = egocentric(pose)
    assert own.columns[-1] == "a-b.distance"
    middles = pose.values.reshape(30, 2, 3, 2).mean(axis=2)
    wanted = np.linalg.norm(middles[:, 0] - middles[:, 1], axis=1)
    np.testing.assert_allclose(own.values[:, -1], wanted)
