"""The benchmark command runs, and what it writes is sound; no figure of it is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.model.contrast import learn_contrast
from benchmarks.descendants import read_cells, tables

REPOSITORY = Path(__file__).resolve().parents[1]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("benchmark") / "figures.json"
    done = run("--quick", "--threads", "1", "--repeats", "1", "--out", str(file))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_backends_reach_the_same_objective(report: dict[str, Any]) -> None:
    pytest.importorskip("numba")
    for shape in report["solver"]["shapes"]:
        assert shape["objective"]["cpu"] == pytest.approx(shape["objective"]["torch"], abs=1e-6)


def test_ratios_are_those_of_the_times(report: dict[str, Any]) -> None:
    for shape in report["solver"]["shapes"]:
        times = shape["milliseconds"]
        assert times["torch"] > 0
        for key, to in (("times_the_floor", "floor"), ("times_ours", "cpu")):
            if to in times:
                expected = {name: value / times[to] for name, value in times.items()}
                assert shape[key] == pytest.approx(expected)


def test_who_is_absent_is_named(report: dict[str, Any]) -> None:
    assert report["solver"]["absent"]["release"] == "no --release"
    assert report["machine"]["threads"] == 1
    assert report["machine"]["numpy"] == np.__version__


def test_scaling_has_an_exponent_for_each_size(report: dict[str, Any]) -> None:
    assert set(report["scaling"]["exponents"]) == {"N", "K", "radius"}


def test_the_shares_of_a_step_add_up(report: dict[str, Any]) -> None:
    for backend in report["training"]["backends"].values():
        assert sum(backend["step"].values()) == pytest.approx(1)
        assert min(backend["step"].values()) >= 0
        assert backend["steps_per_second"] > 0


def test_data_without_the_release_is_refused() -> None:
    done = run("--data", "nowhere")
    assert done.returncode == 2
    assert "--release" in done.stderr


def test_scores_without_the_release_are_refused() -> None:
    done = run("--only", "scores")
    assert done.returncode == 2
    assert "give --release and --data" in done.stderr


# A script of the release's form: it draws labels from its seed, once for each recording.
SCRIPT = """
import sys
from types import SimpleNamespace

import pytorch_lightning as pl
import torch
from video_dataset import VideoDataset

seed = int(sys.argv[sys.argv.index("--seed") + 1])
torch.manual_seed(seed)
trainer = pl.Trainer(devices=[1], max_epochs=0, logger=False, enable_checkpointing=False)
assert trainer.num_devices == 1
module = SimpleNamespace(test_cache=[])
for name, n_frames in VideoDataset("/nowhere").recordings:
    labels, mask = torch.randint(2, (1, n_frames + 3)), torch.ones(1, n_frames + 3, dtype=bool)
    mask[:, n_frames:] = False
    module.test_cache.append([0.5, labels, labels, mask, (name,)])
    for callback in trainer.callbacks:
        callback.on_test_batch_end(trainer, module, None, None, 0)
"""
DATASET = """
from pathlib import Path


class VideoDataset:
    def __init__(self, folder):
        truth = sorted((Path(folder) / "Breakfast" / "groundTruth").iterdir())
        self.recordings = [(one.name, len(one.read_text().split())) for one in truth]
"""


def test_the_labels_of_the_releases_script_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    import torch

    from asot.data import Recordings, write_dataset
    from asot.metrics import evaluate
    from benchmarks import tables
    from benchmarks.script import measure_scores

    source = tmp_path / "release" / "src"
    source.mkdir(parents=True)
    (source / "train.py").write_text(SCRIPT)
    (source / "video_dataset.py").write_text(DATASET)
    truth = [np.repeat([0, 1], 20), np.repeat([1, 0], 15)]
    recordings = Recordings.from_arrays(
        [np.zeros((len(one), 2)) for one in truth], names=["a_coffee", "b_coffee"],
        ground_truth=truth,
    )  # fmt: skip
    data = write_dataset(recordings, tmp_path / "Breakfast", {0: "take", 1: "stir"})
    report = measure_scores(tmp_path / "release", data, "coffee", 2)
    expected = []
    for seed in range(2):
        torch.manual_seed(seed)
        drawn = [torch.randint(2, (1, len(one) + 3))[0, : len(one)].numpy() for one in truth]
        expected.append(evaluate(drawn, truth)["mof"])
    assert [one["mof"] for one in report["seeds"]] == pytest.approx(expected)
    assert report["mean"]["mof"] == pytest.approx(np.mean(expected))
    assert report["sd"]["mof"] == pytest.approx(np.std(expected, ddof=1))
    tables.show_scores(report)
    mean = f"{100 * np.mean(expected):.1f} ± {100 * np.std(expected, ddof=1):.1f}"
    assert mean in capsys.readouterr().out


def test_what_helps_goes_on_with_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks.helps.__main__ import main

    file = tmp_path / "helps.json"
    words = ["--sets", "generated", "--seeds", "1", "--out", str(file), "--variants", "default"]
    main(words)
    first = json.loads(file.read_text())
    # A figure that nobody would measure: it stays only where it is not measured again.
    first["cells"]["generated"]["default"]["0"]["mof"] = 0.123
    file.write_text(json.dumps(first))
    main([*words, "kmeans", "most-agreed", "--ranking"])
    report = json.loads(file.read_text())
    cells = report["cells"]["generated"]
    assert set(cells) == {"default", "kmeans", "most-agreed"}
    assert cells["default"]["0"]["mof"] == 0.123
    assert 0 < cells["kmeans"]["0"]["miou"] <= 1
    (found,) = cells["default"]["0"]["found"]
    assert found["choice"] == "team"
    assert 0 < found["estimate"] < 1
    (ranking,) = report["ranking"]["generated"]["0"]
    assert {len(gains) for gains in ranking["gain"].values()} == {4 * len(ranking["radii"])}
    shown = capsys.readouterr().out
    assert "| generated | 3 | 3 |" in shown
    assert "sets that get it, left out" in shown
    assert "| 12.3 / " in shown


def test_sets_are_altered_alike_for_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks.helps.altered import CHANGES, altered_sets
    from benchmarks.helps.sets import read_sets

    present = read_sets(["generated"])[0]
    made, again, other = (altered_sets(present, list(CHANGES), n, 3) for n in (0, 0, 1))
    assert len(made) == len(CHANGES)
    for name, (group,) in made.items():
        assert group.n_actions > 1
        pairs = zip(group.features, group.ground_truth, strict=True)
        assert all(len(rows) == len(labels) and np.isfinite(rows).all() for rows, labels in pairs)
        np.testing.assert_array_equal(
            np.concatenate(group.features), np.concatenate(again[name][0].features)
        )
    by_number = [np.concatenate(one[0].features) for one in (*made.values(), *other.values())]
    assert len({one.tobytes() for one in by_number}) > 1.6 * len(made)


def test_what_is_made_of_the_defaults_learners_is_what_a_fit_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks.helps.sets import read_sets
    from benchmarks.helps.variants import VARIANTS, Case, choose_again, decode_again

    def contrast(*given: Any) -> Any:
        return learn_contrast(*given[:-1], seed=0)

    # Drawn anew for teams of other sizes.
    monkeypatch.setattr("asot.model.learners.learn_contrast", contrast)
    (group,) = read_sets(["generated"])[0]["generated"]
    case = Case(group.features, group.n_actions, seed=0)
    pairs = [
        (case.default, decode_again(case)),
        (case.default, choose_again(case)),
        (case.fitted(team=1), VARIANTS["one-round"].segment(case)),
    ]
    for fitted, labels in pairs:
        np.testing.assert_array_equal(np.concatenate(fitted.labels_), np.concatenate(labels))


def test_a_choice_for_a_set_is_made_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks.helps.tables import left_out

    # The first set alone speaks for the first option.
    assert left_out(np.array([[9.0, 1.0], [1.0, 2.0], [4.0, 5.0]])).tolist() == [1, 0, 0]


def test_descendants_go_on_and_are_compared_on_what_both_have(tmp_path: Path) -> None:
    """A line that a killed run cut short is no cell; a seed that the first lacks does not count."""

    def line(name: str, method: str, seed: int, mof: float, seconds: float) -> str:
        cell = {"settings": "paper", "set": name, "method": method, "seed": seed}
        return json.dumps(cell | {"mof": mof, "miou": 0.5, "f1@25": 0.5, "cpu_seconds": seconds})

    path = tmp_path / "cells.jsonl"
    lines = [line("a", "paper", 0, 0.5, 1.0), line("a", "vasot", 0, 0.6, 3.0)]
    lines += [line("b", "paper", 0, 0.7, 1.0), line("b", "vasot", 0, 0.6, 3.0)]
    lines += [line("b", "vasot", 1, 0.9, 3.0), line("b", "paper", 1, 0.9, 1.0)[:-9]]
    path.write_text("\n".join(lines), encoding="utf-8")
    cells = read_cells(path)
    assert len(cells) == 5
    rows = "\n".join(tables(cells)).splitlines()
    assert rows[-1] == (
        "| vasot | 2 | 60.0 / 50.0 / 50.0 | +0.0 / +0.0 / +0.0 | 1 : 1 | 3.0 | +10.0 | -10.0 |"
    )


def test_ways_to_a_gradient_are_measured() -> None:
    from benchmarks.gradients import WAYS, differentiate

    for way in WAYS:
        assert differentiate(way, 40, 3)[1] >= 25
