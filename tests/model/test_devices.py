"""Training on several devices: threads in their place, and processes of the CPU."""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from asot.data import Recordings, write_dataset
from asot.errors import UnfinishedError
from asot.model import devices, training
from asot.model.checkpoint import load_model
from asot.model.devices import Devices, count_started, find_devices, is_main_process
from asot.model.features import Batch, Batches, PreparedFeatures
from asot.model.loggers import make_logger
from asot.model.network import ActionModel, loss_and_gradients
from asot.model.parts import Epoch, ForwardPass, Parts
from asot.model.recipe import Recipe, load_recipe
from asot.runs.run import Run, recipe_yaml
from asot.runs.train import train_run
from asot.simulation import make_recordings

CPU = torch.device("cpu")


@dataclass
class Table:
    """Where threads that stand for devices meet."""

    count: int
    given: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meeting = threading.Barrier(self.count, timeout=60)

    def exchange(self, rank: int, own: Any) -> list[Any]:
        self.given[rank] = own
        self.meeting.wait()
        found = [self.given[one] for one in range(self.count)]
        self.meeting.wait()
        return found


class Seat(Devices):
    """A device that is a thread."""

    table: Table

    def add(self, values: list[Tensor]) -> list[Tensor]:
        parts = self.table.exchange(self.rank, values)
        return [torch.stack(each).sum(dim=0) for each in zip(*parts, strict=True)]

    def join(self, own: dict[Any, Any]) -> dict[Any, Any]:
        parts = self.table.exchange(self.rank, own)
        return {name: value for part in parts for name, value in part.items()}

    def from_first(self, make: Callable[[], Any]) -> Any:
        made = self.table.exchange(self.rank, make() if self.rank == 0 else None)
        return copy.deepcopy(made[0])


def beside(count: int, work: Callable[[Devices], Any]) -> list[Any]:
    """Do the same on several devices, and return what each has."""
    table = Table(count)
    seats = [Seat(CPU, rank, count) for rank in range(count)]
    for one in seats:
        object.__setattr__(one, "table", table)

    def sit(one: Devices) -> Any:
        try:
            return work(one)
        except BaseException:
            table.meeting.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(sit, seats))


def weights(model: ActionModel) -> list[np.ndarray]:
    return [one.detach().numpy() for one in model.parameters()]


def assert_close(one: ActionModel, two: ActionModel, atol: float = 1e-4) -> None:
    for first, second in zip(weights(one), weights(two), strict=True):
        np.testing.assert_allclose(first, second, atol=atol)


@pytest.fixture
def learn(recordings: Recordings, recipe: Recipe, seed: int) -> Callable[..., ActionModel]:
    def learn(place: Devices, recipe: Recipe = recipe, **options: Any) -> ActionModel:
        features = PreparedFeatures(recordings.features, True)
        return training.train(features, recipe, 3, seed, place, **options)

    return learn


def alone() -> Devices:
    return Devices(CPU)


@pytest.mark.parametrize("count", [2, 3])
def test_the_shares_of_a_batch_make_its_gradient(
    make_recipe: Callable[..., Recipe], recordings: Recordings, seed: int, count: int
) -> None:
    features = PreparedFeatures(recordings.features, True)
    model = training.draw_model(make_recipe(), 5, 3, seed)
    sizes = 32, 4, seed
    for number, whole in enumerate(Batches(features, *sizes).epoch(0)):

        def step(place: Devices, number: int = number) -> Any:
            shares: list[Batch] = list(Batches(features, *sizes, place.rank, count).epoch(0))
            own = training._on_device(copy.deepcopy(model), shares[number], features, place)
            return training._shared_step(own, place)

        loss, gradients = loss_and_gradients(
            model, ForwardPass.of(model, whole.features, whole.lengths)
        )
        for found, parts, n_frames in beside(count, step):
            torch.testing.assert_close(found, loss)
            torch.testing.assert_close(parts, gradients, rtol=1e-4, atol=1e-6)
            assert int(n_frames) == int(whole.lengths.sum())


@pytest.mark.parametrize("count", [2, 3])
def test_several_devices_train_what_one_does(
    learn: Callable[..., ActionModel], recordings: Recordings, tmp_path: Path, count: int
) -> None:
    def logged(place: Devices) -> ActionModel:
        folder = tmp_path / str(place.count)
        return learn(
            place,
            make_log=lambda: make_logger("csv", folder, ""),
            validate=True,
            ground_truth=recordings.ground_truth,
        )

    expected = logged(alone())
    found = beside(count, logged)
    for one in found:
        assert_close(one, expected)
        for first, second in zip(weights(one), weights(found[0]), strict=True):
            np.testing.assert_array_equal(first, second)
    tables = [np.genfromtxt(tmp_path / f"{n}/metrics.csv", delimiter=",")[1:] for n in (1, count)]
    np.testing.assert_allclose(*tables, atol=1e-3)


def test_a_training_goes_on_with_any_number_of_devices(
    learn: Callable[..., ActionModel], tmp_path: Path
) -> None:
    class StoppedError(Exception):
        pass

    def stop(epoch: Epoch) -> None:
        if epoch.done in (1, 3):
            raise StoppedError

    expected, path, stopping = learn(alone()), tmp_path / "one.ckpt", Parts(callbacks=[stop])
    with pytest.raises(StoppedError):
        learn(alone(), checkpoint=path, parts=stopping)
    with pytest.raises(StoppedError):
        beside(2, lambda one: learn(one, checkpoint=path, parts=None if one.rank else stopping))
    for one in beside(3, lambda place: learn(place, checkpoint=path)):
        assert_close(one, expected)


def test_steps_are_shared_where_they_take_longer_than_an_exchange(
    make_recipe: Callable[..., Recipe],
) -> None:
    many = {"frames_per_recording": 1000, "batch_size": 8}
    large, small = make_recipe(training=many, encoder={"hidden": [512]}), make_recipe()
    assert training.is_worth_sharing(large, 1280)
    assert not training.is_worth_sharing(small, 1280)
    large.training.batch_size = 1
    assert not training.is_worth_sharing(large, 1280)
    large = make_recipe(training=many, transport_train={"mode": "parity", "radius": 0.1})
    assert not training.is_worth_sharing(large, 1280)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what torchrun or srun tell a process."""
    for name in list(os.environ):
        if name.startswith("SLURM_") or name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
            monkeypatch.delenv(name)

    def tell(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return tell


def test_the_first_process_writes_the_results(told: Callable[..., None]) -> None:
    assert (is_main_process(), count_started()) == (True, 1)
    told(SLURM_PROCID=2)  # a batch script, without srun
    assert (is_main_process(), count_started()) == (True, 1)
    told(SLURM_STEP_NUM_TASKS=4, SLURM_LOCALID=0)
    assert (is_main_process(), count_started()) == (False, 4)
    told(RANK=0, WORLD_SIZE=3, LOCAL_RANK=0)
    assert (is_main_process(), count_started()) == (True, 3)


def test_a_process_that_nobody_joins_says_so(
    told: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told(RANK=0, WORLD_SIZE=2, LOCAL_RANK=0, MASTER_PORT=port)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setattr(devices, "JOINING", timedelta(seconds=0.3))
    with pytest.raises(UnfinishedError, match="Not all of the 2 processes of this training met"):
        find_devices("cpu", 2)


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is this machine on Linux alone")
def test_processes_of_one_machine_meet_where_no_other_comes(
    told: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(count: int, store: Any) -> None:
        socket.create_connection((devices.HERE, store.port), 10).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", store.port), 10)
        raise UnfinishedError("Seen.")

    monkeypatch.setattr(devices, "_start_others", look)
    with pytest.raises(UnfinishedError, match="Seen"):
        find_devices("cpu", 2)


SCRIPT = """
import sys
from pathlib import Path

from asot.model import training
from asot.model.devices import is_main_process
from asot.model.recipe import load_recipe
from asot.runs.predictions import PredictionFolder
from asot.runs.train import train_run

data, out = map(Path, sys.argv[1:])
rank = 0 if is_main_process() else 1


def write(self, name, *arrays):
    assert rank == 0, "both processes write"
    write_one(self, name, *arrays)


write_one, PredictionFolder.write = PredictionFolder.write, write
training.WORTH_SHARING = 0
run = train_run(load_recipe(str(data / "recipe.yaml")), data, out, seed=3, device="cpu", devices=2)
assert (run is None) == (rank == 1)
(out.parent / f"ended-{rank}").touch()
"""


@pytest.fixture
def data(make_recipe: Callable[..., Recipe], seed: int, tmp_path: Path) -> Path:
    """Five recordings of one activity, and one of another: fewer than devices."""
    tea = make_recordings(5, 3, (20, 80), width=5, random_state=seed)
    cup = make_recordings(1, 3, (50, 60), width=5, random_state=seed)
    everything = [*tea, *cup]
    recordings = Recordings.from_arrays(
        [one.features for one in everything],
        ground_truth=[one.ground_truth for one in everything],
        activities=["tea"] * 5 + ["one cup"],
    )
    folder = write_dataset(recordings, tmp_path / "data", {0: "a", 1: "b", 2: "c"})
    recipe = make_recipe(n_actions={"tea": 3, "one cup": 2}, training={"epochs": 2})
    (folder / "recipe.yaml").write_text(recipe_yaml(recipe))
    return folder


def start(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    outer = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    kept = {name: value for name, value in os.environ.items() if name not in outer}
    environment = {**kept, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, **options
    )


def test_two_processes_train_the_run_of_one(data: Path, tmp_path: Path) -> None:
    script, out = tmp_path / "train.py", tmp_path / "run"
    script.write_text(SCRIPT)
    done = start(script, data, out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "ended-0").exists()
    assert (tmp_path / "ended-1").exists()
    expected = train_run(
        load_recipe(str(data / "recipe.yaml")), data, tmp_path / "alone", seed=3, device="cpu"
    )
    assert_one_run(Run(out), expected)


def assert_one_run(run: Run, expected: Run | None) -> None:
    assert expected is not None
    assert run.models() == expected.models() == ["one cup", "tea"]
    for name in run.models():
        models = load_model(run.checkpoint(name)), load_model(expected.checkpoint(name))
        assert_close(*models)  # type: ignore[arg-type]
    names = list(expected.predictions.models())
    for name in names:
        labels = run.predictions.labels(name)
        # Rounding may decide a frame between two actions.
        assert np.mean(labels != expected.predictions.labels(name)) < 0.03
    assert not [path for path in run.root.rglob("*") if path.name.startswith(".")]
