"""Small data sets, a small recipe, and cells that are written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.benchmark import runner
from asot.benchmark.folder import BenchmarkFolder, Candidate, Cell, CellResult
from asot.data import Recordings, write_dataset
from asot.metrics import SCORE_TITLES
from asot.model.recipe import Recipe
from asot.runs.run import TrainingPlan, plan_run
from asot.simulation import make_recordings
from asot.workers import ENGINES

NAMES = {0: "take cup", 1: "pour tea", 2: "stir"}
TEA, EGG = "green tea", "Rührei 茶"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, so that no test writes to the user's."""
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def make_data(tmp_path: Path, seed: int) -> Callable[..., Path]:
    """Writes recordings of three actions; by default of two activities, with odd names."""

    def make(
        name: str = "data",
        names: Sequence[str] = ("file", "names", "P1 Grüße", "P2 茶", "labels"),
        activities: Sequence[str] | None = (TEA, TEA, EGG, EGG, EGG),
        unlabelled: Sequence[str] = (),
    ) -> Path:
        toys = make_recordings(len(names), 3, (30, 90), width=5, random_state=seed)
        recordings = Recordings.from_arrays(
            [one.features for one in toys],
            names=names,
            ground_truth=[
                None if name in unlabelled else one.ground_truth
                for name, one in zip(names, toys, strict=True)
            ],
            activities=activities,
        )
        return write_dataset(recordings, tmp_path / name, NAMES)

    return make


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """A single network that trains in a moment; each argument replaces one of its groups."""

    def make(**groups: Any) -> Recipe:
        small: dict[str, Any] = {
            **{"n_actions": 3, "team": 0, "order_prior": 0.15},
            **{"transport_train": {"radius": 0.04}, "transport_eval": {"radius": 0.04}},
            "encoder": {"hidden": [8], "width": 6},
            "training": {
                **{"epochs": 2, "frames_per_recording": 32, "kmeans_restarts": 2},
                "validate_every": 1,
            },
        }
        for name, value in groups.items():
            is_group = isinstance(value, dict) and name != "n_actions"
            small[name] = {**small.get(name, {}), **value} if is_group else value
        return Recipe.from_dict(small)

    return make


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe()


@pytest.fixture
def data(make_data: Callable[..., Path]) -> Path:
    return make_data()


@pytest.fixture
def plan(recipe: Recipe, data: Path) -> TrainingPlan:
    """Both activities of ``data``."""
    return plan_run(recipe, data, ["each"])


@pytest.fixture
def folder(tmp_path: Path) -> BenchmarkFolder:
    return BenchmarkFolder(tmp_path / "out")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """Cells are run in this process, which costs no imports; holds those that were."""
    cells: list[Cell] = []

    def run_here(function: Any, jobs: Sequence[Any], count: int, told: Any) -> Iterator[Any]:
        runner._dataset.cache_clear()
        for job in jobs:
            if function is runner.run_cell:
                cells.append(job.cell)
            yield job, function(job)

    monkeypatch.setitem(ENGINES, "processes", run_here)
    return cells


def scores(mof: float, **others: float) -> dict[str, float]:
    """Every score: ``mof``, and half of it for those that are not given."""
    return {**dict.fromkeys(SCORE_TITLES, mof / 2), "mof": mof, **others}


Write = Callable[..., None]


@pytest.fixture
def write(folder: BenchmarkFolder, recipe: Recipe, data: Path) -> Write:
    """Writes a cell by hand; the benchmark is of the two activities of ``data``."""
    folder.begin(recipe, plan_run(recipe, data, ["each"]), False)

    def write(
        method: str,
        activity: str,
        seed: int,
        mof: float | Sequence[float],
        *,
        objective: float | Sequence[float | None] | None = None,
        video: float | None = None,
        shared: bool = True,
        n_frames: int = 10,
        labels: Sequence[int] = (0,),
    ) -> None:
        mofs = [mof] if isinstance(mof, (int, float)) else list(mof)
        several = isinstance(objective, (list, tuple))
        objectives: Any = objective if several else [objective] * len(mofs)
        candidates = []
        for epoch, (one, score) in enumerate(zip(mofs, objectives, strict=True), start=1):
            found = {"activity": scores(one)} if shared else {}
            found["video"] = scores(one if video is None else video)
            candidates.append(Candidate(found, score, epoch if len(mofs) > 1 else None))
        result = CellResult(3, 1, n_frames, 0.5, candidates, {"0": 2})
        folder.write(Cell(method, activity, seed), result, {"file": np.array(labels)})

    return write
