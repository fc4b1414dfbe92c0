"""The folder of a prediction: labels, soft assignments and one segment table.

::

    predictions.json              which recordings, of which data set, by which model
    labels/<recording>.txt        one action number a line, one line a frame
    assignments/<recording>.npy   (N, K) float32, rows sum to 1
    segments.csv                  recording, start_frame, end_frame, start_s, end_s, action, ...
    names/<model>.json            names that people gave the actions, where they did
    truth/<recording>             labels that people corrected, which then are the ground truth
    scores.json                   written by an evaluation
    figures/                      pictures
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import DatasetFolder, Recording, Recordings
from asot.data.textfiles import ClassTable, GroundTruthFile, read_lines
from asot.errors import DataError
from asot.export.csv import write_csv
from asot.files import write_array, write_json, write_text
from asot.metrics import Evaluation, evaluate
from asot.timeline.names import ActionNames, read_names, write_names
from asot.timeline.segments import segment_table
from asot.timeline.timelines import Timeline

logger = logging.getLogger(__name__)

INDEX = "predictions.json"
RESULTS = ("labels/*.txt", "assignments/*.npy", "figures/*.png")


@dataclass
class Source:
    """The data set that was segmented, as it was opened.

    Attributes
    ----------
    root : str
        Its folder.
    mapping, activity_pattern, frame_rate
        As for ``DatasetFolder``.
    exclude : list of int
        Class ids left out of evaluation.
    """

    root: str
    mapping: str | None = None
    activity_pattern: str | None = None
    frame_rate: float | None = None
    exclude: list[int] = field(default_factory=list)

    def open(self, root: Path | None = None) -> DatasetFolder:
        """The data set, or another one of the same layout at ``root``."""
        return DatasetFolder(
            root or Path(self.root), self.mapping, self.activity_pattern, self.frame_rate
        )


@dataclass(frozen=True)
class Opened:
    """The data that was predicted.

    Attributes
    ----------
    recordings : Recordings
        In the order of the prediction.
    class_names : dict of int to str
        Names of the ground truth's classes.
    exclude : list of int
        Classes left out of evaluation.
    """

    recordings: Recordings
    class_names: dict[int, str]
    exclude: list[int]

    @property
    def labelled(self) -> Recordings:
        """Those with ground truth."""
        return Recordings([one for one in self.recordings if one.labelled])


class PredictionFolder:
    """Writes and reads the folder of a prediction.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, keep_names: bool = False) -> None:
        """Take the folder for unfinished until ``finish``, and remove what it predicted before.

        Names of actions mean something as long as the model is the same.
        """
        kinds = (INDEX, "segments.csv", "scores.json", *RESULTS)
        for kind in kinds if keep_names else (*kinds, "names/*.json"):
            for path in self.root.glob(kind):
                path.unlink()

    def write(self, name: str, labels: NDArray[np.int64], assignment: NDArray[np.float32]) -> None:
        """Write one recording: labels (N,) and assignment (N, K)."""
        write_text(self._labels(name), "".join(f"{label}\n" for label in labels.tolist()))
        write_array(self._assignment(name), assignment)

    def finish(self, source: Source, recordings: Recordings, models: dict[str, str]) -> None:
        """Write the segment table and the index once all recordings are written.

        Parameters
        ----------
        source : Source
            The data set.
        recordings : Recordings
            All recordings of the folder.
        models : dict of str to str
            The model that labelled each recording, by the recording's name.
        """
        self._write_table(recordings, models)
        known = fingerprints(recordings)
        index = {
            "source": asdict(source),
            "recordings": [
                {
                    "name": one.name,
                    "activity": one.activity,
                    "model": models[one.name],
                    "fingerprint": known[one.name],
                }
                for one in recordings
            ],
        }
        write_json(self.root / INDEX, index)

    def covers(self, recordings: Recordings) -> bool:
        """Whether a finished prediction is of just these recordings, as their files are now."""
        return (self.root / INDEX).is_file() and self.fingerprints() == fingerprints(recordings)

    def fingerprints(self) -> dict[str, str | None]:
        """Of the files that the recordings were made of, as far as known, when predicted."""
        return {one["name"]: one.get("fingerprint") for one in self.index()["recordings"]}

    def rename(self, recordings: Recordings, model: str, names: ActionNames) -> None:
        """Give the actions of a model names, and write the segment table anew.

        Parameters
        ----------
        recordings : Recordings
            All recordings of the folder.
        model : str
            The model.
        names : ActionNames
            These take the place of earlier ones.
        """
        self.write_names(model, names)
        self._write_table(recordings, self.models())

    def named(self, model: str) -> bool:
        """Whether people gave names to a model's actions."""
        return self._names(model).is_file()

    def write_names(self, model: str, names: ActionNames) -> None:
        """Write the names of a model's actions, for a segment table that is yet to be written."""
        write_names(self._names(model), names)

    def open_data(self, root: Path | None = None) -> Opened:
        """The recordings that were predicted, and what their ground truth's classes are.

        Labels that people corrected are the ground truth where there are any; else it is that of
        the data set.

        Parameters
        ----------
        root : Path, optional
            Where the data set is now; where it was, or beside the predictions, unless given.

        Raises
        ------
        DataError
            If the data set is no longer there, or lacks a recording.
        """
        index = self.index()
        source = Source(**index["source"])
        if root is None:
            root = next(filter(_holds_features, self._places()), Path(source.root))
        if not (root / "features").is_dir():
            raise DataError(
                f"{root} is no longer there: say where the data set is now with --data."
            )
        dataset = source.open(root)
        known = {one.name: one for one in dataset.recordings()}
        names = [one["name"] for one in index["recordings"]]
        missing = [name for name in names if name not in known]
        if missing:
            raise DataError(
                f"{root} no longer holds {missing[0]}, which {self.root} predicted: predict again."
            )
        corrected = {name: self.truth_path(name) for name in names if self._fits(known[name])}
        if not corrected:
            recordings = Recordings([known[name] for name in names])
            return Opened(recordings, dataset.class_names or {}, source.exclude)
        classes = ClassTable(None, corrected.values())
        truths = {name: GroundTruthFile(path, classes) for name, path in corrected.items()}
        recordings = Recordings([known[name].with_ground_truth(truths.get(name)) for name in names])
        return Opened(recordings, classes.names or {}, [])

    def _places(self) -> Iterator[Path]:
        """Where a folder of asot segment, moved or copied as a whole, has its data."""
        for folder in (self.root.parent, self.root.parent.parent):
            if (folder / "segment.json").is_file():
                yield folder / "data"

    def _fits(self, recording: Recording) -> bool:
        """Whether there are corrected labels of a recording, of as many frames as it has."""
        path = self.truth_path(recording.name)
        if not path.is_file():
            return False
        n_labels = len(read_lines(path))
        if n_labels != recording.n_frames:
            logger.warning(
                "%s has %s labels, but %s has %s frames now: they are left out; correct it again.",
                *(path, f"{n_labels:,}", recording.name, f"{recording.n_frames:,}"),
            )
        return n_labels == recording.n_frames

    def truth_path(self, name: str) -> Path:
        """Where the corrected labels of a recording are, if there are any."""
        return self.root / "truth" / name

    def names(self, model: str, n_actions: int) -> ActionNames:
        """The names of a model's K actions; empty where nobody gave any."""
        path = self._names(model)
        return read_names(path, n_actions) if path.is_file() else ActionNames()

    def models(self) -> dict[str, str]:
        """The model that labelled each recording, by the recording's name."""
        return {one["name"]: one["model"] for one in self.index()["recordings"]}

    def timeline(self, recording: Recording, model: str) -> Timeline:
        """One recording's segments, as its actions are called now."""
        labels, assignment = self.labels_of(recording), self.assignment(recording.name)
        names = self.names(model, assignment.shape[1])
        times = recording.times
        rows = segment_table(
            recording.name,
            names.apply(labels),
            names.shares(assignment),
            action_names=names.table(assignment.shape[1]),
            times=times,
        )
        origin = recording.origin
        is_video = origin is not None and origin.kind == "video"
        return Timeline(
            recording.name,
            tuple(rows),
            len(labels),
            times,
            Path(origin.path) if origin is not None and is_video else None,
            origin.media.get("frame_rate") if origin is not None else None,
        )

    def _write_table(self, recordings: Recordings, models: dict[str, str]) -> None:
        timelines = (self.timeline(one, models[one.name]) for one in recordings)
        write_csv(self.root / "segments.csv", (row for one in timelines for row in one.rows))

    def index(self) -> dict[str, Any]:
        """What ``finish`` wrote.

        Raises
        ------
        DataError
            If the folder holds no finished prediction.
        """
        path = self.root / INDEX
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                f"{self.root} holds no finished predictions ({INDEX} is missing): "
                "run asot train or asot predict first."
            ) from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        if not isinstance(index, dict) or not {"source", "recordings"} <= set(index):
            raise DataError(f"{path} is no index of predictions: run asot predict again.")
        return index

    def labels(self, name: str) -> NDArray[np.int64]:
        """The labels (N,) of a recording."""
        path = self._labels(name)
        try:
            return np.array(path.read_text(encoding="utf-8").split(), dtype=np.int64)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error

    def labels_of(self, recording: Recording) -> NDArray[np.int64]:
        """The labels (N,) of a recording, which must have N frames still.

        Raises
        ------
        DataError
            If they cannot be read, or the recording's features are others now.
        """
        labels = self.labels(recording.name)
        if len(labels) != recording.n_frames:
            raise DataError(
                f"{self.root} has {len(labels)} labels for {recording.name}, which has "
                f"{recording.n_frames} frames now: predict it again."
            )
        return labels

    def assignment(self, name: str) -> NDArray[np.float32]:
        """The soft assignment (N, K) of a recording."""
        path = self._assignment(name)
        try:
            loaded: NDArray[np.float32] = np.load(path, allow_pickle=False)
            return loaded
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error

    def _names(self, model: str) -> Path:
        return self.root / "names" / f"{model}.json"

    def _labels(self, name: str) -> Path:
        return self.root / "labels" / f"{name}.txt"

    def _assignment(self, name: str) -> Path:
        return self.root / "assignments" / f"{name}.npy"


def fingerprints(recordings: Recordings) -> dict[str, str | None]:
    """Of the files that recordings were made of, by the recordings' names, as far as known."""
    origins = {one.name: one.origin for one in recordings}
    return {name: None if one is None else one.fingerprint for name, one in origins.items()}


@dataclass(frozen=True)
class Scored:
    """A prediction beside its ground truth.

    Attributes
    ----------
    evaluations : dict of str to Evaluation
        By matching: activity, video, and corpus where there are several models.
    recordings : Recordings
        Those with ground truth.
    class_names : dict of int to str
        Names of the ground-truth classes.
    """

    evaluations: dict[str, Evaluation]
    recordings: Recordings
    class_names: dict[int, str]


def _holds_features(folder: Path) -> bool:
    return (folder / "features").is_dir()


def find_predictions(root: Path) -> PredictionFolder:
    """The prediction that a folder holds: one of asot segment, asot train or asot predict.

    Raises
    ------
    DataError
        If there is none, or none that is finished.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder: name one of asot segment, train or predict.")
    for place in (root, root / "predictions", root / "run" / "predictions"):
        if (place / INDEX).is_file():
            return PredictionFolder(place)
    raise DataError(
        f"{root} holds no finished predictions ({INDEX} is missing): run asot segment, "
        "asot train or asot predict first."
    )


def score(folder: PredictionFolder, data_root: Path | None = None) -> Scored:
    """Compare a prediction with the ground truth of its data set, and write ``scores.json``.

    One matching for each model: recordings that one model labelled share the meaning of its
    actions. Actions that people merged count as one.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    data_root : Path, optional
        Where the data set is now; where it was unless given.

    Raises
    ------
    DataError
        If no recording has ground truth, or a recording's frames are not those predicted.
    """
    models = folder.models()
    opened = folder.open_data(data_root)
    recordings, class_names = opened.labelled, opened.class_names
    if not recordings:
        raise DataError(
            f"{folder.root} has no ground truth to be compared with: put one label a line into "
            "groundTruth/<recording> of its data set, or name corrected labels with --truth."
        )
    predictions, truths = [], []
    given: dict[str, ActionNames] = {}
    for one in recordings:
        labels, truth = folder.labels(one.name), one.ground_truth
        if truth is None or len(labels) != len(truth):
            raise DataError(
                f"{folder.root} has {len(labels)} labels for {one.name}, but its ground truth has "
                f"{0 if truth is None else len(truth)}: predict it again."
            )
        model = models[one.name]
        if model not in given:
            given[model] = folder.names(model, folder.assignment(one.name).shape[1])
        predictions.append(given[model].grouped(labels))
        truths.append(truth)
    names = [models[one.name] for one in recordings]
    several = len(set(names)) > 1
    evaluations = {
        matching: evaluate(
            predictions,
            truths,
            matching=matching,
            exclude=opened.exclude or None,
            activities=names,
        )
        for matching in (("activity", "video", "corpus") if several else ("activity", "video"))
    }
    written = {
        "recordings": list(recordings.names),
        "exclude": opened.exclude,
        "class_names": {str(key): name for key, name in class_names.items()},
        "evaluations": {name: one.to_dict() for name, one in evaluations.items()},
    }
    write_json(folder.root / "scores.json", written)
    return Scored(evaluations, recordings, class_names)
