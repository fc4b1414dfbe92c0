"""The writing of recordings as a dataset folder."""

from __future__ import annotations

import os
import tempfile
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
from asot.files import save_array
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
    with new_folder(Path(root), overwrite) as folder:
        for recording in recordings:
            write_recording(folder, recording.name, recording.features, recording.activity)
            labels = recording.ground_truth
            if labels is not None:
                write_ground_truth(folder, recording.name, labels, names)
        if names:
            write_mapping(folder, names)
    return Path(root)


@contextmanager
def new_folder(root: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes ``root`` when the block succeeds.

    With ``overwrite`` it replaces an earlier data set, and never anything else.
    """
    held = os.path.lexists(root) and (not is_folder(root) or any(root.iterdir()))
    if held and not (overwrite and is_folder(root / "features")):
        raise FileError.at(root, "already exists and is not empty: choose another folder")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
            new, old = Path(scratch) / "new", Path(scratch) / "old"
            new.mkdir()
            yield new
            if os.path.lexists(root):
                root.rename(old)
            try:
                new.rename(root)
            except OSError:
                if os.path.lexists(old):
                    old.rename(root)
                raise
    except OSError as error:
        raise FileError.at(root, f"cannot be written: {error.strerror or error}") from error


def write_recording(
    folder: Path, name: str, features: NDArray[Any], activity: str | None, suffix: str = ".npy"
) -> None:
    """Write features as a float32 array, or as text with a line a frame where suffix is .txt."""
    path = folder / "features" / (activity or "") / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    features = np.asarray(features, dtype=np.float32)
    if suffix == ".npy":
        save_array(path, features)
        return
    row = " ".join(["%.5f"] * features.shape[1])
    with path.open("w", encoding="ascii", newline="\n") as stream:
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
    _write_lines(folder / "groundTruth" / name, (class_names[one] for one in labels.tolist()))


def write_mapping(
    folder: Path, class_names: Mapping[int, str], files: Sequence[str] = ("mapping.txt",)
) -> None:
    """Write mapping files, all with the same lines."""
    for file in files:
        lines = (f"{class_id} {name}" for class_id, name in class_names.items())
        _write_lines(folder / "mapping" / file, lines)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


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
