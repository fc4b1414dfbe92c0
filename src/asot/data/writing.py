"""Writing recordings as a dataset folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from asot.data.layout import is_folder
from asot.data.recordings import Recording, Recordings
from asot.errors import ArgumentError, DataError
from asot.files import save_array


def write_dataset(
    recordings: Recordings,
    root: str | Path,
    class_names: Mapping[int, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write recordings in the layout that :class:`~asot.data.DatasetFolder` reads.

    The folder appears complete or not at all.

    Parameters
    ----------
    recordings : Recordings
        What to write: features as float32 ``.npy``, in a folder of their activity where they have
        one, and ground truth where there is some.
    root : path-like
        The folder to make.
    class_names : mapping of int to str, optional
        Class id to action name, for all ids in the ground truth.
    overwrite : bool
        Replace ``root`` if it already holds a data set.

    Returns
    -------
    Path
        ``root``.

    Raises
    ------
    ArgumentError
        If a name cannot be that of a file or fill one line, two recordings have the same name, or
        a class id has no name.
    DataError
        If ``root`` already holds something, or cannot be written.

    Examples
    --------
    >>> from asot.data import DatasetFolder
    >>> corpus = Recordings.from_arrays([np.ones((2, 3))], names=["a"], ground_truth=[[0, 1]])
    >>> root = Path(tempfile.mkdtemp()) / "toys"
    >>> _ = write_dataset(corpus, root, {0: "reach", 1: "grasp the ball"})
    >>> DatasetFolder(root).class_names
    {0: 'reach', 1: 'grasp the ball'}
    """
    root = Path(root)
    names = _checked_names(recordings, dict(class_names or {}))
    held = os.path.lexists(root) and not (is_folder(root) and not any(root.iterdir()))
    if held and not (overwrite and is_folder(root / "features")):
        cure = "choose another folder" if overwrite else "choose another folder, or overwrite it"
        raise DataError(f"{root} already exists and is not empty: {cure}.")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
            complete = Path(scratch) / "new"
            for recording in recordings:
                _write_recording(recording, complete, names)
            if names:
                (complete / "mapping").mkdir(parents=True)
                lines = [f"{class_id} {name}\n" for class_id, name in names.items()]
                (complete / "mapping" / "mapping.txt").write_text("".join(lines), encoding="utf-8")
            _replace(root, complete, Path(scratch) / "old")
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error.strerror or error}.") from error
    return root


def _replace(root: Path, new: Path, old: Path) -> None:
    """Put ``new`` in the place of ``root``, which goes to ``old``, or leave all as it was."""
    if os.path.lexists(root):
        root.rename(old)
    try:
        new.rename(root)
    except OSError:
        if os.path.lexists(old):
            old.rename(root)
        raise


def _write_recording(recording: Recording, root: Path, names: dict[int, str]) -> None:
    folder = root / "features" / (recording.activity or "")
    folder.mkdir(parents=True, exist_ok=True)
    features = np.asarray(recording.features, dtype=np.float32)
    save_array(folder / f"{recording.name}.npy", features)
    labels = recording.ground_truth
    if labels is None:
        return
    missing = sorted(set(np.unique(labels).tolist()) - set(names))
    if missing:
        raise ArgumentError(
            f"class_names must name every class, but {missing[0]} of recording "
            f"{recording.name!r} has no name."
        )
    (root / "groundTruth").mkdir(exist_ok=True)
    lines = "".join(f"{names[class_id]}\n" for class_id in labels.tolist())
    (root / "groundTruth" / recording.name).write_text(lines, encoding="utf-8")


def _checked_names(recordings: Recordings, class_names: dict[int, str]) -> dict[int, str]:
    if not recordings:
        raise ArgumentError("recordings must hold at least one recording, got none.")
    if len(set(recordings.names)) != len(recordings):
        raise ArgumentError("recordings must have names that differ from each other.")
    for name in {*recordings.names, *filter(None, recordings.activities)}:
        if not name.isprintable() or "/" in name or "\\" in name or name[:1] in ("", "."):
            raise ArgumentError(f"recordings must have names that a file can have, got {name!r}.")
    if len(set(class_names.values())) != len(class_names):
        raise ArgumentError("class_names must differ from each other.")
    for name in class_names.values():
        if not name.isprintable() or name != name.strip() or not name:
            raise ArgumentError(
                f"class_names must each fill one line, without blanks around, got {name!r}."
            )
    return class_names
