"""Training and prediction on data that are simulated for it, and where a step's time goes."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from asot import solve
from asot.data import DatasetFolder
from asot.model import network, training
from asot.model.features import Batches, PreparedFeatures
from asot.model.network import ActionModel, decode
from asot.model.parts import Parts
from asot.model.recipe import Recipe, load_recipe
from asot.simulation import LabelModel, load_preset, write_simulation
from asot.transport.cpu.solver import is_installed

N_ACTIONS = 8
BACKENDS = ("cpu", "torch") if is_installed() else ("torch",)


def measure_training(quick: bool) -> dict[str, Any]:
    """Throughput with each backend, on one activity in the manner of Breakfast.

    84 recordings of 2000 frames on average, 64 numbers a frame, 8 actions, in memory-mapped files;
    the recipe of Breakfast: batches of 2 recordings, 256 frames each.
    """
    n_recordings, mean_length, epochs = (4, 300, 2) if quick else (84, 2000, 6)
    recipe = load_recipe("breakfast")
    recipe = replace(recipe, training=replace(recipe.training, epochs=epochs))
    with tempfile.TemporaryDirectory() as folder:
        labels = LabelModel(n_recordings, N_ACTIONS, mean_length)
        root = Path(folder) / "simulated"
        write_simulation(labels.draw(), load_preset("breakfast").model, root)
        recordings = DatasetFolder(root).recordings()
        features = [one.features for one in recordings]
        n_frames = sum(one.n_frames for one in recordings)
        return {
            "data": f"{n_recordings} recordings, {n_frames:,} frames, 64 numbers, 8 actions",
            "n_recordings": n_recordings,
            "n_frames": n_frames,
            "backends": {name: _throughput(features, n_frames, recipe, name) for name in BACKENDS},
        }


def _throughput(features: list[Any], n_frames: int, recipe: Recipe, backend: str) -> dict[str, Any]:
    settings = recipe.training
    n_steps = -(-len(features) // settings.batch_size)
    with solving_with(backend):
        epochs, trained = time_epochs(features, recipe, N_ACTIONS)
        epoch = median(epochs[1:])
        prepared = PreparedFeatures(features, recipe.preparation)
        before = time.perf_counter()
        for one in prepared:
            decode(trained, one)
        predicting = time.perf_counter() - before
        step = profile_step(features, recipe)
    return {
        "first_epoch_seconds": epochs[0],
        "epoch_seconds": epoch,
        "steps_per_second": n_steps / epoch,
        "frames_per_second": len(features) * settings.frames_per_recording / epoch,
        "predicted_frames_per_second": n_frames / predicting,
        "step": step,
    }


def time_epochs(features: Any, recipe: Recipe, n_actions: int) -> tuple[list[float], ActionModel]:
    """Seconds of each epoch of ``training.train``; the first has the k-means start in it."""
    stamps = [time.perf_counter()]
    trained = training.train(
        PreparedFeatures(features, recipe.preparation),
        recipe,
        n_actions,
        device="cpu",
        parts=Parts(callbacks=[lambda one: stamps.append(time.perf_counter())]),
    )
    return [after - before for before, after in pairwise(stamps)], trained


@contextmanager
def solving_with(backend: str) -> Iterator[None]:
    """Let the models solve with one backend."""
    with patch.object(network, "solve", functools.partial(solve, backend=backend)):
        yield


def profile_step(features: Any, recipe: Recipe) -> dict[str, float]:
    """Shares of the time of training, without its start; ``rest`` is Python's between the parts."""
    clock = Clock()
    once = replace(recipe, training=replace(recipe.training, kmeans_restarts=0))
    prepared = PreparedFeatures(features, recipe.preparation)
    # Reading and standardising happen once, and are no part of a step.
    for one in prepared:
        len(one)
    with ExitStack() as patches:
        for owner, name, part in (
            (training, "loss_and_gradients", "network and gradient"),
            (ActionModel, "transport", "transport"),
            (training.Adam, "step", "optimiser"),
            (ActionModel, "normalise_actions", "optimiser"),
        ):
            timed = clock.timed(getattr(owner, name), part)
            patches.enter_context(patch.object(owner, name, timed))
        draw = Batches.epoch
        patches.enter_context(
            patch.object(Batches, "epoch", lambda own, epoch: clock.iterated(draw(own, epoch)))
        )
        before = time.perf_counter()
        training.train(prepared, once, N_ACTIONS, device="cpu")
        total = time.perf_counter() - before
    shares = {part: seconds / total for part, seconds in clock.spent.items()}
    return {**shares, "rest": 1 - sum(shares.values())}


class Clock:
    """Seconds spent in parts of a program, each without the parts called from within it."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._inner = [0.0]

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The function, counted as a part."""

        @functools.wraps(function)
        def counted(*given: Any, **named: Any) -> Any:
            before = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*given, **named)
            finally:
                whole = time.perf_counter() - before
                self.spent[part] = self.spent.get(part, 0.0) + whole - self._inner.pop()
                self._inner[-1] += whole

        return counted

    def iterated(self, batches: Any) -> Iterator[Any]:
        """The batches, the time of getting each counted as ``sampling``."""
        following = self.timed(functools.partial(next, iter(batches), None), "sampling")
        while (batch := following()) is not None:
            yield batch
