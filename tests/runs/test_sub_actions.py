"""Sub-actions in a run: in its model, its predictions, new recordings, and under corrections."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asot.data import Recordings, write_dataset
from asot.errors import FileError
from asot.export import read_csv
from asot.model.recipe import Recipe
from asot.runs.page import write_page
from asot.runs.predict import predict_run
from asot.runs.predictions import PredictionFolder
from asot.runs.run import Run
from asot.runs.train import train_run
from asot.timeline.corrections import Corrected, Patch
from asot.timeline.names import ActionNames
from tests.runs.made import NOBODY
from tests.trees import make_trees

SETTINGS = {
    **{"n_actions": 3, "team": 0, "order_prior": 0.15, "sub_actions": 3},
    **{"transport_train": {"radius": 0.04}, "transport_eval": {"radius": 0.04}},
    **{"encoder": {"hidden": [32], "width": 16}, "dataset": {"frame_rate": 10.0}},
    "training": {"epochs": 6, "frames_per_recording": 32, "kmeans_restarts": 2},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trees = make_trees(0, apart=5.0)
    names = [f"r{i}" for i in range(len(trees.features))]
    recordings = Recordings.from_arrays(trees.features, names=names, frame_rate=10.0)
    return write_dataset(recordings, tmp_path_factory.mktemp("trees") / "data")


@pytest.fixture(scope="module")
def wanted(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(data, tmp_path_factory.mktemp("wanted") / "run")


@pytest.fixture
def run(wanted: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(wanted.root, tmp_path / "run"))


def trained(data: Path, out: Path, **changes: Any) -> Run:
    run = train_run(Recipe.from_dict({**SETTINGS, **changes}), data, out, device="cpu")
    assert run is not None
    return run


def steps_of(folder: PredictionFolder) -> dict[str, list[int]]:
    found = {name: folder.steps(name) for name in folder.models()}
    return {name: [] if one is None else one.tolist() for name, one in found.items()}


def table_of(folder: PredictionFolder) -> list[dict[str, str]]:
    with (folder.root / "sub_segments.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_steps_are_learnt_kept_and_found_in_other_recordings(
    run: Run, data: Path, tmp_path: Path
) -> None:
    folder = run.predictions
    steps = steps_of(folder)
    assert any(set(one) >= {0, 1} for one in steps.values())
    rows = read_csv(folder.root / "segments.csv")
    for part in table_of(folder):
        own = [row for row in rows if row.recording == part["recording"]]
        parent = own[int(part["segment"]) - 1]
        assert parent.action == part["action"]
        start, end = int(part["start_frame"]), int(part["end_frame"])
        assert set(steps[part["recording"]][start:end]) == {int(part["step"]) - 1}
        assert parent.start_frame <= start < end <= parent.end_frame
        assert float(part["start_s"]) == start / 10
    other = predict_run(run, data, tmp_path / "other")
    assert steps_of(other) == steps
    assert table_of(other) == table_of(folder)


def test_without_the_setting_nothing_is_written_of_it(run: Run, data: Path, tmp_path: Path) -> None:
    plain = trained(data, tmp_path / "plain", sub_actions=0)
    assert not list(plain.root.rglob("*sub_*"))
    assert "sub_actions" not in (plain.root / "recipe.yaml").read_text()
    stored = torch.load(plain.checkpoint("all"), weights_only=True)
    assert {*stored} == {"format", "network", "training"}
    assert "sub_actions" not in stored["network"]["recipe"]
    [page] = write_page(plain.predictions, tmp_path / "page")
    files = [page, *page.parent.glob("data/*.js")]
    assert not [one for one in files if '"steps"' in one.read_text() or "sub_" in one.read_text()]
    for name in plain.predictions.models():
        labels = plain.predictions.labels(name)
        np.testing.assert_array_equal(labels, run.predictions.labels(name))


def test_a_training_that_ended_before_its_steps_goes_on(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCutError(Exception):
        pass

    def cut(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr("asot.model.sub_actions.learn_steps", lambda *_, **__: cut())
        with pytest.raises(PowerCutError):
            trained(data, tmp_path / "cut")
    other = trained(data, tmp_path / "cut")
    assert other.checkpoint("all").read_bytes() == run.checkpoint("all").read_bytes()
    assert steps_of(other.predictions) == steps_of(run.predictions)


def test_what_people_give_another_action_or_merge_has_no_steps(run: Run) -> None:
    folder, recordings = run.predictions, run.predictions.open_data().recordings
    part = max(table_of(folder), key=lambda one: int(one["end_frame"]) - int(one["start_frame"]))
    name, start, end = part["recording"], int(part["start_frame"]), int(part["end_frame"])
    found, steps = int(folder.labels(name)[start]), folder.steps(name)
    own = next(one for one in recordings if one.name == name)

    def now(patches: tuple[Patch, ...] = (), names: ActionNames = NOBODY) -> np.ndarray:
        folder.write_corrected(name, Corrected(own.n_frames, patches))
        folder.rename(recordings, "all", names)
        shown = np.full(own.n_frames, -1)
        for one in table_of(folder):
            if one["recording"] == name:
                shown[int(one["start_frame"]) : int(one["end_frame"])] = int(one["step"]) - 1
        return shown

    np.testing.assert_array_equal(now(), steps)
    right = Patch(start, end, found)
    np.testing.assert_array_equal(now((right,)), steps)
    shown = now((Patch(start, end, (found + 1) % 3),))
    assert (shown[start:end] == -1).all()
    np.testing.assert_array_equal(
        np.delete(shown, np.s_[start:end]), np.delete(steps, np.s_[start:end])
    )
    merged = now(names=ActionNames(merged={found: (found + 1) % 3}))
    np.testing.assert_array_equal(merged, np.where(folder.labels(name) == found, -1, steps))
    np.testing.assert_array_equal(now(names=ActionNames({found: "pour"})), steps)


def test_the_page_is_given_them(run: Run, tmp_path: Path) -> None:
    [page] = write_page(run.predictions, tmp_path / "page")
    assert '"steps":{' in page.read_text()
    assert '"steps":{"starts":' in (page.parent / "data" / "0.js").read_text()


def test_an_altered_file_of_steps_ends_in_a_sentence(run: Run) -> None:
    folder = run.predictions
    path = folder.root / "sub_actions" / "r0.txt"
    path.write_text(path.read_text() + "100\n")
    with pytest.raises(FileError, match=r"has [0-9]+ labels where its assignment has"):
        folder.steps("r0")
