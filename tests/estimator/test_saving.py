"""A fitted segmenter in a file, for Python, for the command line, and for other runtimes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asot
from asot import ActionSegmenter
from asot.cli import main
from asot.data import Recordings, write_dataset
from asot.errors import ArgumentError, FileError
from asot.model.segmenter import NotFittedError
from asot.runs.predictions import PredictionFolder

Make = Callable[..., ActionSegmenter]
TEAM = {"team": 1, "order_prior": "auto", "radius": "auto"}
METHODS = ("predict", "predict_proba", "transform")


def same(one: Any, two: Any) -> None:
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("face", [{}, TEAM])
def test_a_loaded_segmenter_is_the_one_that_was_saved(
    make: Make, X: list[np.ndarray], face: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "model.ckpt"
    segmenter = make(**face).fit(X)
    segmenter.save(str(path))
    loaded = ActionSegmenter.load(path)
    for name in METHODS:
        same(getattr(loaded, name)(X), getattr(segmenter, name)(X))
    np.testing.assert_array_equal(loaded.cluster_centers_, segmenter.cluster_centers_)
    assert (loaded.n_features_in_, loaded.n_actions_) == (5, 3)
    assert not hasattr(loaded, "feature_names_in_")
    assert loaded.evidence_.trust == segmenter.evidence_.trust
    assert loaded.evidence_.choice == segmenter.evidence_.choice
    # Its parameters make the same model again, where nothing was found.
    expected = {**segmenter.get_params(), "device": "auto", "random_state": None}
    given = {**loaded.get_params(), "hidden": tuple(loaded.hidden)}
    differ = {name for name, value in expected.items() if given[name] != value}
    assert differ == ({"order_prior"} if face else set())
    assert loaded.radius == segmenter.radius
    again = tmp_path / "again.ckpt"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert "ActionSegmenter" in loaded._repr_mimebundle_()["text/html"]
    with pytest.raises(ArgumentError, match="X must be given to a segmenter that was loaded"):
        loaded.segments()


def test_names_of_columns_are_saved(make: Make, X: list[np.ndarray], tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    names = ["hip", "knee", "foot", "hand", "head"]
    tables = [pandas.DataFrame(x, columns=names) for x in X]
    make().fit(tables).save(tmp_path / "model.ckpt")
    loaded = ActionSegmenter.load(tmp_path / "model.ckpt")
    assert loaded.feature_names_in_.tolist() == names
    with pytest.raises(ArgumentError, match="but column 0 of X"):
        loaded.predict([one[names[::-1]] for one in tables])


def test_what_cannot_be_saved_or_loaded(make: Make, X: list[np.ndarray], tmp_path: Path) -> None:
    for call in ("save", "to_onnx"):
        with pytest.raises(NotFittedError):
            getattr(make(), call)(tmp_path / "model")
    (tmp_path / "model").write_text("not a model")
    with pytest.raises(FileError, match="cannot be read as a checkpoint"):
        ActionSegmenter.load(tmp_path / "model")
    import torch

    make().fit(X).save(tmp_path / "model.ckpt")
    values = torch.load(tmp_path / "model.ckpt", weights_only=True)
    torch.save({**values, "columns": ["one"]}, tmp_path / "altered.ckpt")
    with pytest.raises(FileError, match="columns must name each of the features"):
        ActionSegmenter.load(tmp_path / "altered.ckpt")


def test_the_command_line_takes_a_saved_segmenter_and_gives_its_own(
    make: Make, X: list[np.ndarray], recordings: Recordings, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset(recordings, Path("DATA"), {0: "take", 1: "fill", 2: "stir"})
    segmenter = make().fit(X)
    segmenter.save("model.ckpt")
    assert main(["predict", "model.ckpt", "--data", "DATA", "--figures", "0"]) == 0
    assert main(["segment", "DATA", "--model", "model.ckpt", "--out", "results"]) == 0
    for place in ("predictions-DATA", "results/predictions"):
        folder = PredictionFolder(Path(place))
        for one, labels in zip(recordings, segmenter.predict(X), strict=True):
            np.testing.assert_array_equal(folder.labels(one.name), labels)
    # Results of a model stand for the model, too.
    assert main(["segment", "DATA", "--model", "results", "--out", "again"]) == 0
    words = ["train", "paper", "--data", "DATA", "--out", "run", "--training.epochs", "1"]
    assert main([*words, "--logger", "none", "--figures", "0"]) == 0
    loaded = ActionSegmenter.load("run/models/all.ckpt")
    order = json.loads(Path("run/numbers.json").read_text())["all"]
    for one, labels in zip(recordings, loaded.predict(X), strict=True):
        found = PredictionFolder(Path("run/predictions")).labels(one.name)
        np.testing.assert_array_equal(np.array(order)[found], labels)


def test_the_command_line_refuses_logs_for_a_saved_segmenter_before_it_reads_them(
    make: Make, X: list[np.ndarray], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    make().fit(X).save("model.ckpt")
    rows = "\n".join(f"{0.1 * i:.1f},{i % 7},{i % 5}" for i in range(200))
    Path("log.csv").write_text(f"time,ax,ay\n{rows}\n")
    np.save("array.npy", X[0])
    assert main(["segment", "log.csv", "--model", "model.ckpt", "--out", "results"]) == 2
    assert capsys.readouterr().err == (
        "asot: model.ckpt: segments arrays alone, as it does not say how features are made, but "
        "log.csv is none: make features as for its training with asot extract RECORDINGS --out "
        "DATA, and name DATA in place of the recordings.\n"
    )
    assert not Path("results").exists()
    assert main(["segment", "array.npy", "--model", "model.ckpt", "--out", "results"]) == 0


@pytest.mark.parametrize(
    "face", [{}, {"standardise": False}, {**TEAM, "n_actions": 4}], ids=["one", "raw", "team"]
)
def test_onnx_gives_what_python_does(
    make: Make, X: list[np.ndarray], face: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    segmenter = make(**face).fit(X)
    segmenter.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    holes, flat, spiked = X[0].copy(), X[1].copy(), X[0].copy()
    holes[3:7], flat[:, 2] = 0, 7  # frames without features, and a column that never changes
    spiked[[0, 5, 6, 9], [0, 1, 2, 2]] = 50
    told = session.get_modelmeta().custom_metadata_map
    settings, prior = json.loads(told["solve"]), json.loads(told["order_prior"])
    for x in (*X, holes, flat, spiked, X[0][:2], X[0][:1]):
        x = x.astype(np.float32)
        embedding, similarity = session.run(None, {"features": x})
        np.testing.assert_allclose(embedding, segmenter.transform(x), atol=2e-6)
        expected = segmenter.transform(x) @ segmenter.cluster_centers_.T
        np.testing.assert_allclose(similarity, expected, atol=4e-6)
        cost = 1 - similarity
        if prior:
            cost = cost + np.asarray(asot.temporal_prior(*cost.shape, prior), dtype=np.float32)
        labels = asot.solve(cost, **settings).labels
        assert (labels == segmenter.predict(x)).mean() >= (0.0 if "team" in face else 0.95)


def test_onnx_refuses_what_known_frames_taught(
    make: Make, X: list[np.ndarray], tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    y = [np.full(len(x), -1) for x in X]
    y[0][:5] = 1
    segmenter = make().fit(X, y)
    with pytest.raises(ArgumentError, match="to_onnx writes what comes before the transport"):
        segmenter.to_onnx(tmp_path / "model.onnx")
    with pytest.raises(ArgumentError, match="partial_fit would move what the known frames"):
        segmenter.partial_fit(X)


def test_fixed_actions_stay_those_of_the_file(
    make: Make, X: list[np.ndarray], rng: np.random.Generator, tmp_path: Path
) -> None:
    path, actions = tmp_path / "model.ckpt", rng.normal(size=(3, 6))
    segmenter = make(actions=actions).fit(X)
    segmenter.save(path)
    loaded = ActionSegmenter.load(path, actions=(2 * actions).tolist())
    near = partial(np.testing.assert_allclose, rtol=1e-5)  # unit vectors made unit again
    near(loaded.partial_fit(X).cluster_centers_, segmenter.cluster_centers_)
    for others in (actions[[1, 2, 0]], actions + 0.01):
        with pytest.raises(ArgumentError, match=r"actions must be those that .* leave them out"):
            ActionSegmenter.load(path, actions=others)
    loaded = ActionSegmenter.load(path)
    same(loaded.predict(X), segmenter.predict(X))
    loaded.save(tmp_path / "again.ckpt")
    assert (tmp_path / "again.ckpt").read_bytes() == path.read_bytes()
    near(loaded.partial_fit(X).cluster_centers_, segmenter.cluster_centers_)
    near(loaded.fit(X).cluster_centers_, segmenter.cluster_centers_)
    make(**TEAM).fit(X).save(path)
    with pytest.raises(ArgumentError, match=r"cost must be left out with .* holds a team"):
        ActionSegmenter.load(path, cost=lambda given: given.cost)


def test_settings_that_are_no_parameters_are_told(
    make: Make, X: list[np.ndarray], tmp_path: Path, caplog: Any
) -> None:
    path, segmenter = tmp_path / "model.ckpt", make().fit(X)
    segmenter.save(path)
    ActionSegmenter.load(path)
    assert "no parameters" not in caplog.text
    segmenter.model_.recipe.transport_train.max_iterations = 5
    segmenter.model_.recipe.transport_eval.mode = "parity"
    segmenter.save(path)
    loaded = ActionSegmenter.load(path)
    told = "transport_train.max_iterations = 5 and transport_eval.mode = 'parity'."
    assert told in caplog.text
    same(loaded.predict(X), segmenter.predict(X))
