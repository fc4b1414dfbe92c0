"""Altered files of a benchmark: each ends in a sentence, or changes what is shown and no more."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from asot.benchmark.folder import BenchmarkFolder
from asot.benchmark.report import collect, draw_timelines, write_results
from asot.benchmark.runner import plan_cells, run_benchmark
from asot.errors import AsotError
from asot.model.recipe import Recipe
from asot.runs.run import TrainingPlan
from tests.benchmark.conftest import TEA

VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, 1e300, "", "..", "/etc", [], {}, [None], {"a": 1}, "x" * 999),
]


def altered(values: Any, rng: random.Random) -> Any:
    """Change, drop or add one value somewhere inside."""
    inside = isinstance(values, dict | list) and len(values) > 0
    if not inside or rng.random() < 0.15:
        return rng.choice(VALUES)
    places = list(values) if isinstance(values, dict) else range(len(values))
    place = rng.choice(list(places))
    changed = values.copy()
    if rng.random() < 0.2:
        del changed[place]
    elif rng.random() < 0.1 and isinstance(changed, dict):
        changed[rng.choice(["..", "new", "99"])] = rng.choice(VALUES)
    else:
        changed[place] = altered(changed[place], rng)
    return changed


def spoilt(content: bytes, rng: random.Random) -> bytes:
    spot = rng.randrange(len(content))
    kept = content[:spot]
    return kept if rng.random() < 0.5 else kept + rng.randbytes(3) + content[spot + 3 :]


def test_altered_files_end_in_sentences(
    here: object,
    recipe: Recipe,
    plan: TrainingPlan,
    folder: BenchmarkFolder,
    seed: int,
    tmp_path: Path,
) -> None:
    cells = plan_cells(plan, ["kmeans", "twfinch", "uniform"], [0, 1, 2])
    assert run_benchmark(recipe, plan, folder, cells) == []
    files = [path for path in folder.root.rglob("*.*") if path.suffix in (".json", ".npz")]
    outside = {path for path in tmp_path.rglob("*") if not path.is_relative_to(folder.root)}
    rng = random.Random(seed)
    sentences = []
    for trial in range(30):
        path = rng.choice([folder.root / "benchmark.json", *files])
        before = path.read_bytes()
        if path.suffix == ".json" and rng.random() < 0.9:
            path.write_text(json.dumps(altered(json.loads(before), rng)), encoding="utf-8")
        else:
            path.write_bytes(spoilt(before, rng))
        steps: list[Callable[[], object]] = [
            lambda: write_results(collect(folder, ["objective", "agreement", "oracle"]), folder),
            lambda: folder.begin(recipe, plan, False),
        ]
        # Drawing takes a second.
        for step in [*steps, lambda: draw_timelines(folder, plan, 1)] if trial < 3 else steps:
            try:
                step()
            except AsotError as error:
                sentences.append(str(error))
        path.write_bytes(before)
    assert not [one for one in sentences if "\n" in one]
    assert {p for p in tmp_path.rglob("*") if not p.is_relative_to(folder.root)} == outside
    assert all(np.isfinite(one.scores["mof"]) for one in collect(folder).rows)
    assert TEA in collect(folder).activities
