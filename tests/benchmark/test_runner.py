"""Running cells: each once, whatever happens to the others, and scored as ``evaluate`` does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.benchmark.folder import BenchmarkFolder, Cell, Failure
from asot.benchmark.methods import find_method
from asot.benchmark.runner import plan_cells, run_benchmark
from asot.errors import DataError
from asot.metrics import evaluate
from asot.model.recipe import Recipe
from asot.runs.run import TrainingPlan, plan_run
from tests.benchmark.conftest import EGG, TEA

MakeData = Callable[..., Path]
MakeRecipe = Callable[..., Recipe]
CHEAP = ["uniform", "twfinch", "kmeans"]


def contents(folder: BenchmarkFolder) -> dict[str, Any]:
    """What the cells hold, but for the seconds that they took."""
    found: dict[str, Any] = {}
    for path in sorted((folder.root / "cells").rglob("seed-*")):
        name = str(path.relative_to(folder.root))
        found[name] = path.read_bytes()
        if path.suffix == ".json":
            found[name] = json.loads(found[name])
            assert found[name].pop("seconds") >= 0
    return found


def stamps(folder: BenchmarkFolder) -> dict[Path, tuple[int, int]]:
    found = (folder.root / "cells").rglob("seed-*")
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_the_cells_of_a_benchmark(plan: TrainingPlan) -> None:
    cells = plan_cells(plan, ["uniform", "kmeans", "twfinch", "paper"], [4, 5])
    frames = {
        name: sum(len(one.features) for one in plan.activities[name]) for name in plan.activities
    }
    order = sorted(frames, key=lambda name: -frames[name])
    assert cells == [
        Cell(method, activity, seed)
        for activity in order
        for method, seed in [
            *[("uniform", 0), ("kmeans", 4), ("kmeans", 5), ("twfinch", 0)],
            *[("paper", 4), ("paper", 5)],
        ]
    ]


def test_scores_are_those_of_evaluate(
    here: list[Cell], recipe: Recipe, plan: TrainingPlan, folder: BenchmarkFolder
) -> None:
    cells = plan_cells(plan, [*CHEAP, "paper"], [0, 1])
    assert run_benchmark(recipe, plan, folder, cells) == []
    assert here == cells
    assert sorted(cell for cell, _ in folder.cells()) == sorted(cells)
    for cell, result in folder.cells():
        recordings = plan.activities[cell.activity]
        labels = folder.labels(cell)
        assert list(labels) == list(recordings.names)
        assert [len(one) for one in labels.values()] == [one.n_frames for one in recordings]
        scopes = ["video"] if cell.method == "twfinch" else ["activity", "video"]
        assert list(result.scores) == scopes
        for scope in scopes:
            sequences = list(labels.values()), recordings.ground_truth
            found = evaluate(*sequences, matching=scope, n_actions=3)
            assert result.scores[scope] == dict(found)
            assert result.n_frames == found.n_frames
            if scope == "activity":
                assert result.matching == found.to_dict()["matching"]
        assert (result.n_actions, result.n_recordings) == (3, len(recordings))


def test_finished_cells_are_not_run_again(
    here: list[Cell], recipe: Recipe, plan: TrainingPlan, folder: BenchmarkFolder
) -> None:
    cells = plan_cells(plan, CHEAP, [0])
    heard: list[tuple[object, ...]] = []
    run_benchmark(recipe, plan, folder, cells[:2], progress=lambda *told: heard.append(told))
    assert heard == [("Cells", done, 2, str(cells[done - 1])) for done in (1, 2)]
    before = stamps(folder)
    del here[:]
    more = plan_cells(plan, [*CHEAP, "hmm"], [0, 1])
    run_benchmark(recipe, plan, folder, more)
    assert sorted(here) == sorted(set(more) - set(cells[:2]))
    assert {path: stamp for path, stamp in stamps(folder).items() if path in before} == before
    del here[:]
    run_benchmark(recipe, plan, folder, more)
    assert here == []


def test_labels_without_scores_are_no_finished_cell(
    here: list[Cell], recipe: Recipe, plan: TrainingPlan, folder: BenchmarkFolder
) -> None:
    cells = plan_cells(plan, ["kmeans"], [0, 1])
    run_benchmark(recipe, plan, folder, cells)
    whole = contents(folder)
    for path in folder.root.rglob("seed-1.json"):
        path.unlink()
    del here[:]
    run_benchmark(recipe, plan, folder, cells)
    assert [cell.seed for cell in here] == [1, 1]
    assert contents(folder) == whole


def test_a_failure_is_told_and_run_again(
    here: list[Cell], recipe: Recipe, plan: TrainingPlan, folder: BenchmarkFolder
) -> None:
    cells = plan_cells(plan, ["uniform", "kmeans"], [0, 1])
    spoilt = Path(plan.source.root) / "features" / EGG / "P2 茶.npy"
    features = np.load(spoilt)
    np.save(spoilt, np.full_like(features, np.nan))
    times = spoilt.stat()
    blocked = folder.root / "cells" / "kmeans" / TEA
    blocked.parent.mkdir(parents=True)
    blocked.touch()  # a file where a folder must be
    failures = run_benchmark(recipe, plan, folder, cells)
    assert {one.cell for one in failures} == {
        *(cell for cell in cells if cell.activity == EGG),
        *(cell for cell in cells if cell.method == "kmeans"),
    }
    for one in failures:
        expected = f"{spoilt}: " if one.cell.activity == EGG else "FileExistsError: "
        assert expected in one.reason
        assert "\n" not in one.reason
    assert [cell for cell, _ in folder.cells()] == [Cell("uniform", TEA, 0)]
    np.save(spoilt, features)
    os.utime(spoilt, ns=(times.st_atime_ns, times.st_mtime_ns))
    blocked.unlink()
    del here[:]
    assert run_benchmark(recipe, plan, folder, cells) == []
    assert sorted(here) == sorted(one.cell for one in failures)
    assert sorted(cell for cell, _ in folder.cells()) == sorted(cells)


def test_a_process_that_cannot_begin_fails_its_cells(
    recipe: Recipe, plan: TrainingPlan, folder: BenchmarkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asot.processes import Died
    from asot.workers import ENGINES

    def all_die(function: Any, jobs: Any, count: int, told: Any) -> Any:
        return ((job, Died(-9)) for job in jobs)

    monkeypatch.setitem(ENGINES, "processes", all_die)
    cells = plan_cells(plan, ["uniform"], [0])
    reason = "its process was killed by signal 9, perhaps for lack of memory"
    assert run_benchmark(recipe, plan, folder, cells) == [Failure(cell, reason) for cell in cells]


def test_recordings_without_ground_truth_are_segmented_but_not_scored(
    here: list[Cell], recipe: Recipe, make_data: MakeData, folder: BenchmarkFolder
) -> None:
    plan = plan_run(recipe, make_data(unlabelled=["P1 Grüße"]), [EGG])
    run_benchmark(recipe, plan, folder, plan_cells(plan, ["kmeans"], [0]))
    ((cell, result),) = folder.cells()
    labels = folder.labels(cell)
    scored = [one for one in plan.activities[EGG] if one.labelled]
    assert set(labels) - {one.name for one in scored} == {"P1 Grüße"}
    expected = evaluate([labels[one.name] for one in scored], [one.ground_truth for one in scored])
    assert result.scores["activity"] == dict(expected)
    assert (result.n_recordings, result.n_frames) == (2, expected.n_frames)


def test_an_activity_without_ground_truth_is_refused(recipe: Recipe, make_data: MakeData) -> None:
    plan = plan_run(recipe, make_data(unlabelled=["file", "names"]), ["each"])
    with pytest.raises(DataError, match=f"has no ground truth for {TEA}, and a benchmark"):
        plan_cells(plan, ["uniform"], [0])


def test_excluded_classes(
    here: list[Cell], make_recipe: MakeRecipe, data: Path, folder: BenchmarkFolder
) -> None:
    recipe = make_recipe(dataset={"exclude": [1]})
    plan = plan_run(recipe, data, [TEA])
    run_benchmark(recipe, plan, folder, plan_cells(plan, ["kmeans"], [0]))
    ((cell, result),) = folder.cells()
    truth = plan.activities[TEA].ground_truth
    for scope in ("activity", "video"):
        labels = list(folder.labels(cell).values())
        expected = evaluate(labels, truth, matching=scope, exclude=[1], n_actions=3)
        assert result.scores[scope] == dict(expected)
    kept = sum(int((np.asarray(one) != 1).sum()) for one in truth)
    assert result.n_frames == kept < sum(map(len, truth))


def test_without_activities_there_is_one_for_all(
    here: list[Cell], recipe: Recipe, make_data: MakeData, folder: BenchmarkFolder
) -> None:
    plan = plan_run(recipe, make_data(activities=None))
    run_benchmark(recipe, plan, folder, plan_cells(plan, ["uniform"], [0]))
    ((cell, result),) = folder.cells()
    assert (cell.activity, result.n_recordings) == ("all", 5)


def test_an_activity_may_be_called_all(
    here: list[Cell], recipe: Recipe, make_data: MakeData, tmp_path: Path
) -> None:
    data = make_data(activities=("all", "all", EGG, EGG, EGG))
    counts = {}
    for activities in (None, ["each"]):
        plan = plan_run(recipe, data, activities)
        folder = BenchmarkFolder(tmp_path / f"out {activities}")
        run_benchmark(recipe, plan, folder, plan_cells(plan, ["uniform"], [0]))
        counts[str(activities)] = {
            cell.activity: (result.n_recordings, len(folder.labels(cell)))
            for cell, result in folder.cells()
        }
    assert counts == {"None": {"all": (5, 5)}, "['each']": {"all": (2, 2), EGG: (3, 3)}}


def test_epochs_that_are_kept(
    here: list[Cell], make_recipe: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(training={"epochs": 5, "validate_every": 2})
    plan = plan_run(recipe, data, [TEA])
    cells = plan_cells(plan, ["paper", "sela", "kmeans"], [0])
    folders = {keep: BenchmarkFolder(tmp_path / f"out {keep}") for keep in (False, True)}
    for keep, folder in folders.items():
        assert run_benchmark(recipe, plan, folder, cells, keep_epochs=keep) == []
    for cell in cells:
        plain, kept = (folders[keep].read(cell) for keep in (False, True))
        trained = cell.method != "kmeans"
        assert [one.epoch for one in kept.candidates] == ([2, 4, 5] if trained else [None])
        assert [one.epoch for one in plain.candidates] == [None]
        assert kept.scores == plain.scores
        assert kept.candidates[-1].objective == plain.candidates[-1].objective
        assert all(isinstance(one.objective, float) for one in kept.candidates)
        labels = [folders[keep].labels(cell) for keep in (False, True)]
        assert all(np.array_equal(labels[0][name], labels[1][name]) for name in labels[0])
        shorter = make_recipe(training={"epochs": 2, "validate_every": 2})
        if trained:
            estimator = find_method(cell.method).make(shorter, 3, 0, False)
            found = estimator.fit_predict(plan.activities[TEA].features)
            expected = evaluate(found, plan.activities[TEA].ground_truth)
            assert kept.candidates[0].scores["activity"] == dict(expected)
