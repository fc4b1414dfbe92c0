"""Simulated data sets: true or generated labels, and features drawn from a model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asot.data.layout import is_folder
from asot.errors import ArgumentError, DataError
from asot.files import save_array
from asot.progress import Progress, silent
from asot.simulation.feature_model import FeatureModel
from asot.simulation.label_sequences import LabelCorpus


def write_simulation(
    corpus: LabelCorpus,
    model: FeatureModel,
    root: str | Path,
    *,
    seed: int = 0,
    activity_pattern: str | None = None,
    format: Literal["npy", "txt"] = "npy",
    mapping_files: Sequence[str] = ("mapping.txt",),
    progress: Progress = silent,
) -> Path:
    """Draw the features of all recordings and write them as a data-set folder.

    One recording is in memory at a time. The folder appears complete or not at all.

    Parameters
    ----------
    corpus : LabelCorpus
        The recordings' labels, which become the ground truth frame by frame.
    model : FeatureModel
        Where the features come from.
    root : path-like
        The folder to make. ``root/simulation.yaml`` says how it was made.
    seed : int
        From 0. A recording does not depend on the others.
    activity_pattern : str, optional
        Regular expression whose one group is the activity in a recording's name; features go to
        a folder of each activity. Without it they lie in one folder.
    format : {"npy", "txt"}
        float32 arrays, or text with a line a frame.
    mapping_files : sequence of str
        Names of the mapping files, all alike.
    progress : callable, optional
        Called with the recordings done and all recordings.

    Returns
    -------
    Path
        ``root``.

    Raises
    ------
    ArgumentError
        If the pattern or the format cannot be used, or a name does not match the pattern.
    DataError
        If ``root`` already holds something or cannot be written.

    Examples
    --------
    >>> from asot.data import DatasetFolder
    >>> from asot.simulation import LabelModel
    >>> corpus = LabelModel(recordings=3, actions=4, mean_length=20).draw()
    >>> root = Path(tempfile.mkdtemp()) / "toys"
    >>> _ = write_simulation(corpus, FeatureModel(width=5), root)
    >>> DatasetFolder(root).recordings()[0].width
    5
    """
    if format not in ("npy", "txt"):
        raise ArgumentError(f'format must be "npy" or "txt", got {format!r}.')
    activities = corpus.activities(activity_pattern)
    with _new_folder(Path(root)) as folder:
        for name in ("features", "groundTruth", "mapping"):
            (folder / name).mkdir()
        for name in mapping_files:
            lines = (f"{class_id} {named}" for class_id, named in corpus.class_names.items())
            _write_lines(folder / "mapping" / name, lines)
        for folder_name in {activity or "." for activity in activities}:
            (folder / "features" / folder_name).mkdir(exist_ok=True)
        for i, (sequence, activity) in enumerate(zip(corpus.sequences, activities, strict=True)):
            progress("Simulating", i, len(corpus.sequences))
            labels = sequence.labels
            features = model.draw(labels, sequence.name, corpus.class_names, seed)
            file = folder / "features" / (activity or "") / f"{sequence.name}.{format}"
            _write_features(file, features)
            lines = (corpus.class_names[label] for label in labels.tolist())
            _write_lines(folder / "groundTruth" / sequence.name, lines)
        progress("Simulating", len(corpus.sequences), len(corpus.sequences))
        _write_account(folder / "simulation.yaml", model, seed)
    return Path(root)


def _write_features(file: Path, features: NDArray[np.float32]) -> None:
    if file.suffix == ".npy":
        save_array(file, features)
        return
    row = " ".join(["%.5f"] * features.shape[1])
    with file.open("w", encoding="ascii", newline="\n") as stream:
        for start in range(0, len(features), 1000):
            block = features[start : start + 1000]
            stream.write("\n".join([row] * len(block)) % tuple(block.ravel().tolist()) + "\n")


def _write_account(file: Path, model: FeatureModel, seed: int) -> None:
    import yaml

    numbers = {name: np.asarray(value).item() for name, value in asdict(model).items()}
    file.write_text(yaml.safe_dump({"seed": seed, "model": numbers}, sort_keys=False))


def _write_lines(file: Path, lines: Iterator[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


@contextmanager
def _new_folder(root: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``root`` when the block succeeds."""
    if os.path.lexists(root) and not (is_folder(root) and not any(root.iterdir())):
        raise DataError(f"{root} already exists and is not empty: choose another folder.")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
            complete = Path(scratch) / "new"
            complete.mkdir()
            yield complete
            complete.replace(root)
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error.strerror or error}.") from error
