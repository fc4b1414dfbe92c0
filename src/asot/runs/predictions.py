"""The folder of a prediction: labels, soft assignments and one segment table.

::

    predictions.json              which recordings, of which data set, by which model
    labels/<recording>.txt        one action number a line, one line a frame
    assignments/<recording>.npy   (N, K) float32, rows sum to 1
    segments.csv                  recording, start_frame, end_frame, start_s, end_s, action, ...
    names/<model>.json            names that people gave the actions, where they did
    corrected/<recording>.json    segments that people corrected, where they did
    truth/<recording>             labels that people corrected, which then are the ground truth
    scores.json                   written by an evaluation
    figures/                      pictures
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from asot.data import DatasetFolder, Recording, Recordings
from asot.data.features import FeatureFile
from asot.data.textfiles import ClassTable, GroundTruthFile
from asot.errors import FileError
from asot.export import write_csv
from asot.files import read_lines, write_array, write_json, write_text
from asot.inputs.find import DESCRIPTION
from asot.metrics import Evaluation, evaluate
from asot.schema import FileName, read_json
from asot.text import listing, plural
from asot.timeline.corrections import Corrected, notes_within, read_corrected, write_corrected
from asot.timeline.names import ActionNames, read_names, write_names
from asot.timeline.segments import BACKGROUND, UNLABELLED, Timeline, segment_table

logger = logging.getLogger(__name__)

INDEX = "predictions.json"
RESULTS = ("labels/*.txt", "assignments/*.npy", "figures/*.png")
AGAIN = "segment the recordings again"

ClassId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


@dataclass(frozen=True)
class DatasetSource:
    """The data set that was segmented, as it was opened; ``exclude`` is left out of evaluation."""

    root: str
    mapping: str | None = None
    activity_pattern: str | None = None
    frame_rate: Annotated[float, Meta(gt=0)] | None = None
    exclude: list[ClassId] = field(default_factory=list)
    transposed: bool = False

    def open(self, root: Path | None = None) -> DatasetFolder:
        """Open the data set, or another one of the same layout at ``root``."""
        place = root or Path(self.root)
        layout = self.mapping, self.activity_pattern, self.frame_rate, self.transposed
        return DatasetFolder(place, *layout)


class Predicted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recording of the index."""

    name: FileName
    activity: str | None
    model: FileName
    fingerprint: str | None


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``predictions.json``, which is written once all recordings are."""

    source: DatasetSource
    recordings: Annotated[list[Predicted], Meta(min_length=1)]


@dataclass(frozen=True)
class Opened:
    """The recordings that were predicted, in order, and the classes of their ground truth."""

    recordings: Recordings
    class_names: dict[int, str]
    exclude: list[int]

    @property
    def labelled(self) -> Recordings:
        """Return the recordings with ground truth."""
        return Recordings([one for one in self.recordings if one.labelled])


@dataclass(frozen=True)
class Scored:
    """Scores of a prediction, and the recordings with ground truth.

    ``evaluations`` are by matching: activity, video, corpus where there are several models, and
    name where that was asked for.
    """

    evaluations: dict[str, Evaluation]
    recordings: Recordings
    class_names: dict[int, str]

    @property
    def matchings(self) -> dict[str, dict[int, int]]:
        """Return the class that each action was matched with, by model."""
        return cast(dict[str, dict[int, int]], self.evaluations["activity"].matching)


class PredictionFolder:
    """The folder of a prediction, to write and to read."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, keep_names: bool = False) -> None:
        """Remove an earlier prediction, so that the folder is unfinished until ``finish``.

        Names of actions and corrected segments mean something as long as the model is the same, and
        then may be kept.
        """
        kinds = (INDEX, "segments.csv", "scores.json", *RESULTS)
        for kind in kinds if keep_names else (*kinds, "names/*.json", "corrected/*.json"):
            for path in self.root.glob(kind):
                path.unlink()

    def write(self, name: str, labels: NDArray[np.int64], assignment: NDArray[np.float32]) -> None:
        """Write one recording: labels (N,) and assignment (N, K)."""
        write_text(self._labels(name), "".join(f"{label}\n" for label in labels.tolist()))
        write_array(self._assignment(name), assignment)

    def finish(self, source: DatasetSource, recordings: Recordings, models: dict[str, str]) -> None:
        """Write the segment table and the index; ``models`` are by the recordings' names."""
        self._write_table(recordings, models)
        known = fingerprints(recordings)
        named = ((one.name, one.activity) for one in recordings)
        entries = [Predicted(name, group, models[name], known[name]) for name, group in named]
        write_json(self.root / INDEX, msgspec.to_builtins(Index(source, entries)))

    @property
    def finished(self) -> bool:
        """Tell whether all recordings have been written."""
        return (self.root / INDEX).is_file()

    def covers(self, recordings: Recordings) -> bool:
        """Tell whether the prediction is finished, and of these recordings' present files."""
        return self.finished and self.fingerprints() == fingerprints(recordings)

    def index(self) -> Index:
        """Read the index that ``finish`` wrote."""
        if not self.finished:
            message = f"holds no finished predictions ({INDEX} is missing): run asot segment, "
            raise FileError.at(self.root, f"{message}asot train or asot predict first")
        index = read_json(self.root / INDEX, Index, AGAIN)
        names = [one.name for one in index.recordings]
        if len(set(names)) < len(names):
            twice = max(names, key=names.count)
            raise FileError.at(self.root / INDEX, f"names {twice!r} twice: {AGAIN}")
        return index

    def models(self) -> dict[str, str]:
        """Return the model that labelled each recording, by the recording's name."""
        return {one.name: one.model for one in self.index().recordings}

    def fingerprints(self) -> dict[str, str | None]:
        """Return the fingerprints of the recordings' files when predicted, as far as known."""
        return {one.name: one.fingerprint for one in self.index().recordings}

    def n_actions(self, model: str) -> int:
        """Return K of a model, which is the same for all its recordings."""
        own = [self._assignment(name) for name, one in self.models().items() if one == model]
        counts = {FeatureFile(path).shape[1]: path for path in own}
        if len(counts) > 1:
            found = " and ".join(f"{count} in {path.name}" for count, path in counts.items())
            message = f"holds different numbers of actions for the model {model!r} ({found})"
            raise FileError.at(own[0].parent, f"{message}: {AGAIN}")
        return next(iter(counts))

    def labels(self, name: str) -> NDArray[np.int64]:
        """Read the labels (N,) of a recording, from -1 to K - 1."""
        path = self._labels(name)
        n_frames, n_actions = FeatureFile(self._assignment(name)).shape
        try:
            labels = np.array(read_lines(path), dtype=np.int64)
        except (ValueError, OverflowError):
            raise FileError.at(path, f"does not hold a whole number a line: {AGAIN}") from None
        low, high = labels.min(), labels.max()
        message = None
        if len(labels) != n_frames:
            message = f"has {plural(len(labels), 'label')} where its assignment has {n_frames:,}"
        elif low < UNLABELLED or high >= n_actions:
            message = f"has labels from {low} to {high}, not from -1 to {n_actions - 1}"
        if message is not None:
            raise FileError.at(path, f"{message}: {AGAIN}")
        return labels

    def labels_of(self, recording: Recording) -> NDArray[np.int64]:
        """Read the labels (N,) of a recording, which must have N frames still."""
        labels = self.labels(recording.name)
        if len(labels) != recording.n_frames:
            frames = plural(recording.n_frames, "frame")
            message = f"has {len(labels)} labels for {recording.name}, which has {frames} now"
            raise FileError.at(self.root, f"{message}: {AGAIN}")
        return labels

    def assignment(self, name: str) -> NDArray[np.float32]:
        """Read the soft assignment (N, K) of a recording."""
        path = self._assignment(name)
        # Read as a whole, as some systems cannot replace a file that is mapped.
        assignment = np.array(FeatureFile(path).open())
        if assignment.min() < 0:
            raise FileError.at(path, f"holds a share below 0, {assignment.min()}: {AGAIN}")
        return assignment

    def named(self, model: str) -> bool:
        """Tell whether people gave names to a model's actions."""
        return self._names(model).is_file()

    def names(self, model: str, n_actions: int) -> ActionNames:
        """Read the names of a model's K actions, which are empty where nobody gave any."""
        path = self._names(model)
        return read_names(path, n_actions) if path.is_file() else ActionNames()

    def write_names(self, model: str, names: ActionNames) -> None:
        """Write the names of a model's actions, for a segment table that is yet to be written."""
        write_names(self._names(model), names)

    def rename(self, recordings: Recordings, model: str, names: ActionNames) -> None:
        """Replace the names of a model's actions, and write the segment table anew."""
        self.write_names(model, names)
        self._write_table(recordings, self.models())

    def corrected(self, name: str, n_actions: int) -> Corrected | None:
        """Read a recording's corrected segments, of ``n_actions`` with those that people added."""
        path = self._corrected(name)
        return read_corrected(path, n_actions) if path.is_file() else None

    def write_corrected(self, name: str, corrected: Corrected) -> None:
        """Write a recording's corrected segments, for a segment table that is yet to be written."""
        path = self._corrected(name)
        if corrected.segments:
            write_corrected(path, corrected)
        else:
            path.unlink(missing_ok=True)

    def truth_path(self, name: str) -> Path:
        """Return the file of a recording's corrected labels, which need not exist."""
        return self.root / "truth" / name

    def has_truth(self, name: str) -> bool:
        """Tell whether people gave labels for a recording."""
        return self.truth_path(name).is_file()

    def data_root(self, root: Path | None = None) -> Path:
        """Return where the data set is: at ``root``, or where it was, or beside the predictions."""
        if root is None:
            # A folder of asot segment, moved or copied as a whole, has its data in it.
            results = self.root.absolute().parent
            own = (results / DESCRIPTION).is_file() and (results / "data" / "features").is_dir()
            root = results / "data" if own else Path(self.index().source.root)
        if not (root / "features").is_dir():
            raise FileError.at(root, "is gone: say where the data set is now with --data")
        return root

    def open_data(self, root: Path | None = None) -> Opened:
        """Open the recordings that were predicted.

        Labels that people corrected are the ground truth where there are any; else it is that of
        the data set; see :meth:`data_root`.
        """
        index = self.index()
        source, root = index.source, self.data_root(root)
        dataset = source.open(root)
        known = {one.name: one for one in dataset.recordings()}
        names = [one.name for one in index.recordings]
        missing = [name for name in names if name not in known]
        if missing:
            message = f"no longer holds {missing[0]}, which {self.root} predicted: {AGAIN}"
            raise FileError.at(root, message)
        corrected = {name: self.truth_path(name) for name in names if self._fits(known[name])}
        if not corrected:
            recordings = Recordings([known[name] for name in names])
            return Opened(recordings, dataset.class_names or {}, source.exclude)
        classes = ClassTable(None, corrected.values())
        truths = {name: GroundTruthFile(path, classes) for name, path in corrected.items()}
        recordings = Recordings([known[name].with_ground_truth(truths.get(name)) for name in names])
        return Opened(recordings, classes.names or {}, [])

    def timeline(self, recording: Recording, model: str) -> Timeline:
        """Return one recording's segments, corrected, under the names that its actions have now."""
        labels, assignment = self.labels_of(recording), self.assignment(recording.name)
        names = self.names(model, assignment.shape[1])
        n_actions = assignment.shape[1] + names.added
        corrected = self.corrected(recording.name, n_actions)
        times, origin = recording.times, recording.origin
        shares = np.pad(assignment, ((0, 0), (0, names.added)))
        checked = np.zeros(len(labels), dtype=bool)
        if corrected is not None and corrected.frames == len(labels):
            labels, checked = corrected.apply(labels), corrected.checked
            shares[checked] = np.arange(n_actions) == labels[checked, None]
        rows = segment_table(
            recording.name,
            names.apply(labels),
            names.shares(shares),
            action_names={action: names.name(action) for action in range(n_actions)},
            times=times,
        )
        if corrected is not None:
            rows = [
                replace(
                    row,
                    checked=float(checked[row.start_frame : row.end_frame].mean()),
                    note=notes_within(corrected.segments, row.start_frame, row.end_frame),
                )
                for row in rows
            ]
        # A video with another clock than the recording's would be cut at the wrong places.
        video = origin.video if origin is not None and abs(origin.video_shift_s) < 1e-3 else None
        rate = None if origin is None else origin.media.get("frame_rate")
        return Timeline(
            recording.name,
            tuple(rows),
            len(labels),
            times,
            video,
            rate or (origin.media.get("video_rate") if origin is not None else None),
            {names.name(one): one for one in range(n_actions) if names.target(one) == one},
        )

    def _fits(self, recording: Recording) -> bool:
        """Tell whether there are corrected labels of a recording, of as many frames as it has."""
        if not self.has_truth(recording.name):
            return False
        path = self.truth_path(recording.name)
        n_labels = len(read_lines(path))
        if n_labels != recording.n_frames:
            logger.warning(
                "%s has %s labels, but %s has %s frames now: they are left out; correct it again.",
                *(path, f"{n_labels:,}", recording.name, f"{recording.n_frames:,}"),
            )
        return n_labels == recording.n_frames

    def _write_table(self, recordings: Recordings, models: dict[str, str]) -> None:
        timelines = (self.timeline(one, models[one.name]) for one in recordings)
        write_csv(self.root / "segments.csv", (row for one in timelines for row in one.rows))

    def _names(self, model: str) -> Path:
        return self.root / "names" / f"{model}.json"

    def _corrected(self, name: str) -> Path:
        return self.root / "corrected" / f"{name}.json"

    def _labels(self, name: str) -> Path:
        return self.root / "labels" / f"{name}.txt"

    def _assignment(self, name: str) -> Path:
        return self.root / "assignments" / f"{name}.npy"


def fingerprints(recordings: Recordings) -> dict[str, str | None]:
    """Return the fingerprints of the recordings' files by name, as far as known."""
    origins = {one.name: one.origin for one in recordings}
    return {name: None if one is None else one.fingerprint for name, one in origins.items()}


def _class_numbers(
    names: ActionNames, labels: NDArray[np.int64], numbers: dict[str, int]
) -> NDArray[np.int64]:
    """Return the class with the name of each label's action (N,), by ``numbers``.

    A name that no class has is added to ``numbers``. Background is the class of that name.
    """
    result = np.full_like(labels, numbers.get(BACKGROUND, UNLABELLED))
    actions = names.apply(labels)
    for action in np.unique(actions[actions != UNLABELLED]).tolist():
        free = max(numbers.values(), default=UNLABELLED) + 1
        result[actions == action] = numbers.setdefault(names.name(action), free)
    result[labels == UNLABELLED] = UNLABELLED
    return result


def find_predictions(root: Path) -> PredictionFolder:
    """Find the prediction in a folder of asot segment, asot train or asot predict.

    It may lie in a folder ``run-SEED`` below, as asot demo leaves it, where there is one alone.
    """
    if not root.is_dir():
        raise FileError.at(root, "is not a folder: name one of asot segment, train or predict")
    places = [PredictionFolder(place) for place in (root, root / "predictions")]
    below = [PredictionFolder(one.parent) for one in root.glob(f"run-*/predictions/{INDEX}")]
    places += below if len(below) == 1 else []
    folder = next((one for one in places if one.finished), places[0])
    folder.index()
    return folder


def score(folder: PredictionFolder, data_root: Path | None = None, by_name: bool = False) -> Scored:
    """Compare a prediction with the ground truth of its data set, and write ``scores.json``.

    Each model has a matching of its own, as its recordings share the meaning of their actions.
    Actions that people merged count as a single action. ``data_root`` is as for ``open_data``.
    ``by_name`` adds a comparison of the actions' names with those of the classes.
    """
    models = folder.models()
    opened = folder.open_data(data_root)
    recordings = opened.labelled
    if not recordings:
        raise FileError.at(
            folder.root,
            "has no ground truth to be compared with: put one label a line into "
            "groundTruth/<recording> of its data set, or name corrected labels with --truth",
        )
    predictions, truths, named = [], [], []
    given: dict[str, ActionNames] = {}
    counts: dict[str, int] = {}
    numbers = {name: number for number, name in opened.class_names.items()}
    for one in recordings:
        labels, model = folder.labels_of(one), models[one.name]
        if model not in given:
            counts[model] = folder.n_actions(model)
            given[model] = folder.names(model, counts[model])
        predictions.append(given[model].grouped(labels))
        truths.append(one.ground_truth)
        if by_name:
            named.append(_class_numbers(given[model], labels, numbers))
    names = [models[one.name] for one in recordings]
    exclude = opened.exclude or None
    several = len(set(names)) > 1
    options: dict[str, Any] = {"exclude": exclude, "activities": names, "n_actions": counts}
    evaluations = {
        one: evaluate(predictions, truths, matching=one, **options)
        for one in (("activity", "video", "corpus") if several else ("activity", "video"))
    }
    if by_name:
        classes = set(opened.class_names.values())
        if not any(classes.intersection(one.names.values()) for one in given.values()):
            raise FileError.at(
                folder.root,
                f"has no action with the name of a class ({listing(sorted(classes)) or 'none'}): "
                f"give the actions the names of the classes with asot relabel",
            )
        evaluations["name"] = evaluate(named, truths, matching="name", **options)
    written = {
        "recordings": list(recordings.names),
        "exclude": opened.exclude,
        "class_names": opened.class_names,
        "evaluations": {name: one.to_dict() for name, one in evaluations.items()},
    }
    write_json(folder.root / "scores.json", written)
    return Scored(evaluations, recordings, opened.class_names)
