"""Label sequences without features: read from the files they come in, or drawn from a model."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from asot.data.features import npy_header
from asot.data.folder import compile_pattern, is_folder
from asot.data.textfiles import ClassTable, GroundTruthFile, class_names, read_mapping
from asot.data.writing import name_defect
from asot.errors import ArgumentError, AsotError, DataError, FileError, require_integer, unreadable
from asot.files import require_file
from asot.schema import read_json
from asot.simulation.features import named_generator, require_settings
from asot.text import listing, quote
from asot.timeline.segments import run_lengths

BACKGROUND = "background"
_MOST_FRAMES = 10_000_000
_Run = tuple[
    Annotated[int, Meta(ge=-(2**62), le=2**62)], Annotated[int, Meta(ge=1, le=_MOST_FRAMES)]
]


@dataclass(frozen=True, slots=True)
class LabelSequence:
    """The labels of one recording, as S runs: class ids (S,) and lengths in frames (S,), int64.

    Examples
    --------
    >>> sequence = LabelSequence.of("P03_tea", [0, 0, 5, 5, 5])
    >>> sequence.values.tolist(), sequence.lengths.tolist(), sequence.n_frames
    ([0, 5], [2, 3], 5)
    """

    name: str
    values: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, labels: ArrayLike) -> LabelSequence:
        """Make the sequence of (N,) frame labels."""
        starts, ends, values = run_lengths(labels)
        return cls(name, values.astype(np.int64), ends - starts)

    @property
    def n_frames(self) -> int:
        """Return the number of frames, N."""
        return int(self.lengths.sum())

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return the (N,) frame labels."""
        return np.repeat(self.values, self.lengths)


@dataclass(frozen=True)
class LabelCorpus:
    """Label sequences, and the name of each class id that occurs in them.

    It is a DataError if sequences, the frames of a recording or the name of a class are missing, if
    a recording's name does not suit a file, or if a name comes twice.
    """

    sequences: Sequence[LabelSequence]
    class_names: Mapping[int, str]

    def __post_init__(self) -> None:
        names = [sequence.name for sequence in self.sequences]
        defect = name_defect(names, (), self.class_names.values())
        defect = defect if names else "there are no label sequences"
        for name, sequence in zip(names, self.sequences, strict=True):
            unnamed = set(sequence.values.tolist()) - set(self.class_names)
            if not len(sequence.lengths):
                defect = defect or f"recording {quote(name)} has no frames"
            elif unnamed:
                defect = defect or f"class {min(unnamed)} of recording {quote(name)} has no name"
        if defect is not None:
            raise DataError(f"{defect}.")

    @property
    def n_frames(self) -> int:
        """Return the number of frames of all recordings."""
        return sum(sequence.n_frames for sequence in self.sequences)

    def activities(self, pattern: str | None) -> list[str | None]:
        """Find each recording's activity in its name, by a regular expression with one group."""
        compiled = compile_pattern(pattern)
        if compiled is None:
            return [None] * len(self.sequences)
        activities: list[str | None] = []
        for sequence in self.sequences:
            match = compiled.search(sequence.name)
            if match is None or not match[1] or match[1].startswith("."):
                message = f"finds no activity in the name {quote(sequence.name, 80)}"
                setting = "activity_pattern"
                raise ArgumentError(f"{setting} {pattern!r} {message}.", setting=setting)
            activities.append(match[1])
        return activities

    def first(self, count: int, pattern: str | None = None) -> LabelCorpus:
        """Keep the first ``count`` recordings of each activity, which ``pattern`` finds."""
        require_integer("recordings", count, at_least=1)
        kept: dict[str | None, list[LabelSequence]] = {}
        for sequence, activity in zip(self.sequences, self.activities(pattern), strict=True):
            kept.setdefault(activity, []).append(sequence)
        sequences = [sequence for group in kept.values() for sequence in group[:count]]
        return LabelCorpus(sequences, self.class_names)


@dataclass(frozen=True)
class LabelModel:
    """A model of the label sequences of a generated data set.

    Parameters
    ----------
    n_recordings : int
        The number of recordings.
    n_actions : int
        Actions, K, the background apart.
    mean_length : float
        Mean frames of a recording, background included.
    order : float
        How far the order of the actions varies: 0 for one order in all recordings, 1 for any.
    missing : float
        Probability that an action does not occur in a recording, in [0, 0.99].
    repeats : float
        Probability that an action that occurs comes a second time, anywhere.
    tail : float
        Standard deviation of the logarithm of the durations, which are log-normal; up to 3. Half
        of the variance is the action's own in all recordings, half is drawn each time.
    background : float
        Share of frames before, between and after the actions, in [0, 0.99].

    Raises
    ------
    ArgumentError
        If a number is outside its range, or not an integer where it is a count.

    Examples
    --------
    >>> corpus = LabelModel(n_recordings=3, n_actions=4, tail=0, mean_length=40).draw(seed=0)
    >>> [sequence.labels[::10].tolist() for sequence in corpus.sequences]
    [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]
    """

    n_recordings: int = 50
    n_actions: int = 8
    mean_length: float = 1000.0
    order: float = 0.0
    missing: float = 0.0
    repeats: float = 0.0
    tail: float = 0.7
    background: float = 0.0

    def __post_init__(self) -> None:
        low = {"n_recordings": 1, "n_actions": 1, "mean_length": 1}
        high = {"order": 1, "missing": 0.99, "repeats": 1, "tail": 3, "background": 0.99}
        high |= {"n_recordings": 1e6, "n_actions": 10_000, "mean_length": _MOST_FRAMES}
        require_settings(self, low, high)

    def draw(self, seed: int = 0) -> LabelCorpus:
        """Draw the label sequences.

        Action k is class k, the k-th of the common order, and the background is class K. The first
        recordings are the same however many there are. Seeds count from 0.
        """
        own = named_generator(seed, "labels", "").standard_normal(self.n_actions)
        typical = np.exp(self.tail * math.sqrt(0.5) * own)
        expected = self.n_actions * (1 - self.missing) * (1 + self.repeats)
        each = self.mean_length * (1 - self.background) / expected
        digits = max(4, len(str(self.n_recordings)))  # names, too, stay where there are more
        names = [f"recording-{i:0{digits}d}" for i in range(1, self.n_recordings + 1)]
        class_digits = len(str(self.n_actions))
        class_names = {k: f"action-{k + 1:0{class_digits}d}" for k in range(self.n_actions)}
        if self.background:
            class_names[self.n_actions] = BACKGROUND
        durations = each * typical / typical.mean()
        sequences = [
            self._sequence(name, durations, named_generator(seed, "labels", name)) for name in names
        ]
        return LabelCorpus(sequences, class_names)

    def _sequence(
        self, name: str, durations: NDArray[np.float64], rng: np.random.Generator
    ) -> LabelSequence:
        places = (1 - self.order) * np.arange(self.n_actions) / self.n_actions
        places += self.order * rng.random(self.n_actions)
        present = rng.random(self.n_actions) >= self.missing
        if not present.any():
            present[rng.integers(self.n_actions)] = True
        sequence = [int(k) for k in np.argsort(places, kind="stable") if present[k]]
        for k in [k for k in sequence if rng.random() < self.repeats]:
            # Beside itself, an action would merge into one segment.
            free = [i for i in range(len(sequence) + 1) if k not in sequence[max(i - 1, 0) : i + 1]]
            if free:
                sequence.insert(free[rng.integers(len(free))], k)
        spread = self.tail * math.sqrt(0.5)
        drawn = np.exp(spread * rng.standard_normal(len(sequence)) - spread**2 / 2)
        lengths = np.maximum(1, np.rint(durations[sequence] * drawn)).astype(np.int64)
        values = np.array(sequence, dtype=np.int64)
        if not self.background:
            return LabelSequence(name, values, lengths)
        total = lengths.sum() * self.background / (1 - self.background)
        gaps = rng.dirichlet(np.ones(len(sequence) + 1)) * total
        all_values = np.full(2 * len(sequence) + 1, self.n_actions, dtype=np.int64)
        all_lengths = np.empty_like(all_values)
        all_values[1::2], all_lengths[1::2] = values, lengths
        all_lengths[::2] = np.diff(np.rint(np.cumsum(gaps)), prepend=0).astype(np.int64)
        kept = all_lengths > 0
        return LabelSequence(name, all_values[kept], all_lengths[kept])


def read_label_corpus(
    path: str | Path, names: str | Path | None = None, granularity: str | None = None
) -> LabelCorpus:
    """Read the label sequences of a data set, whose features are not needed.

    Other files raise a DataError, and a granularity that the file lacks an ArgumentError.

    Parameters
    ----------
    path : path-like
        One of

        - a data-set folder: ``groundTruth/<recording>`` with a name a line, ``mapping/``;
        - a ``.json`` file: ``{recording: [[class, frames], ...]}``, runs in order of time;
        - an ``.npz`` file, frame labels under ``<recording>`` or ``<recording>/<granularity>``.
    names : path-like, optional
        The names of the classes: a JSON list, its place being the class id, or a mapping file. By
        default, for ``X_labels....json`` the file ``X_label_names.json`` beside it, for a folder
        its ``mapping/mapping.txt``; without any, classes are named ``class-<id>``.
    granularity : str, optional
        Which labels to take of an ``.npz`` file with ``/`` in its keys.

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
    names = None if names is None else Path(names)
    if granularity is not None and (is_folder(path) or path.suffix != ".npz"):
        raise ArgumentError(f"granularity is for an .npz file, not {path}.", setting="granularity")
    if is_folder(path):
        sequences, named = _from_folder(path, names)
    else:
        require_file(path)
        if path.suffix == ".json":
            sequences = _from_json(path)
        elif path.suffix == ".npz":
            sequences = _from_npz(path, granularity)
        else:
            raise FileError.at(path, "is neither a folder nor a .json or .npz file of labels")
        named = _class_names(path, names, sequences)
    try:
        return LabelCorpus(sequences, named)
    except DataError as error:
        raise FileError.at(path, str(error).rstrip(".")) from None


def _class_names(path: Path, names: Path | None, sequences: list[LabelSequence]) -> dict[int, str]:
    occurring = sorted({value for sequence in sequences for value in sequence.values.tolist()})
    if names is None:
        head, found, _ = path.name.partition("_labels")
        names = path.parent / f"{head}_label_names.json"
        if not found or not names.exists():
            return {class_id: f"class-{class_id}" for class_id in occurring}
    if names.suffix != ".json":
        return class_names(read_mapping(names))
    given = read_json(names, list[str])
    missing = [class_id for class_id in occurring if not 0 <= class_id < len(given)]
    if missing:
        message = f"names {len(given)} classes from 0, but class {missing[0]} occurs in {path}"
        raise FileError.at(names, message)
    return dict(enumerate(given))


def _from_folder(root: Path, names: Path | None) -> tuple[list[LabelSequence], dict[int, str]]:
    folder = root / "groundTruth"
    if not is_folder(folder):
        raise FileError.at(root, "holds no folder 'groundTruth' with label files")
    try:
        files = sorted(one for one in folder.iterdir() if one.is_file() and one.name[0] != ".")
    except OSError as error:
        raise FileError.at(folder, unreadable(error)) from error
    default = root / "mapping" / "mapping.txt"
    table = ClassTable(names or (default if default.exists() else None), files)
    sequences = [
        LabelSequence.of(file.name.removesuffix(".txt"), GroundTruthFile(file, table).read())
        for file in files
    ]
    return sequences, table.names or {}


def _from_json(path: Path) -> list[LabelSequence]:
    sequences = []
    for name, runs in read_json(path, dict[str, Any]).items():
        where = f"recording {quote(name)}"
        if not isinstance(runs, list) or not runs:
            raise FileError.at(path, f"{where} is not a list of runs [class, frames]")
        for run in runs:
            try:
                msgspec.convert(run, _Run)
            except msgspec.ValidationError:
                rule = f"a run [class, frames] of 1 to {_MOST_FRAMES:,} frames"
                message = f"{where} holds {quote(str(run))} in place of {rule}"
                raise FileError.at(path, message) from None
        if sum(frames for _, frames in runs) > _MOST_FRAMES:
            raise FileError.at(path, f"{where} has more than {_MOST_FRAMES:,} frames")
        values, lengths = np.array(runs, dtype=np.int64).T
        sequences.append(LabelSequence(name, values, lengths))
    return sequences


def _from_npz(path: Path, granularity: str | None) -> list[LabelSequence]:
    """Read the frame labels of an archive, each only after its header has been checked."""
    key, sequences = "", []
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            for key, name in _chosen_keys(path, keys, granularity).items():
                with archive.open(f"{key}.npy") as stream:
                    data = stream.read(8 * _MOST_FRAMES + 2**16)  # labels and header, at most
                shape, _, dtype, offset = npy_header(io.BytesIO(data))
                long = len(shape) == 1 and 0 < shape[0] <= _MOST_FRAMES
                if not long or dtype.kind not in "iu":
                    rule = f"must hold an integer for each of 1 to {_MOST_FRAMES:,} frames"
                    but = f"but has shape {shape} and type {dtype}"
                    raise FileError.at(path, f"array {quote(key)} {rule}, {but}")
                labels = np.frombuffer(data, dtype, shape[0], offset)
                sequences.append(LabelSequence.of(name, labels))
            return sequences
    except AsotError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        what = f"array {quote(key)} cannot be read" if key else "is no .npz archive"
        reason = " ".join(str(error).split()).rstrip(".")
        raise FileError.at(path, f"{what}: {reason}") from None


def _chosen_keys(path: Path, keys: list[str], granularity: str | None) -> dict[str, str]:
    """Choose the archive's keys to read, and give the recording of each."""
    parts = {key: key.rpartition("/") for key in keys}
    kinds = sorted({kind for _, slash, kind in parts.values() if slash})
    if granularity is None and not kinds:
        return {key: key for key in keys}
    if granularity is None or granularity not in kinds:
        known = listing(kinds, 10) or "it has no granularity"
        message = f"granularity must choose among the labels in {path}: {known}."
        raise ArgumentError(message, setting="granularity")
    return {key: name for key, (name, _, kind) in parts.items() if kind == granularity}
