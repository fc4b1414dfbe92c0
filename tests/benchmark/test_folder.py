"""The folder of a benchmark: what is written is read again, and other benchmarks are refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asot.benchmark.folder import BenchmarkFolder, Candidate, Cell, CellResult, Group
from asot.errors import ConfigurationError, DataError, FileError
from asot.model.recipe import Recipe
from asot.runs.run import TrainingPlan, plan_run
from tests.benchmark.conftest import EGG, TEA, scores

MakeRecipe = Callable[..., Recipe]
RESULT = CellResult(
    4, 3, 57, 1.25, [Candidate({"video": scores(0.3)}, 0.7, 1), Candidate({"video": scores(0.4)})]
)
PLAIN = json.loads(json.dumps(asdict(RESULT)))
CHANGES: list[dict[str, Any]] = [
    {"candidates": []},
    {"candidates": [{"scores": {"video": {"mof": 0.5}}}]},
    {"candidates": [{"scores": {"both": scores(0.5)}}]},
    {"n_actions": 0},
    {"n_frames": -1},
    {"matching": {"../x": 1}},
    {"matching": {"0": "stir"}},
]
LABELS = {"file": np.array([0, 1, 1]), "names": np.array([2]), "P1 Grüße 茶": np.array([0, 2])}


@pytest.fixture
def cell() -> Cell:
    return Cell("kmeans", TEA, 3)


def test_a_cell_is_read_as_it_was_written(folder: BenchmarkFolder, cell: Cell) -> None:
    assert not folder.finished(cell)
    result = replace(RESULT, matching={"0": 3, "-1": 0})
    folder.write(cell, result, LABELS)
    assert folder.finished(cell)
    assert folder.read(cell) == result
    assert folder.read(cell).scores == {"video": scores(0.4)}
    found = folder.labels(cell)
    assert list(found) == list(LABELS)
    for name, labels in LABELS.items():
        assert found[name].tolist() == labels.tolist()
    assert [one for one, _ in folder.cells()] == [cell]
    names = {path.name for path in folder.root.rglob("*") if path.is_file()}
    assert names == {"seed-3.json", "seed-3.npz"}, "nothing half-written is left"


NASTY = [
    "a/b",
    "..",
    ".",
    ".hidden",
    "a%2Fb",
    "a%b",
    "C:\\x",
    "100 %",
    "ä" * 100,
    "茶" * 80,
    "x[0]*",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    activities=st.lists(
        st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)
        | st.sampled_from(NASTY),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_activities_may_be_called_anything(tmp_path: Path, activities: list[str]) -> None:
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    folder = BenchmarkFolder(tmp_path / "out")
    cells = sorted(Cell("uniform", name, seed) for name in activities for seed in (0, 12))
    for cell in cells:
        folder.write(cell, RESULT, {"one": np.array([cell.seed])})
    assert [cell for cell, _ in folder.cells()] == cells
    assert all(folder.labels(cell)["one"].tolist() == [cell.seed] for cell in cells)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cells"]


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "[]", "null", '{"n_actions": 3}', '{"candidates": [{"epochs": 1}]}', "\udcff"),
        *(json.dumps({**PLAIN, **change}) for change in CHANGES),
    ],
)
def test_damaged_scores_are_one_sentence(folder: BenchmarkFolder, cell: Cell, damage: str) -> None:
    folder.write(cell, RESULT, LABELS)
    (path,) = folder.root.rglob("*.json")
    path.write_bytes(damage.encode("utf-8", "surrogateescape"))
    for read in (lambda: folder.read(cell), lambda: list(folder.cells())):
        with pytest.raises(FileError) as caught:
            read()
        assert caught.value.file == path
        assert str(caught.value).endswith(": remove it, to run the cell again.")


@pytest.mark.parametrize("kept", [0, 10, 200, -30, "labels", "version"])
def test_damaged_labels_are_one_sentence(
    folder: BenchmarkFolder, cell: Cell, kept: int | str
) -> None:
    folder.write(cell, RESULT, LABELS)
    (path,) = folder.root.rglob("*.npz")
    whole = path.read_bytes()
    # Cut short, or with a byte changed: in the middle of the compressed labels, or in the version
    # of the format in the table of contents.
    places = {"labels": whole.index(b"labels.npy") + 30, "version": whole.index(b"PK\1\2") + 6}
    if isinstance(kept, str):
        spoilt = bytearray(whole)
        spoilt[places[kept]] ^= 0xFF
        path.write_bytes(bytes(spoilt))
    else:
        path.write_bytes(whole[:kept])
    with pytest.raises(FileError) as caught:
        folder.labels(cell)
    assert caught.value.file == path
    assert "remove it and seed-3.json, to run the cell again." in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"names": np.array([1, 2, 3])},
        {"lengths": np.array([3, 1, 1])},
        {"lengths": np.array([3.5, 1.5, 1.0])},
        {"labels": np.zeros((6, 1), np.int32)},
        {"labels": np.zeros(6)},
        {"labels": np.array("a")},
    ],
)
def test_labels_of_another_form_are_one_sentence(
    folder: BenchmarkFolder, cell: Cell, change: dict[str, np.ndarray]
) -> None:
    folder.write(cell, RESULT, LABELS)
    (path,) = folder.root.rglob("*.npz")
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, **change})
    with pytest.raises(FileError) as caught:
        folder.labels(cell)
    assert caught.value.file == path


def test_what_begin_writes(folder: BenchmarkFolder, recipe: Recipe, plan: TrainingPlan) -> None:
    folder.begin(recipe, plan, True)
    described = folder.description()
    frames = {name: sum(len(one.features) for one in plan.activities[name]) for name in (TEA, EGG)}
    tea, egg = (described.activities[name] for name in (TEA, EGG))
    assert tea.files != egg.files
    assert described.activities == {
        TEA: Group(n_actions=3, recordings=2, frames=frames[TEA], labelled=2, files=tea.files),
        EGG: Group(n_actions=3, recordings=3, frames=frames[EGG], labelled=3, files=egg.files),
    }
    assert described.simulated is False
    assert described.recipe == recipe.to_dict()
    assert described.keep_epochs is True
    assert {"python", "asot", "torch", "numpy"} <= set(described.versions[-1])
    assert Recipe.from_dict(described.recipe) == recipe


def test_activities_may_be_added(folder: BenchmarkFolder, recipe: Recipe, data: Path) -> None:
    folder.begin(recipe, plan_run(recipe, data, [TEA]), False)
    folder.begin(recipe, plan_run(recipe, data, [EGG]), False)
    folder.begin(recipe, plan_run(recipe, data, [TEA]), False)
    assert set(folder.description().activities) == {TEA, EGG}


def test_another_benchmark_in_the_same_folder_is_refused(
    folder: BenchmarkFolder, make_recipe: MakeRecipe, make_data: Callable[..., Path], data: Path
) -> None:
    recipe = make_recipe()
    folder.begin(recipe, plan_run(recipe, data, ["each"]), False)
    before = (folder.root / "benchmark.json").read_bytes()
    other = make_data("other")
    shorter = make_data("shorter")
    path = next((shorter / "features" / TEA).iterdir())
    np.save(path, np.load(path)[:-1])
    truth = shorter / "groundTruth" / path.stem
    truth.write_text("".join(truth.read_text().splitlines(keepends=True)[:-1]))
    attempts: dict[str, tuple[Any, ...]] = {
        "recipe.training.epochs was 2, now 3": (make_recipe(training={"epochs": 3}), data, False),
        "keep_epochs was False, now True": (recipe, data, True),
        f"data was '{data}', now '{other}'": (recipe, other, False),
    }
    for difference, (changed, place, keep_epochs) in attempts.items():
        with pytest.raises(ConfigurationError) as caught:
            folder.begin(changed, plan_run(changed, place, ["each"]), keep_epochs)
        assert str(caught.value) == (
            f"{folder.root} holds another benchmark ({difference}): choose another --out, or "
            "remove it."
        )
    features = next((data / "features" / TEA).iterdir())
    os.utime(features, ns=(0, 0))
    with pytest.raises(ConfigurationError, match=r"the files of .* have changed since"):
        folder.begin(recipe, plan_run(recipe, data, ["each"]), False)
    shutil.rmtree(data)
    shorter.rename(data)
    with pytest.raises(ConfigurationError) as caught:
        folder.begin(recipe, plan_run(recipe, data, ["each"]), False)
    assert "have changed since" in str(caught.value)
    with pytest.raises(ConfigurationError, match="a mean would count recordings twice"):
        folder.begin(recipe, plan_run(recipe, data), False)
    assert (folder.root / "benchmark.json").read_bytes() == before


def test_a_benchmark_of_the_earlier_form_is_not_misread(
    folder: BenchmarkFolder, recipe: Recipe, plan: TrainingPlan
) -> None:
    """Its cells of "asot" were a team's or a network's, those of "cte" a decoding alone."""
    folder.begin(recipe, plan, False)
    folder.write(Cell("cte", TEA, 0), RESULT, LABELS)
    path = folder.root / "benchmark.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    del described["form"]
    path.write_text(json.dumps(described))
    for step in (folder.description, lambda: folder.begin(recipe, plan, False)):
        with pytest.raises(FileError) as caught:
            step()
        assert str(caught.value) == (
            f"{path}: is of the form 1, in which methods had other names, not 2: run the benchmark "
            "again, into another folder."
        )
    assert json.loads(path.read_text(encoding="utf-8")) == described


@pytest.mark.parametrize("mark, kind", [("features", "a data set"), ("run.json", "a run")])
def test_a_folder_of_something_else_is_refused(
    tmp_path: Path, recipe: Recipe, plan: TrainingPlan, mark: str, kind: str
) -> None:
    (tmp_path / "taken" / mark).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=f"taken is {kind}: choose another --out"):
        BenchmarkFolder(tmp_path / "taken").begin(recipe, plan, False)
    assert [path.name for path in (tmp_path / "taken").iterdir()] == [mark]


def test_what_is_no_benchmark_is_named(tmp_path: Path, folder: BenchmarkFolder) -> None:
    (tmp_path / "file").touch()
    for place in ("nothing", "file"):
        with pytest.raises(
            DataError, match=rf"{place}: is not a benchmark: it lacks benchmark\.js"
        ):
            BenchmarkFolder(tmp_path / place).description()


@pytest.mark.parametrize(
    "change",
    [
        *(None, {"recipe": {"encoder": 3}}, {"recipe": 3}, {"activities": []}),
        *({"activities": {TEA: {}}}, {"versions": []}, {"simulated": "no"}, {"machine": None}),
    ],
)
def test_a_description_that_does_not_fit_is_one_sentence(
    folder: BenchmarkFolder, recipe: Recipe, plan: TrainingPlan, change: dict[str, Any] | None
) -> None:
    folder.begin(recipe, plan, False)
    path = folder.root / "benchmark.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    for text in ("{", "[]", "{}") if change is None else (json.dumps({**known, **change}),):
        path.write_text(text)
        with pytest.raises(FileError) as caught:
            folder.description()
        assert caught.value.file == path
