"""Reading label sequences from the files they come in, without features."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from asot.data.labels import ClassTable, GroundTruthFile, class_names, read_mapping
from asot.data.layout import is_folder
from asot.errors import ArgumentError, DataError, FileError, unreadable
from asot.files import require_file
from asot.simulation.label_sequences import LabelCorpus, LabelSequence
from asot.text import listing, quote

_MOST_FRAMES = 10_000_000


def read_label_corpus(
    path: str | Path, names: str | Path | None = None, granularity: str | None = None
) -> LabelCorpus:
    """Read the label sequences of a data set, whose features are not needed.

    Parameters
    ----------
    path : path-like
        One of

        - a data-set folder: ``groundTruth/<recording>`` with a name a line, ``mapping/``;
        - a ``.json`` file: ``{recording: [[class, frames], ...]}``, runs in order of time;
        - an ``.npz`` file with frame labels under ``<recording>`` or
          ``<recording>/<granularity>``.
    names : path-like, optional
        The names of the classes: a JSON list, its place being the class id, or a mapping file. By
        default, for ``X_labels....json`` the file ``X_label_names.json`` beside it, for a folder
        its ``mapping/mapping.txt``; without any, classes are named ``class-<id>``.
    granularity : str, optional
        Which labels to take of an ``.npz`` file with ``/`` in its keys.

    Raises
    ------
    DataError
        If a file cannot be read or holds something else; the sentence names it.
    ArgumentError
        If ``granularity`` is needed, is not there, or does not apply.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "toy_labels.json"
    >>> _ = file.write_text('{"P03_tea": [[0, 30], [2, 45]]}')
    >>> corpus = read_label_corpus(file)
    >>> corpus.sequences[0].n_frames, dict(corpus.class_names)
    (75, {0: 'class-0', 2: 'class-2'})
    """
    path = Path(path)
    if granularity is not None and (is_folder(path) or path.suffix != ".npz"):
        raise ArgumentError(f"granularity is for an .npz file, and {path} is none.")
    if is_folder(path):
        return _corpus(path, *_from_folder(path, None if names is None else Path(names)))
    require_file(path)
    if path.suffix == ".json":
        sequences = _from_json(path)
    elif path.suffix == ".npz":
        sequences = _from_npz(path, granularity)
    else:
        raise FileError.at(path, "is neither a folder nor a .json or .npz file of labels")
    found = sorted({value for sequence in sequences for value in sequence.values.tolist()})
    return _corpus(path, sequences, _class_names(_names_file(path, names), found, path))


def _corpus(
    path: Path, sequences: list[LabelSequence], class_names: Mapping[int, str]
) -> LabelCorpus:
    try:
        return LabelCorpus(sequences, class_names)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _names_file(path: Path, names: str | Path | None) -> Path | None:
    if names is not None:
        return Path(names)
    head, found, _ = path.name.partition("_labels")
    beside = path.parent / f"{head}_label_names.json"
    return beside if found and beside.exists() else None


def _class_names(file: Path | None, found: list[int], source: Path) -> dict[int, str]:
    if file is None:
        return {class_id: f"class-{class_id}" for class_id in found}
    if file.suffix != ".json":
        return class_names(read_mapping(file))
    names = _load_json(file)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FileError.at(file, "is not a JSON list of class names")
    missing = [class_id for class_id in found if not 0 <= class_id < len(names)]
    if missing:
        last = len(names) - 1
        message = f"names the classes 0 to {last}, but class {missing[0]} occurs in {source}"
        raise FileError.at(file, message)
    return dict(enumerate(names))


def _load_json(path: Path) -> Any:
    require_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except (ValueError, RecursionError) as error:
        raise FileError.at(path, f"is not JSON: {' '.join(str(error).split())}") from None


def _from_folder(root: Path, names: Path | None) -> tuple[list[LabelSequence], dict[int, str]]:
    folder = root / "groundTruth"
    if not is_folder(folder):
        raise FileError.at(root, "holds no folder 'groundTruth' with label files")
    try:
        files = sorted(one for one in folder.iterdir() if one.is_file() and one.name[0] != ".")
    except OSError as error:
        raise FileError.at(folder, unreadable(error)) from error
    default = root / "mapping" / "mapping.txt"
    source = names if names is not None else default if default.exists() else None
    table = ClassTable(None if source is None else read_mapping(source), source, files)
    sequences = [
        LabelSequence.of(file.name.removesuffix(".txt"), GroundTruthFile(file, table).read())
        for file in files
    ]
    return sequences, table.names or {}


def _from_json(path: Path) -> list[LabelSequence]:
    held = _load_json(path)
    if not isinstance(held, dict):
        raise FileError.at(path, "is not a JSON object of recordings and their runs")
    sequences = []
    for name, runs in held.items():
        where = f"recording {quote(name)}"
        if not isinstance(runs, list) or not runs:
            raise FileError.at(path, f"{where} is not a list of runs [class, frames]")
        for run in runs:
            if not (isinstance(run, list) and len(run) == 2 and all(type(n) is int for n in run)):
                message = f"{where} holds {quote(str(run))}, which is no run [class, frames]"
                raise FileError.at(path, message)
            if run[1] < 1 or abs(run[0]) >= 2**62:
                message = f"{where} holds the run {quote(str(run))}: it must last a frame or more"
                raise FileError.at(path, message)
        if sum(frames for _, frames in runs) > _MOST_FRAMES:
            raise FileError.at(path, f"{where} has more than {_MOST_FRAMES:,} frames")
        values, lengths = np.array(runs, dtype=np.int64).T
        sequences.append(LabelSequence(name, values, lengths))
    return sequences


def _from_npz(path: Path, granularity: str | None) -> list[LabelSequence]:
    sequences = []
    # Opened here, because NumPy leaves files open that turn out to be no archive.
    with path.open("rb") as stream:
        with _archive(path, "is no .npz archive that can be read"):
            archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise FileError.at(path, "is a single array and no .npz archive")
        for key, name in _chosen_keys(path, archive.files, granularity).items():
            with _archive(path, f"array {quote(key)} cannot be read"):
                labels = archive[key]
            if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
                message = (
                    f"array {quote(key)} must hold an integer a frame, but it has shape "
                    f"{labels.shape} and type {labels.dtype}"
                )
                raise FileError.at(path, message)
            sequences.append(LabelSequence.of(name, labels))
    return sequences


@contextmanager
def _archive(path: Path, message: str) -> Iterator[None]:
    """Turn what NumPy and zipfile raise for a damaged archive into one sentence."""
    try:
        yield
    except (OSError, ValueError, EOFError, RuntimeError, BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise FileError.at(path, f"{message}: {reason}") from None


def _chosen_keys(path: Path, keys: list[str], granularity: str | None) -> dict[str, str]:
    """Choose the archive's keys to read, and give the recording of each."""
    kinds = sorted({key.rpartition("/")[2] for key in keys if "/" in key})
    if granularity is None:
        if kinds:
            raise ArgumentError(
                f"granularity must choose among the labels in {path}: {listing(kinds, 10)}."
            )
        return {key: key for key in keys}
    if granularity not in kinds:
        there = listing(kinds, 10) or "no granularity"
        raise ArgumentError(f"granularity {granularity!r} is not in {path}, which has {there}.")
    return {key: key.rpartition("/")[0] for key in keys if key.rpartition("/")[2] == granularity}
