from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data import WATCH_CLASSES, DatasetFolder, Recordings, check_dataset, write_dataset
from asot.data import bundled as watch
from asot.errors import DataError, MissingExtraError


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    datasets = pytest.importorskip("seglearn.datasets")
    loaded: dict[str, Any] = datasets.load_watch()
    return loaded


@pytest.fixture(scope="module")
def sessions(data: dict[str, Any]) -> Recordings:
    return watch.watch_sessions()


def _order(labels: np.ndarray) -> tuple[int, ...]:
    return tuple(labels[np.flatnonzero(np.diff(labels, prepend=-1))].tolist())


def test_twenty_sessions_of_seven_exercises_in_different_orders(sessions: Recordings) -> None:
    assert len(sessions) == 20
    assert sessions.names[:2] == ("subject-01-left", "subject-01-right")
    orders = [_order(labels) for labels in sessions.ground_truth if labels is not None]
    assert len(set(orders)) == 20
    for recording, order in zip(sessions, orders, strict=True):
        assert sorted(order) == sorted(WATCH_CLASSES)
        assert recording.width == 36
        assert recording.frame_rate == 5
        assert np.isfinite(recording.features).all()
        assert np.ptp(recording.features, axis=0).min() > 0


def test_sizes_are_those_of_the_signals(sessions: Recordings, data: dict[str, Any]) -> None:
    samples = sum(len(signal) for signal in data["X"])
    assert samples == 244_102
    frames = sum(recording.n_frames for recording in sessions)
    assert abs(frames - samples / 10) < 20
    for recording in sessions:
        subject, side = recording.name.split("-")[1:]
        chosen = (data["subject"] == int(subject)) & (data["side"] == (side == "right"))
        durations = {
            int(k): len(data["X"][i]) / 50
            for i, k in zip(np.flatnonzero(chosen), data["y"][chosen], strict=True)
        }
        counts = np.bincount(recording.ground_truth) / recording.frame_rate
        for exercise, seconds in durations.items():
            assert counts[exercise] == pytest.approx(seconds, abs=0.3)


def test_a_seed_decides_the_orders(sessions: Recordings) -> None:
    again, other = watch.watch_sessions(0), watch.watch_sessions(1)
    np.testing.assert_array_equal(again[3].features, sessions[3].features)
    assert _order(other[3].ground_truth) != _order(sessions[3].ground_truth)


def test_features_describe_a_known_signal() -> None:
    seconds = np.arange(1000) / 50
    signal = np.zeros((1000, 6))
    signal[:, 0] = 0.5
    signal[:, 1] = np.sin(2 * np.pi * 2.3 * seconds)
    features = watch._window_features(signal)
    assert features.shape == (100, 36)
    inner = features[10:-10].reshape(80, 6, 6)  # frame, statistic, channel
    np.testing.assert_allclose(inner[:, 0, 0], 0.5)
    np.testing.assert_allclose(inner[:, 1, 0], 0, atol=1e-6)
    np.testing.assert_allclose(inner[:, 1, 1], np.sqrt(0.5), atol=0.05)
    # 2.3 Hz lies in the third octave, from 1.6 to 3.1 Hz.
    assert (inner[:, 2:, 1].argmax(axis=1) == 2).all()
    np.testing.assert_allclose(inner[:, 2:, 0], np.log(1e-4), atol=1e-4)


def test_a_frame_lies_in_the_middle_of_its_window() -> None:
    labels = np.repeat([3, 1], [400, 600])
    np.testing.assert_array_equal(watch._window_labels(labels), np.repeat([3, 1], [40, 60]))


def test_left_arms_are_mirrored(data: dict[str, Any], sessions: Recordings) -> None:
    resting = {
        side: np.mean([item.features[:, 0].mean() for item in sessions if side in item.name])
        for side in ("left", "right")
    }
    assert np.sign(resting["left"]) == np.sign(resting["right"])


@pytest.mark.parametrize("library", ["seglearn", "pandas"])
def test_a_missing_library_is_named_with_its_extra(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    for module in [name for name in sys.modules if name.split(".")[0] == "seglearn"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"'{library}'.*asot\[demo\]"):
        watch.watch_sessions()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: {**data, "y_labels": data["y_labels"][::-1]},
        lambda data: {**data, "subject": np.ones(140, dtype=int)},
    ],
)
def test_other_data_in_seglearn_is_noticed(
    data: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    import seglearn.datasets

    monkeypatch.setattr(seglearn.datasets, "load_watch", lambda: change(data))
    with pytest.raises(DataError, match="does not carry the 140 watch recordings"):
        watch.watch_sessions()


def test_sessions_survive_the_way_through_a_folder(sessions: Recordings, tmp_path: Path) -> None:
    root = write_dataset(sessions[:3], tmp_path / "watch", WATCH_CLASSES)
    assert check_dataset(root).problems == ()
    data = DatasetFolder(root, frame_rate=5.0)
    assert data.class_names == WATCH_CLASSES
    for before, after in zip(sessions, data.recordings(), strict=False):
        assert before.name == after.name
        np.testing.assert_array_equal(before.features, after.features)
        np.testing.assert_array_equal(before.ground_truth, after.ground_truth)
