"""asot data simulate and asot data describe."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml

from asot.cli import COMMANDS, main
from asot.data import DatasetFolder
from asot.simulation import FeatureModel, LabelModel, load_preset

SMALL = ("--like", "breakfast", "--width", "5")
GENERATED = ("--recordings", "3", "--generate.mean_length", "60", "--generate.n_actions", "4")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Runs of two activities, with names beside them."""
    runs = {
        "P1_tea": [[0, 30], [2, 20], [0, 10]],
        "P2_tea": [[2, 25]],
        "P1_milk": [[1, 50], [0, 9]],
        "P3_tea": [[2, 9], [0, 9]],
    }
    (tmp_path / "toy_label_names.json").write_text(json.dumps(["SIL", "pour milk", "[b]stir"]))
    file = tmp_path / "toy_labels.json"
    file.write_text(json.dumps(runs))
    return file


def test_from_labels_to_a_folder_that_its_recipe_reads(asot, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "toys"
    outcome = asot("data", "simulate", "--labels", labels, *SMALL, "--out", out, "--seed", "3")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "4 recordings, 162 frames, 5 columns, seed 3"
    assert lines[-2] == f"next: asot benchmark breakfast --data {out} --out RESULTS"
    assert lines[-1].strip() == f"asot data describe {out}"
    folder = DatasetFolder(out)
    assert folder.activities == ("milk", "tea")
    assert folder.class_names == {0: "SIL", 1: "pour milk", 2: "[b]stir"}
    tea = folder.recordings("tea")
    assert tea.names == ("P1_tea", "P2_tea", "P3_tea")
    np.testing.assert_array_equal(tea[0].ground_truth, [0] * 30 + [2] * 20 + [0] * 10)
    account = yaml.safe_load((out / "simulation.yaml").read_text())
    assert account["seed"] == 3
    model = FeatureModel(**account["model"])
    assert model.width == 5
    assert model.motion == load_preset("breakfast").model.motion
    drawn = model.draw(tea[1].ground_truth, "P2_tea", folder.class_names, 3)
    np.testing.assert_array_equal(tea[1].features, drawn)
    again = asot("data", "check", out, "--activity_pattern", "_([^_]+)$")
    assert again.code == 0
    assert "0 errors" in again.out


def test_the_hint_leads_on(asot, labels: Path, tmp_path: Path) -> None:
    outcome = asot("data", "simulate", "--labels", labels, *SMALL, "--out", tmp_path / "toys")
    hint, describe = (line.removeprefix("next:").split() for line in outcome.out.splitlines()[-2:])
    assert hint[1] in COMMANDS
    assert describe[:3] == ["asot", "data", "describe"]
    assert asot(*describe[1:]).code == 0


def test_text_and_limits(asot, labels: Path, tmp_path: Path) -> None:
    words = ("data", "simulate", "--labels", labels, *SMALL, "--format", "txt", "--recordings", 1)
    outcome = asot(*words, "--out", tmp_path / "toys")
    assert (outcome.code, outcome.err) == (0, "")
    found = sorted(path.name for path in (tmp_path / "toys" / "features").rglob("*.txt"))
    assert found == ["P1_milk.txt", "P1_tea.txt"]
    values = np.loadtxt(tmp_path / "toys" / "features" / "tea" / "P1_tea.txt")
    assert values.shape == (60, 5)


def test_another_data_set_has_no_activities(asot, toys: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert asot("data", "simulate", "--labels", toys, *SMALL, "--out", out).code == 0
    assert DatasetFolder(out).activities == ()
    outcome = asot("data", "describe", toys, out, "--kmeans", 4)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.split()[:2] == [str(toys), str(out)]
    row = next(line for line in outcome.out.splitlines() if line.startswith("columns"))
    assert row.split() == ["columns", "6", "5"]
    assert "k-means, standardised, MoF" in outcome.out


def test_an_archive_with_granularities(asot, tmp_path: Path) -> None:
    names = {f"rgb-0{i}/{kind}": np.repeat([0, i], 20) for i in (1, 2) for kind in ("mid", "eval")}
    np.savez(tmp_path / "x.npz", **names)
    words = ("data", "simulate", "--labels", tmp_path / "x.npz", "--like", "salads", "--width", 3)
    outcome = asot(*words, "--granularity", "eval", "--out", tmp_path / "out")
    assert outcome.code == 0
    assert "next: asot benchmark salads_eval --data" in outcome.out
    for mapping in ("mapping.txt", "mappingeval.txt"):
        names = DatasetFolder(tmp_path / "out", mapping).class_names
        assert names == {0: "class-0", 1: "class-1", 2: "class-2"}
    outcome = asot(*words, "--out", tmp_path / "other")
    assert outcome.code == 2
    assert outcome.sentence.startswith("granularity must choose among the labels in ")


def test_generated(asot, tmp_path: Path) -> None:
    words = ("data", "simulate", *SMALL, *GENERATED, "--generate.background", "0.2")
    first, second = (asot(*words, "--out", tmp_path / name) for name in "ab")
    assert first.code == second.code == 0
    assert "next: asot benchmark default --data" in first.out
    files = sorted((tmp_path / "a").rglob("*.npy"))
    assert len(files) == 3
    for file in files:
        other = tmp_path / "b" / file.relative_to(tmp_path / "a")
        np.testing.assert_array_equal(np.load(file), np.load(other))
    names = DatasetFolder(tmp_path / "a").class_names
    assert names is not None
    assert list(names.values())[-1] == "background"


def test_every_number_is_an_option(asot) -> None:
    text = asot("data", "simulate", "--help_all").out
    for setting in fields(FeatureModel):
        assert f"--{setting.name} " in text
    for setting in fields(LabelModel):
        assert f"--generate.{setting.name} " in text or setting.name == "n_recordings"


def test_describe_refuses(asot, toys: Path, tmp_path: Path) -> None:
    assert asot("data", "describe", tmp_path).code == 2
    assert asot("data", "describe", toys, "--activity", "tea").code == 2


def test_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    words = ["data", "simulate", *SMALL, *GENERATED, "--out", str(tmp_path / "new")]
    with monkeypatch.context() as patch:
        patch.setattr("asot.simulation.features.FeatureModel.draw", interrupt)
        patch.setattr(sys, "stderr", io.StringIO())
        assert main(words) == 130
        assert sys.stderr.getvalue().endswith("The same command goes on from here.\n")
    assert main(words) == main(words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_real_labels(asot, shared: Path, tmp_path: Path) -> None:
    file = shared / "data" / "breakfast_labels_rle.json"
    words = ("data", "simulate", "--labels", file, *SMALL, "--recordings", "2")
    outcome = asot(*words, "--out", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.out.startswith("20 recordings, ")
    assert len(DatasetFolder(tmp_path / "out").activities) == 10
