"""The writing of recordings as a dataset folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.folder import is_folder
from asot.data.recordings import Recordings
from asot.errors import ArgumentError, FileError
from asot.files import atomic_path, write_array, write_text
from asot.folders import put_folder, scratch_beside
from asot.text import as_label, quote


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
        Features are written as float32 ``.npy``, in a folder of their activity if there is one, and
        with their ground truth if there is any.
    root : path-like
        The folder to make, which is returned.
    class_names : mapping of int to str, optional
        Class id to action name, for all ids in the ground truth.
    overwrite : bool
        Replace ``root`` if it already holds a data set.

    Raises
    ------
    ArgumentError, DataError
        If a name does not suit a file or a line of text, comes twice, or is missing; if ``root``
        already holds something, or the system refuses to write it.

    Examples
    --------
    >>> import tempfile
    >>> from asot.data import DatasetFolder
    >>> corpus = Recordings.from_arrays([np.ones((2, 3))], names=["a"], ground_truth=[[0, 1]])
    >>> root = Path(tempfile.mkdtemp()) / "toys"
    >>> _ = write_dataset(corpus, root, {0: "reach", 1: "grasp the ball"})
    >>> DatasetFolder(root).class_names
    {0: 'reach', 1: 'grasp the ball'}
    """
    names = dict(class_names or {})
    defect = name_defect(recordings.names, filter(None, recordings.activities), names.values())
    defect = defect if recordings else "recordings must hold at least one recording"
    if defect is not None:
        raise ArgumentError(f"{defect}.", setting="recordings")
    root = Path(root)
    if not (overwrite and is_folder(root / "features")):
        refuse_filled(root)
    with new_folder(root) as folder:
        for recording in recordings:
            path = features_path(folder, recording.name, recording.activity)
            write_recording(path, recording.features)
            labels = recording.ground_truth
            if labels is not None:
                write_ground_truth(folder, recording.name, labels, names)
        if names:
            write_mapping(folder, names)
    return root


def refuse_filled(root: Path) -> None:
    """Refuse a place where there is something already."""
    if os.path.lexists(root) and (not is_folder(root) or any(root.iterdir())):
        raise FileError.at(root, "already exists and is not empty: choose another folder")


@contextmanager
def new_folder(root: Path, keep: bool = False) -> Iterator[Path]:
    """Yield a folder that becomes ``root``, in the place of what is there, when the block succeeds.

    It is empty; with ``keep``, it holds what an earlier block for the same root left when it was
    interrupted.
    """
    try:
        with scratch_beside(root, keep) as scratch:
            new = scratch / "new"
            new.mkdir(exist_ok=True)
            yield new
            put_folder(new, root)
    except OSError as error:
        raise FileError.at(root, f"cannot be written: {error.strerror or error}") from error


def features_path(folder: Path, name: str, activity: str | None, suffix: str = ".npy") -> Path:
    """Return the file of a recording's features."""
    return folder / "features" / (activity or "") / f"{name}{suffix}"


def write_recording(path: Path, features: NDArray[Any]) -> None:
    """Write features as a float32 array, or as text with a line a frame where path ends in .txt."""
    features = np.asarray(features, dtype=np.float32)
    if path.suffix == ".npy":
        write_array(path, features)
        return
    row = " ".join(["%.5f"] * features.shape[1])
    with atomic_path(path) as part, part.open("w", encoding="ascii", newline="\n") as stream:
        for start in range(0, len(features), 1000):
            block = features[start : start + 1000]
            stream.write("\n".join([row] * len(block)) % tuple(block.ravel().tolist()) + "\n")


def write_ground_truth(
    folder: Path, name: str, labels: NDArray[np.int64], class_names: Mapping[int, str]
) -> None:
    """Write the class names of (N,) labels, one a line; each class must have a name."""
    missing = sorted(set(np.unique(labels).tolist()) - set(class_names))
    if missing:
        message = f"class_names must name every class, but {missing[0]} of recording {name!r}"
        raise ArgumentError(f"{message} has no name.", setting="class_names")
    text = "".join(f"{class_names[one]}\n" for one in labels.tolist())
    write_text(folder / "groundTruth" / name, text)


def write_mapping(
    folder: Path, class_names: Mapping[int, str], files: Sequence[str] = ("mapping.txt",)
) -> None:
    """Write mapping files, all with the same lines."""
    for file in files:
        text = "".join(f"{class_id} {name}\n" for class_id, name in class_names.items())
        write_text(folder / "mapping" / file, text)


def name_defect(
    recordings: Sequence[str], activities: Iterable[str], classes: Collection[str]
) -> str | None:
    """Describe the first name that does not suit a dataset folder, or return None."""
    for name in (*recordings, *activities):
        if not name.isprintable() or "/" in name or "\\" in name or name[:1] in ("", "."):
            return f"{quote(name)} is not a name that a recording's file can have"
    for name in classes:
        if not name.isprintable() or name != name.strip() or not name:
            return f"{quote(name)} is not a name for a class: it must fill one line"
    for what, names in (("recordings", recordings), ("classes", [*map(as_label, classes)])):
        if len(set(names)) != len(names):
            return f"two {what} have the name {quote(Counter(names).most_common(1)[0][0])}"
    return None
