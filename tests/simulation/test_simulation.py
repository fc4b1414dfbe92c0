"""Simulated features: what is preserved, what each number does, and how well presets fit."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asot.data import DatasetFolder, Recordings, check_dataset, standardise
from asot.errors import ArgumentError, DataError
from asot.simulation import (
    FeatureModel,
    LabelCorpus,
    LabelModel,
    LabelSequence,
    describe_features,
    load_preset,
    preset_names,
    read_label_corpus,
    write_simulation,
)

NAMES = {0: "SIL", 1: "pour milk", 2: "stir", 7: "drink"}
# Every part off, so that a test turns on the one that it measures.
SILENT = FeatureModel(
    width=6,
    spectrum=1e9,
    offset=0,
    separation=0,
    shift=0,
    appearance=0,
    motion=0,
    window=1,
    track=1,
    drift=0,
    jitter=0,
)
seeds = st.integers(0, 2**31)


def size(vectors: NDArray[np.floating]) -> float:
    """Root mean square length."""
    return float(np.sqrt((np.asarray(vectors, dtype=float) ** 2).sum(axis=-1).mean()))


def correlation(frames: NDArray[np.floating], lag: int) -> float:
    frames = np.asarray(frames, dtype=float)
    return float((frames[lag:] * frames[:-lag]).sum() / (frames**2).sum())


def draws(model: FeatureModel, labels: list[int], count: int, seed: int) -> NDArray[np.float32]:
    return np.stack([model.draw(labels, f"r{i}", NAMES, seed) for i in range(count)])


def corpus_of(model: FeatureModel, labels: list[NDArray[np.int64]], seed: int) -> Recordings:
    features = [model.draw(one, f"r{i}", NAMES, seed) for i, one in enumerate(labels)]
    return Recordings.from_arrays(features, ground_truth=labels)


@given(labels=st.lists(st.sampled_from(list(NAMES)), min_size=1, max_size=80), seed=seeds)
def test_any_labels_give_finite_frames(labels: list[int], seed: int) -> None:
    model = FeatureModel(width=3, window=7, track=2, blank=2)
    features = model.draw(labels, "x", NAMES, seed)
    assert features.shape == (len(labels), 3)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert not features[:2].any()
    assert features[2:].any(axis=1).all()
    np.testing.assert_array_equal(features, model.draw(labels, "x", NAMES, seed))


def test_a_recording_does_not_depend_on_the_other_classes(seed: int) -> None:
    model, labels = FeatureModel(width=5), [1] * 9 + [2] * 9
    features = model.draw(labels, "x", NAMES, seed)
    fewer = {5: "pour milk", 6: "stir"}  # ids are no matter, names are
    np.testing.assert_array_equal(features, model.draw(np.add(labels, 4), "x", fewer, seed))
    assert not np.array_equal(features, model.draw(labels, "y", NAMES, seed))
    assert not np.array_equal(features, model.draw(labels, "x", NAMES, seed + 1))


def test_nothing_turned_on_is_nothing(seed: int) -> None:
    assert not SILENT.draw([0, 1, 2], "x", NAMES, seed).any()


def test_offset_is_in_all_frames(seed: int) -> None:
    frames = draws(replace(SILENT, offset=3), [0, 1, 2], 4, seed).reshape(-1, 6)
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 3, rtol=1e-5)
    np.testing.assert_allclose(frames, np.broadcast_to(frames[0], frames.shape), rtol=1e-5)


def test_class_means_are_the_corpus_own() -> None:
    model = replace(SILENT, separation=2, width=400)
    one, other = (model.draw([0, 1, 1], name, NAMES) for name in "ab")
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one[1], one[2])
    assert np.linalg.norm(one[0]) == pytest.approx(2, rel=0.2)
    assert np.linalg.norm(one[0] - one[1]) == pytest.approx(2 * np.sqrt(2), rel=0.2)


def test_shift_is_the_recordings_own_and_standardising_removes_it(seed: int) -> None:
    frames = draws(replace(SILENT, shift=2), [0, 0, 1], 1000, seed)
    assert np.ptp(frames, axis=1).max() < 1e-5
    assert size(frames[:, 0]) == pytest.approx(2, rel=0.05)
    base = replace(SILENT, jitter=1, separation=2)
    labels = [0] * 20 + [1] * 20
    plain, shifted = (
        model.draw(labels, "x", NAMES, seed) for model in (base, replace(base, shift=9))
    )
    assert np.abs(plain - shifted).max() > 0.1
    np.testing.assert_allclose(standardise(plain), standardise(shifted), atol=1e-4)


def test_appearance_is_of_a_recording_and_action(seed: int) -> None:
    frames = draws(replace(SILENT, appearance=2), [0, 1, 1, 0], 1000, seed)
    np.testing.assert_array_equal(frames[:, 0], frames[:, 3])
    np.testing.assert_array_equal(frames[:, 1], frames[:, 2])
    assert size(frames[:, 0]) == pytest.approx(2, rel=0.05)
    assert abs((frames[:, 0] * frames[:, 1]).sum(axis=1).mean()) < 0.3


@pytest.mark.parametrize("lag", [1, 5, 20, 60])
def test_motion_is_correlated_over_the_two_windows(seed: int, lag: int) -> None:
    model = replace(SILENT, motion=3, window=20, track=5)
    frames = model.draw([0] * 60_000, "x", NAMES, seed)
    kernel = np.convolve(np.ones(20), np.ones(5))
    expected = 0.0 if lag >= len(kernel) else kernel[lag:] @ kernel[:-lag] / (kernel @ kernel)
    assert correlation(frames, lag) == pytest.approx(expected, abs=0.06)
    assert size(frames) == pytest.approx(3, rel=0.1)
    assert size(frames[:1000]) == pytest.approx(3, rel=0.35), "the start is as all else"


@pytest.mark.parametrize("lag", [1, 10, 40])
def test_drift_falls_off_exponentially(seed: int, lag: int) -> None:
    frames = replace(SILENT, drift=3, drift_frames=20).draw([0] * 60_000, "x", NAMES, seed)
    assert correlation(frames, lag) == pytest.approx(np.exp(-lag / 20), abs=0.06)
    assert size(frames) == pytest.approx(3, rel=0.1)
    first = draws(replace(SILENT, drift=3, drift_frames=20), [0], 1000, seed)
    assert size(first) == pytest.approx(3, rel=0.05), "stationary from the first frame"


def test_jitter_is_white(seed: int) -> None:
    frames = replace(SILENT, jitter=3).draw([0] * 20_000, "x", NAMES, seed)
    assert abs(correlation(frames, 1)) < 0.03
    assert size(frames) == pytest.approx(3, rel=0.03)


def test_sizes_add_up(seed: int) -> None:
    model = replace(SILENT, shift=1, appearance=2, motion=3, window=4, drift=4, jitter=5)
    frames = draws(model, [0] * 50, 500, seed)
    assert size(frames) == pytest.approx(np.sqrt(1 + 4 + 9 + 16 + 25), rel=0.03)


@pytest.mark.parametrize("spectrum", [1.5, 4.0, 1e9])
def test_spectrum(seed: int, spectrum: float) -> None:
    model = replace(SILENT, jitter=3, spectrum=spectrum)
    values = np.linalg.eigvalsh(np.cov(model.draw([0] * 50_000, "x", NAMES, seed).T))[::-1]
    np.testing.assert_allclose(values / values[0], np.exp(-np.arange(6) / spectrum), rtol=0.1)


def test_actions_fade_into_each_other_over_the_blur() -> None:
    model = replace(SILENT, separation=2, window=4, track=3)
    frames = model.draw([0] * 50 + [1] * 50, "x", NAMES)
    moving = np.flatnonzero(np.abs(np.diff(frames, axis=0)).max(axis=1) > 1e-4)
    assert len(moving) == 4 + 3 - 1
    assert abs(moving.mean() - 49.5) <= 1


def test_separation_makes_actions_easier_to_tell(seed: int) -> None:
    labels = [np.repeat([0, 1, 2, 7], 40) for _ in range(4)]
    base = replace(SILENT, shift=1, appearance=1, motion=3, window=9)
    accuracy = [
        describe_features(corpus_of(replace(base, separation=separation), labels, seed))[
            "ncm_left_out_standardised"
        ]
        for separation in (0, 3, 30)
    ]
    assert accuracy[0] < 0.6
    assert accuracy[0] < accuracy[1] < accuracy[2]
    assert accuracy[2] > 0.9


SETTINGS = [field.name for field in fields(FeatureModel)]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True])
def test_bad_numbers_are_named(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"^{name} must be"):
        FeatureModel(**{name: value})


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ArgumentError, match="class_names must name every class, but 9 has no name"):
        SILENT.draw([0, 9], "x", NAMES)
    with pytest.raises(ArgumentError, match="labels must hold at least one frame"):
        SILENT.draw([], "x", NAMES)
    with pytest.raises(ArgumentError) as caught:
        SILENT.draw([0], "x", NAMES, seed=-1)
    assert caught.value.setting == "seed"


CORPUS = LabelCorpus(
    [
        LabelSequence.of("a_tea", [0, 0, 1, 7, 7]),
        LabelSequence.of("b_tea", [2]),
        LabelSequence.of("a_café", [1, 2, 1]),
    ],
    NAMES,
)


@pytest.mark.parametrize("suffix", ["npy", "txt"])
@pytest.mark.parametrize("pattern", [None, "_([^_]+)$"])
def test_the_folder_holds_the_labels_frame_by_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pattern: str | None
) -> None:
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path / "cache"))
    steps: list[tuple[int, int]] = []

    def note(stage: str, done: int, total: int, note: str = "") -> None:
        steps.append((done, total))

    root = write_simulation(
        CORPUS,
        FeatureModel(width=4),
        tmp_path / "new" / "toys",
        activity_pattern=pattern,
        format=suffix,
        mapping_files=("mapping.txt", "mappingeval.txt"),
        progress=note,
    )
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    report = check_dataset(root, "mappingeval.txt", pattern)
    assert report.ok
    assert not report.warnings
    folder = DatasetFolder(root)
    assert folder.class_names == NAMES
    assert folder.activities == (() if pattern is None else ("café", "tea"))
    found = {one.name: one for one in folder.recordings()}
    for sequence in CORPUS.sequences:
        np.testing.assert_array_equal(found[sequence.name].ground_truth, sequence.labels)
        drawn = FeatureModel(width=4).draw(sequence.labels, sequence.name, NAMES)
        np.testing.assert_allclose(found[sequence.name].features, drawn, atol=6e-6)
    account = yaml.safe_load((root / "simulation.yaml").read_text())
    assert FeatureModel(**account["model"]) == FeatureModel(width=4)


def test_a_folder_appears_complete_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StopHereError(Exception):
        pass

    def stop(stage: str, done: int, total: int, note: str = "") -> None:
        if done == 2:
            raise StopHereError

    with pytest.raises(StopHereError):
        write_simulation(CORPUS, SILENT, tmp_path / "toys", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == [".toys.part"]
    drawn: list[str] = []
    draw = FeatureModel.draw
    monkeypatch.setattr(
        FeatureModel, "draw", lambda self, *of: drawn.append(of[1]) or draw(self, *of)
    )
    write_simulation(CORPUS, SILENT, tmp_path / "toys")
    assert drawn == [one.name for one in CORPUS.sequences[2:]], "what is finished is kept"
    assert [path.name for path in tmp_path.iterdir()] == ["toys"]
    write_simulation(CORPUS, SILENT, tmp_path / "whole")
    assert folder_content(tmp_path / "toys") == folder_content(tmp_path / "whole")
    drawn.clear()
    write_simulation(CORPUS, SILENT, tmp_path / "toys")
    assert not drawn, "and so is what is whole"
    with pytest.raises(StopHereError):
        write_simulation(CORPUS, SILENT, tmp_path / "more", progress=stop)
    write_simulation(CORPUS, SILENT, tmp_path / "more", seed=1)
    assert len(drawn) == 2 + len(CORPUS.sequences), "of something else nothing is kept"


def folder_content(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write_simulation(CORPUS, SILENT, tmp_path / "mine")  # an empty folder is none of anybody's
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="already exists and is not empty: choose another folder"):
        write_simulation(CORPUS, SILENT, tmp_path / "mine", seed=1)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file"):
        write_simulation(CORPUS, SILENT, tmp_path / "file")
    with pytest.raises(DataError, match="cannot be made"):
        write_simulation(CORPUS, SILENT, tmp_path / "file" / "below")
    with pytest.raises(ArgumentError, match='format must be "npy" or "txt"'):
        write_simulation(CORPUS, SILENT, tmp_path / "new", format="csv")
    with pytest.raises(ArgumentError, match="finds no activity in the name 'a_tea'"):
        write_simulation(CORPUS, SILENT, tmp_path / "new", activity_pattern="([0-9]+)")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", preset_names())
def test_presets(name: str) -> None:
    preset = load_preset(name)
    assert preset.source
    assert np.isfinite(preset.model.draw([0] * 30, "x", NAMES)).all()
    with pytest.raises(ArgumentError, match=r"like must be one of 'breakfast', .*, but is 'x'"):
        load_preset("x")


# How far the mean over simulated data sets may lie from the real figure.
TOLERANCES = {
    "norm_mean": 1.5,
    "norm_sd": 0.6,
    "lag_1": 0.01,
    "lag_10": 0.04,
    "lag_50": 0.06,
    "within_lag_1": 0.01,
    "within_lag_10": 0.04,
    "between_recordings": 0.05,
    "between_classes": 0.02,
    "recording_and_class": 0.02,
    "within": 0.05,
    "axes_5": 0.05,
    "axes_20": 0.05,
    "ncm": 0.08,
    "ncm_left_out": 0.12,
    "ncm_standardised": 0.08,
    "ncm_left_out_standardised": 0.08,
}


def assert_fits(
    preset: str,
    real: Recordings,
    names: dict[int, str],
    tolerances: dict[str, float],
    seeds: range,
) -> None:
    model, figures = load_preset(preset).model, []
    for seed in seeds:
        features = [
            model.draw(labels, name, names, seed)
            for labels, name in zip(real.ground_truth, real.names, strict=True)
        ]
        simulated = Recordings.from_arrays(features, ground_truth=real.ground_truth)
        figures.append(describe_features(simulated))
    found = describe_features(real)
    for key, tolerance in tolerances.items():
        measured = float(np.mean([one[key] for one in figures]))
        assert measured == pytest.approx(found[key], abs=tolerance), key


def test_the_breakfast_preset_fits(
    shared: Path, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path))
    folder = DatasetFolder(shared / "data" / "Breakfast")
    assert folder.class_names is not None
    seeds = range(seed, seed + 20)
    assert_fits("breakfast", folder.recordings(), folder.class_names, TOLERANCES, seeds)


def test_the_salads_svm_preset_fits(shared: Path, seed: int) -> None:
    with np.load(shared / "data" / "50salads_eval_svmscores10.npz") as data:
        names = sorted({key.split("/")[0] for key in data})
        real = Recordings.from_arrays(
            [data[f"{name}/X"] for name in names],
            names=names,
            ground_truth=[data[f"{name}/y"] for name in names],
        )
    tolerances = {
        "norm_mean": 0.5,
        "norm_sd": 0.25,
        "lag_1": 0.06,
        "lag_10": 0.08,
        "within_lag_1": 0.06,
        "within_lag_10": 0.03,
        "between_recordings": 0.05,
        "between_classes": 0.13,
        "recording_and_class": 0.06,
        "within": 0.08,
        "ncm_left_out": 0.16,
        "ncm_left_out_standardised": 0.13,
    }
    classes = {k: f"class-{k}" for k in range(10)}
    assert_fits("salads_svm", real, classes, tolerances, range(seed, seed + 8))


def test_full_size_breakfast_without_drawing_it(shared: Path) -> None:
    corpus = read_label_corpus(shared / "data" / "breakfast_labels_rle.json")
    assert (len(corpus.sequences), corpus.n_frames) == (1712, 3_590_899)
    activities = corpus.activities(load_preset("breakfast").activity_pattern)
    assert len(set(activities)) == 10
    real = read_label_corpus(shared / "data" / "Breakfast")
    mine = {one.name: one for one in corpus.sequences}
    for sequence in real.sequences:
        np.testing.assert_array_equal(mine[sequence.name].labels, sequence.labels)
        assert corpus.class_names == real.class_names


def test_generated_labels_become_a_data_set(tmp_path: Path, seed: int) -> None:
    corpus = LabelModel(n_recordings=4, n_actions=3, mean_length=60).draw(seed)
    root = write_simulation(corpus, FeatureModel(width=5), tmp_path / "toys", seed=seed)
    assert check_dataset(root).ok
