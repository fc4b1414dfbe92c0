"""Training on two processes of the CPU, as a script that starts itself again does."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from asot.data import Recordings, write_dataset
from asot.model.checkpoint import load_model
from asot.runs.run import Run
from asot.simulation import make_recordings

SCRIPT = """
import sys
from pathlib import Path

from asot.model.features import Batches
from asot.model.recipe import Recipe
from asot.runs.predictions import PredictionFolder
from asot.runs.train import train_run
from asot.model.devices import is_main_process

data, out = map(Path, sys.argv[1:])
take = Batches.frames
rank = 0 if is_main_process() else 1


def watched(self, index, length, epoch):
    with (out.parent / f"seen-{rank}").open("a") as stream:
        stream.write(f"{len(self.features)} {-1 if epoch is None else epoch} {index}\\n")
    return take(self, index, length, epoch)


def write(self, name, *arrays):
    assert rank == 0, "both processes write"
    write_one(self, name, *arrays)


write_one, PredictionFolder.write = PredictionFolder.write, write
Batches.frames = watched
recipe = Recipe.from_dict({
    **{"n_actions": {"tea": 3, "one cup": 2}, "team": 0, "order_prior": 0.15},
    **{"transport_train": {"radius": 0.04}, "transport_eval": {"radius": 0.04}},
    "encoder": {"hidden": [8], "width": 6},
    "training": {"epochs": 2, "frames_per_recording": 32, "kmeans_restarts": 2},
})
run = train_run(recipe, data, out, seed=3, device="cpu", devices=2)
assert (run is None) == (rank == 1) == (not is_main_process())
(out.parent / f"ended-{rank}").touch()
"""


@pytest.fixture
def data(seed: int, tmp_path: Path) -> Path:
    """Five recordings of one activity, and one of another: fewer than devices."""
    tea = make_recordings(5, 3, (20, 80), width=5, random_state=seed)
    cup = make_recordings(1, 3, (50, 60), width=5, random_state=seed)
    everything = [*tea, *cup]
    recordings = Recordings.from_arrays(
        [one.features for one in everything],
        ground_truth=[one.ground_truth for one in everything],
        activities=["tea"] * 5 + ["one cup"],
    )
    return write_dataset(recordings, tmp_path / "data", {0: "a", 1: "b", 2: "c"})


def test_two_devices_train_one_run(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    out = tmp_path / "run"
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    }
    done = subprocess.run(
        [sys.executable, str(script), str(data), str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "ended-0").exists()
    assert (tmp_path / "ended-1").exists()

    seen = [
        [tuple(map(int, line.split())) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("seen-0", "seen-1")
    ]
    for epoch in (0, 1):
        shares = [[i for size, e, i in one if (size, e) == (5, epoch)] for one in seen]
        assert [len(share) for share in shares] == [3, 3]
        assert {i for share in shares for i in share} == set(range(5))

    run = Run(out)
    assert run.models() == ["one cup", "tea"]
    for name in run.models():
        model = load_model(run.checkpoint(name))
        assert all(bool(torch.isfinite(one).all()) for one in model.parameters())
        with (out / "logs" / name / "metrics.csv").open() as stream:
            losses = [
                float(row["train_loss"]) for row in csv.DictReader(stream) if row["train_loss"]
            ]
        assert len(losses) == 2
        assert np.isfinite(losses).all()
    folder = run.predictions
    names = list(folder.models())
    assert len(names) == 6
    assert all(len(folder.labels(name)) == len(folder.assignment(name)) for name in names)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
