"""The authors' training script beside ours: the same files, the same recipe, as many epochs.

Twice: with features as text, as the data sets come, and as ``.npy``. The script parses text anew
whenever it takes a recording; asot parses it once and keeps a copy beside it, so that its first
epoch and its whole run pay for it here, in a fresh folder, and its other epochs do not.

An epoch is a pass of training steps, without start-up, k-means and validation; the median, the
first left out. A whole run is a process: it trains, validates as the recipe says, and segments and
scores all recordings.

``measure_scores`` asks what the script reaches, not how fast: its labels, scored as ours.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from asot.data import DatasetFolder, find_dataset
from asot.errors import DataError
from asot.files import save_array
from asot.metrics import evaluate
from asot.model.recipe import Recipe, load_recipe
from benchmarks.training import time_epochs

DRIVER = Path(__file__).with_name("driver.py")


def measure_script(release: Path, data: Path, activity: str, epochs: int) -> dict[str, Any]:
    """Seconds of both, and theirs over ours, on one activity of a data set in Breakfast's layout.

    Parameters
    ----------
    release : Path
        A checkout of the authors' release.
    data : Path
        The data set, or the folder it is in; ``features/<activity>/`` holds text or arrays.
    activity : str
        Which activity.
    epochs : int
        How many epochs; at least 2 are trained, since the first is not counted.
    """
    recipe = load_recipe("breakfast")
    recipe = replace(recipe, training=replace(recipe.training, epochs=max(2, epochs)))
    root = find_dataset(data, recipe.dataset.folder)
    report: dict[str, Any] = {"data": f"{root.name} {activity}", "epochs": recipe.training.epochs}
    report["files"] = {}
    for kind in ("txt", "npy"):
        with tempfile.TemporaryDirectory() as folder:
            if not _copy(root, Path(folder) / "Breakfast", activity, kind):
                continue
            try:
                report["files"][kind] = _compare(release, Path(folder), recipe, activity)
            except DataError as error:
                report["files"][kind] = {"failed": str(error)}
    return report


def _copy(root: Path, copy: Path, activity: str, kind: str) -> bool:
    """One activity as ``kind``, in the layout that the script knows; False if there is no text."""
    recordings = DatasetFolder(root, activity_pattern=r"_([^_]+)$").recordings(activity)
    features = copy / "features" / activity
    features.mkdir(parents=True)
    (copy / "groundTruth").mkdir()
    (copy / "mapping").mkdir()
    (copy / "mapping" / "mapping.txt").symlink_to((root / "mapping" / "mapping.txt").resolve())
    for one in recordings:
        labels = (root / "groundTruth" / one.name).resolve()
        (copy / "groundTruth" / one.name).symlink_to(labels)
        text = root / "features" / activity / f"{one.name}.txt"
        if kind == "npy":
            save_array(features / f"{one.name}.npy", np.asarray(one.features))
        elif text.is_file():
            (features / text.name).symlink_to(text.resolve())
        else:
            return False
    return True


def _compare(release: Path, data: Path, recipe: Recipe, activity: str) -> dict[str, Any]:
    theirs = _their_run(release, data, recipe, activity)
    ours = _our_run(data, recipe, activity)
    return {
        "theirs": theirs,
        "ours": ours,
        "epoch_ratio": theirs["epoch_seconds"] / ours["epoch_seconds"],
        "wall_ratio": theirs["wall_seconds"] / ours["wall_seconds"],
        "processor_ratio": theirs["processor_seconds"] / ours["processor_seconds"],
    }


def measure_scores(release: Path, data: Path, activity: str, n_seeds: int) -> dict[str, Any]:
    """Scores of the labels of the authors' script, as it is, by seed; their mean and deviation.

    Each run is a process of its own, with the recipe that the paper has for Breakfast and the files
    of ``data``; one matching for all its recordings, and for "mof by recording" one for each.

    Parameters
    ----------
    release, data, activity
        As for ``measure_script``.
    n_seeds : int
        Seeds 0 to ``n_seeds`` - 1.
    """
    recipe = load_recipe("breakfast")
    root = find_dataset(data, recipe.dataset.folder)
    recordings = DatasetFolder(root, activity_pattern=r"_([^_]+)$").recordings(activity)
    values = []
    with tempfile.TemporaryDirectory() as folder:
        as_text = any((root / "features" / activity).glob("*.txt"))
        _copy(root, Path(folder) / "Breakfast", activity, "txt" if as_text else "npy")
        for seed in range(n_seeds):
            found, _, _ = _their_script(release, Path(folder), recipe, activity, seed)
            labels = [np.array(found["labels"][name]) for name in recordings.names]
            values.append(dict(evaluate(labels, recordings.ground_truth)))
            alone = evaluate(labels, recordings.ground_truth, matching="video")
            values[-1]["mof by recording"] = alone["mof"]
    columns = {name: [one[name] for one in values] for name in values[0]}
    return {
        "data": f"{root.name} {activity}, K = {recipe.activities[activity]}",
        "epochs": recipe.training.epochs,
        "seeds": values,
        "mean": {name: mean(own) for name, own in columns.items()},
        "sd": {name: stdev(own) for name, own in columns.items()} if n_seeds > 1 else None,
    }


def _their_script(
    release: Path, data: Path, recipe: Recipe, activity: str, seed: int = 0
) -> tuple[dict[str, Any], float, float]:
    """Run the authors' script; return the driver's report, wall and processor seconds."""
    train, evaluation, training = recipe.transport_train, recipe.transport_eval, recipe.training
    settings = {
        "-p": data, "-d": "Breakfast", "-ac": activity, "-c": recipe.activities[activity],
        "-ne": training.epochs, "-vf": training.validate_every, "-bs": training.batch_size,
        "-lr": training.learning_rate, "-wd": training.weight_decay, "--rho": recipe.order_prior,
        "-r": train.radius, "-at": train.alpha, "-ae": evaluation.alpha, "-et": train.epsilon,
        "-ee": evaluation.epsilon, "-lat": train.lambda_actions, "-lae": evaluation.lambda_actions,
        "--seed": seed,
    }  # fmt: skip
    words = [str(word) for pair in settings.items() for word in pair]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        program = [sys.executable, DRIVER, release.resolve(), report, *words, "-s", "-ua"]
        wall, processor = _timed(program, folder, "the authors' src/train.py")
        return json.loads(report.read_text()), wall, processor


def _their_run(release: Path, data: Path, recipe: Recipe, activity: str) -> dict[str, Any]:
    report, wall, processor = _their_script(release, data, recipe, activity)
    epochs = report["epochs"]
    return {
        "epoch_seconds": median(epochs[1:]),
        "epochs": epochs,
        "wall_seconds": wall,
        "processor_seconds": processor,
    }


def _our_run(data: Path, recipe: Recipe, activity: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "breakfast", "--data", data, "--out", Path(folder) / "run"]
        words += ["--activities", activity, "--training.epochs", recipe.training.epochs]
        words += ["--device", "cpu", "--figures", "0"]
        program = [sys.executable, "-c", "from asot.cli import main; main()", *words]
        wall, processor = _timed(program, folder, "asot train")
    features = [one.features for one in DatasetFolder(data / "Breakfast").recordings()]
    n_actions = recipe.activities[activity]
    epochs, _ = time_epochs(features, recipe, n_actions)
    return {
        "epoch_seconds": median(epochs[1:]),
        "epochs": epochs,
        "wall_seconds": wall,
        "processor_seconds": processor,
    }


def _timed(program: list[Any], folder: str, name: str) -> tuple[float, float]:
    """Wall and processor seconds of a process.

    Raises
    ------
    DataError
        With the end of what it said, if it fails.
    """
    before, start = _children_seconds(), time.perf_counter()
    done = subprocess.run(
        [str(word) for word in program],
        cwd=folder,
        env={**os.environ, "WANDB_MODE": "disabled"},
        capture_output=True,
        text=True,
    )
    wall = time.perf_counter() - start
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise DataError(f"{name} ended with status {done.returncode}: {' '.join(last)}")
    return wall, _children_seconds() - before


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
