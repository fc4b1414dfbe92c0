"""From files to features: what is written, what is chosen, and what comes of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.data import bundled as watch
from asot.data.origin import Origin, read_origin
from asot.errors import AsotError, ConfigurationError, DataError
from asot.inputs.extract import Extraction, extract_with
from asot.inputs.find import Input
from asot.inputs.poses.read import kind_of
from asot.inputs.series.extraction import SeriesExtractor
from asot.inputs.series.signals import resample
from asot.inputs.series.tables import read_series
from asot.inputs.settings import SeriesSettings
from asot.progress import silent

pytest.importorskip("pandas")


def extraction(path: Path, root: Path, name: str, settings: SeriesSettings) -> Extraction:
    result = extract_with([SeriesExtractor(settings)], [Input(name, path)], root, silent)
    if name in result.failed:
        raise DataError(result.failed[name])
    return result


def extract_series(path: Path, root: Path, name: str, settings: SeriesSettings) -> Origin:
    extraction(path, root, name, settings)
    origin = read_origin(root / "origins" / f"{name}.json")
    assert origin is not None
    return origin


def log(path: Path, values: np.ndarray, rate: float, first: float = 0.0) -> Path:
    names = ",".join(f"c{i}" for i in range(values.shape[1]))
    table = np.column_stack([first + np.arange(len(values)) / rate, values])
    np.savetxt(path, table, delimiter=",", header=f"time,{names}", comments="", fmt="%.6g")
    return path


def poses(path: Path, rng: np.random.Generator, n: int = 300) -> Path:
    walk = np.cumsum(rng.normal(size=(n, 2)), axis=0)
    lines = ["scorer" + ",D" * 6, "bodyparts" + "".join(f",{p}" * 3 for p in ("nose", "tail"))]
    lines.append("coords" + ",x,y,likelihood" * 2)
    for i, (x, y) in enumerate(walk):
        lines.append(f"{i},{x + 9:.3f},{y:.3f},0.99,{x:.3f},{y + rng.normal():.3f},0.95")
    path.write_text("\n".join(lines) + "\n")
    return path


def arrays(root: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features, times, signals = (
        np.load(root / kind / f"{name}.npy") for kind in ("features", "times", "signals")
    )
    assert features.dtype == signals.dtype == np.float32
    assert times.dtype == np.float64
    # Signals are several rows a frame, at up to 30 a second.
    assert len(features) == len(times) - 1
    assert len(signals) % len(features) == 0
    assert len(signals) / (times[-1] - times[0]) <= max(30.01, len(features) / times[-1])
    assert np.isfinite(features).all()
    return features, times, signals


def test_signals_become_windows(tmp_path: Path, rng: np.random.Generator) -> None:
    path = log(tmp_path / "wrist.csv", rng.normal(size=(1007, 3)), rate=50, first=2.5)
    origin = extract_series(path, tmp_path / "data", "wrist", SeriesSettings())
    features, times, signals = arrays(tmp_path / "data", "wrist")
    assert features.shape == (100, 18)
    np.testing.assert_allclose(times, 2.5 + np.arange(101) / 5)
    series = read_series(path)
    shown = resample(series, 30).values[:600]  # without the rest of a row
    np.testing.assert_allclose(signals, shown, rtol=1e-6, atol=1e-6)
    assert read_origin(tmp_path / "data" / "origins" / "wrist.json") == origin
    assert origin.kind == "series"
    assert origin.path == str(path.resolve())
    assert origin.media == {"columns": ["c0", "c1", "c2"], "rate": 50.0, "rows": 1007}
    assert origin.extractor["columns"] == ["c0", "c1", "c2"]
    assert (origin.extractor["frame_rate"], origin.extractor["window_s"]) == (5.0, 2.56)
    known = json.loads(json.dumps(SeriesExtractor(SeriesSettings()).identity))
    assert known.items() <= origin.extractor.items()


def test_single_values_that_leap_are_taken_out_and_counted(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    clean = np.sin(np.arange(1000)[:, None] / [7, 9, 11]) + 0.1 * rng.normal(size=(1000, 3))
    spiked = clean.copy()
    at = rng.choice(np.arange(2, 998, 3), 30, replace=False)
    spiked[at, rng.integers(2, size=30)] += rng.choice([-1, 1], 30) * rng.uniform(30, 1e5, 30)
    spiked[at[0]] = 1e6, 1e6, clean[at[0], 2]
    features = {}
    for name, values, smooth_s, remarks in (
        ("clean", clean, None, 0),
        ("spiked", spiked, None, 1),
        ("kept", spiked, 0.0, 0),
    ):
        path = log(tmp_path / f"{name}.csv", values, rate=50)
        settings = SeriesSettings(smooth_s=smooth_s)
        origin = extract_series(path, tmp_path / "data", name, settings)
        assert len(origin.remarks) == remarks
        assert all(one.startswith("31 values (1.03 %) leapt from") for one in origin.remarks)
        features[name] = arrays(tmp_path / "data", name)[0]
    near = np.abs(features["spiked"] - features["clean"])
    assert near.max() < 0.1 * np.abs(features["kept"] - features["clean"]).max()
    assert np.median(near) < 0.05
    np.testing.assert_allclose(features["spiked"][:, 2::3], features["clean"][:, 2::3], rtol=1e-5)


def test_ready_features_stay_as_they_are(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.normal(size=(40, 64)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    extract_series(tmp_path / "a.npy", tmp_path / "data", "a", SeriesSettings(rate=15.0))
    features, times, signals = arrays(tmp_path / "data", "a")
    np.testing.assert_array_equal(features, values)
    np.testing.assert_array_equal(signals, values)
    np.testing.assert_allclose(times, np.arange(41) / 15)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (SeriesSettings(), (120, 3 * 6)),
        (SeriesSettings(frame_rate=2.0), (48, 3 * 6)),
        (SeriesSettings(window_s=0.0), (120, 3)),
        (SeriesSettings(window_s=0.0, velocity=True), (120, 6)),
        (SeriesSettings(frame_rate=0.0), (600, 3)),
        (SeriesSettings(frame_rate=0.0, velocity=True, smooth_s=0.2), (600, 6)),
        (SeriesSettings(columns=["c2"], window_s=1.0), (120, 5)),
    ],
)
def test_options(
    settings: SeriesSettings, shape: tuple[int, int], tmp_path: Path, rng: np.random.Generator
) -> None:
    path = log(tmp_path / "log.csv", rng.normal(size=(600, 3)), rate=25)
    extract_series(path, tmp_path / "data", "log", settings)
    assert arrays(tmp_path / "data", "log")[0].shape == shape


def test_slow_sensors_keep_their_rows(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.integers(0, 100, size=(50, 2)).astype(float)
    path = log(tmp_path / "power.csv", values, rate=0.1)
    extract_series(path, tmp_path / "data", "power", SeriesSettings())
    features, times, _ = arrays(tmp_path / "data", "power")
    np.testing.assert_allclose(features, values)
    np.testing.assert_allclose(times, np.arange(51) * 10)


def test_poses_become_windows_in_the_animals_own_frame(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = poses(tmp_path / "mouse.csv", rng)
    settings = SeriesSettings(rate=30.0)
    origin = extract_series(path, tmp_path / "data", "mouse", settings)
    features, times, signals = arrays(tmp_path / "data", "mouse")
    # Four coordinates, forward, sideways and turn; each a mean, a deviation and four octaves.
    assert features.shape == (100, 7 * 6)
    assert signals.shape == (100, 4)
    np.testing.assert_allclose(times, np.arange(101) / 10)
    assert origin.kind == kind_of(path) == "pose"
    assert origin.media["columns"] == ["nose.x", "nose.y", "tail.x", "tail.y"]
    plain = dataclasses.replace(settings, egocentric=False, window_s=0.0, distances=True)
    extract_series(path, tmp_path / "data", "mouse", plain)
    assert arrays(tmp_path / "data", "mouse")[0].shape == (100, 5)
    with pytest.raises(DataError, match=r"mouse\.csv: body_axis names 'paw'"):
        extract_series(
            path,
            tmp_path / "data",
            "mouse",
            dataclasses.replace(settings, body_axis=["tail", "paw"]),
        )


def test_unturned_poses_are_told(tmp_path: Path, rng: np.random.Generator) -> None:
    path = poses(tmp_path / "mouse.csv", rng)
    path.write_text(path.read_text().replace("nose", "p").replace("tail", "q"))
    origin = extract_series(path, tmp_path / "data", "mouse", SeriesSettings(rate=30.0))
    assert "body_axis" in origin.remarks[-1]


def test_what_is_done_is_known(tmp_path: Path, rng: np.random.Generator) -> None:
    path, root = log(tmp_path / "log.csv", rng.normal(size=(500, 2)), rate=50), tmp_path / "data"
    settings = SeriesSettings(columns=["c1"])
    assert extraction(path, root, "log", settings).made
    assert extraction(path, root, "log", settings).kept
    assert extraction(path, root, "other", settings).made
    assert extraction(path, root, "log", SeriesSettings()).made
    (root / "signals" / "log.npy").unlink()
    assert extraction(path, root, "log", SeriesSettings()).made
    log(path, rng.normal(size=(500, 2)), rate=50)
    assert extraction(path, root, "log", SeriesSettings()).made
    (root / "origins" / "log.json").write_text("[]")
    assert extraction(path, root, "log", SeriesSettings()).made
    assert extraction(path, root, "log", SeriesSettings()).kept


def test_a_failure_writes_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    path, root = log(tmp_path / "log.csv", rng.normal(size=(500, 2)), rate=50), tmp_path / "data"
    extract_series(path, root, "log", SeriesSettings())
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    path.write_text("time,x\n0,1\n0,2\n")
    target = root / "features" / "log.npy"
    with (
        pytest.raises(DataError, match=r"log\.csv, line 3"),
        SeriesExtractor(SeriesSettings()).features(path, target, lambda done: None),
    ):
        pass
    assert {file: file.read_bytes() for file in root.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("values", "settings", "says"),
    [
        (np.zeros((3, 1)), SeriesSettings(), "shorter than one of 5 rows"),
        (np.zeros((15, 1)), SeriesSettings(), "too short for 2 of 5 rows"),
        (np.full((200, 1), 1e300), SeriesSettings(window_s=0.0), "too large for float32"),
    ],
)
def test_recordings_that_give_no_features(
    values: np.ndarray, settings: SeriesSettings, says: str, tmp_path: Path
) -> None:
    path = log(tmp_path / "log.csv", values, rate=50)
    with pytest.raises(DataError, match=says) as caught, np.errstate(over="ignore"):
        extract_series(path, tmp_path / "data", "log", settings)
    assert str(path) in str(caught.value)
    assert not [one for one in (tmp_path / "data").rglob("*") if one.is_file()]


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0},
        {"rate": float("inf")},
        {"rate": True},
        {"skip_lines": -1},
        {"skip_lines": 1.0},
        {"skip_lines": True},
        {"frame_rate": -1.0},
        {"window_s": "2"},
        {"smooth_s": float("nan")},
        {"min_confidence": 1.5},
        {"velocity": 1},
        {"time_column": ""},
        {"columns": []},
        {"columns": ["a", "a"]},
        {"columns": "ax"},
        {"body_axis": ["nose"]},
        {"window_s": 1.0, "frame_rate": 0.0},
    ],
)
def test_settings_that_cannot_be(change: dict) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SeriesSettings(**change)
    assert caught.value.setting == next(iter(change))
    assert str(caught.value).endswith(".")


@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='0123456789,;.\t\n\r"#-:eEtimxyscorer \0é', max_size=200).map(str.encode),
    ),
    suffix=st.sampled_from([".csv", ".tsv", ".npy", ".h5", ".parquet"]),
)
def test_whatever_the_file_holds_the_errors_are_ours(content: bytes, suffix: str) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("h5py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"log{suffix}"
        path.write_bytes(content)
        with contextlib.suppress(AsotError):
            extract_series(path, Path(folder) / "data", "log", SeriesSettings(rate=50.0))


def watch_logs(folder: Path) -> tuple[list[Path], list[np.ndarray]]:
    """The demo's sessions as logs of raw signals, and their ground truth."""
    data = watch._load()
    subjects, sides, exercises = (np.asarray(data[key]) for key in ("subject", "side", "y"))
    keys = sorted(set(zip(subjects.tolist(), sides.tolist(), strict=True)))
    orders = watch._orders(len(keys), np.random.default_rng(0))
    paths, truth = [], []
    for (subject, side), order in zip(keys, orders, strict=True):
        of_person = (subjects == subject) & (sides == side)
        parts = [
            np.asarray(data["X"][int(np.flatnonzero(of_person & (exercises == k))[0])])
            for k in order
        ]
        signal = np.concatenate(parts) * (1 if side else watch._MIRROR)
        paths.append(log(folder / f"{subject}-{side}.csv", signal, rate=50))
        truth.append(watch._window_labels(np.repeat(order, [len(part) for part in parts])))
    return paths, truth


def test_raw_watch_signals_give_the_exercises(tmp_path: Path) -> None:
    pytest.importorskip("seglearn")
    pytest.importorskip("sklearn")
    from asot import ActionSegmenter
    from asot.metrics import evaluate

    paths, truth = watch_logs(tmp_path)
    for path in paths:
        extract_series(path, tmp_path / "data", path.stem, SeriesSettings())
    features = [arrays(tmp_path / "data", path.stem)[0] for path in paths]
    found = ActionSegmenter(
        7, team=1, epochs=15, order_prior=0, standardise=True, device="cpu", random_state=0
    ).fit_predict(features)
    # The demo, whose features know the sensors' units and range, reaches 0.89 to 0.97.
    assert evaluate(found, truth)["mof"] > 0.85
