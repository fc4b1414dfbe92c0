"""Simulated data sets: true or generated labels, and features drawn from a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np

from asot.data.folder import is_folder
from asot.data.writing import (
    features_path,
    new_folder,
    refuse_filled,
    write_ground_truth,
    write_mapping,
    write_recording,
)
from asot.errors import ArgumentError
from asot.files import write_text
from asot.folders import empty
from asot.progress import Progress, silent
from asot.simulation.features import FeatureModel
from asot.simulation.labels import LabelCorpus

MARK = ".asked"  # tells what a folder is, or is to be


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

    One recording is in memory at a time. The folder appears complete or not at all. After an
    interruption the same call goes on from what is finished, which lies in a hidden folder beside
    ``root``; where the folder is there already, it stays as it is.

    Parameters
    ----------
    corpus : LabelCorpus
        The recordings' labels, which become the ground truth frame by frame.
    model : FeatureModel
        The model that draws the features.
    root : path-like
        The folder to make, which is returned. ``root/simulation.yaml`` says how it was made.
    seed : int
        At least 0. A recording does not depend on the others.
    activity_pattern : str, optional
        Regular expression whose one group is the activity in a recording's name; features go to
        a folder of each activity. Without it they lie in one folder.
    format : {"npy", "txt"}
        float32 arrays, or text with a line a frame.
    mapping_files : sequence of str
        Names of the mapping files, which all hold the same lines.
    progress : Progress, optional
        Called with the number of recordings done.

    Examples
    --------
    >>> import tempfile
    >>> from asot.data import DatasetFolder
    >>> from asot.simulation import LabelModel
    >>> corpus = LabelModel(n_recordings=3, n_actions=4, mean_length=20).draw()
    >>> root = Path(tempfile.mkdtemp()) / "toys"
    >>> _ = write_simulation(corpus, FeatureModel(width=5), root)
    >>> DatasetFolder(root).recordings()[0].width
    5
    """
    import yaml

    if format not in ("npy", "txt"):
        raise ArgumentError(f'format must be "npy" or "txt", but is {format!r}.', setting="format")
    activities = corpus.activities(activity_pattern)
    names, count = corpus.class_names, len(corpus.sequences)
    root = Path(root)
    numbers = {name: np.asarray(value).item() for name, value in asdict(model).items()}
    account = yaml.safe_dump({"seed": seed, "model": numbers}, sort_keys=False)
    asked = hashlib.sha256(repr((account, format, activities, mapping_files, names)).encode())
    for sequence in corpus.sequences:
        asked.update(repr((sequence.name, sequence.n_frames)).encode() + sequence.labels.tobytes())
    if is_folder(root) and _holds(root, asked.hexdigest()):
        return root
    refuse_filled(root)
    with new_folder(root, keep=True) as folder:
        if not _holds(folder, asked.hexdigest()):
            empty(folder)
            write_text(folder / MARK, asked.hexdigest())
        write_mapping(folder, names, mapping_files)
        for i, (sequence, activity) in enumerate(zip(corpus.sequences, activities, strict=True)):
            progress("Simulating", i, count)
            path = features_path(folder, sequence.name, activity, f".{format}")
            if not path.is_file():
                write_ground_truth(folder, sequence.name, sequence.labels, names)
                write_recording(path, model.draw(sequence.labels, sequence.name, names, seed))
        progress("Simulating", count, count)
        write_text(folder / "simulation.yaml", account)
    return root


def _holds(root: Path, asked: str) -> bool:
    """Tell whether a folder is, or is to be, the data set that is asked for."""
    mark = root / MARK
    return mark.is_file() and mark.read_text(encoding="utf-8", errors="replace") == asked
