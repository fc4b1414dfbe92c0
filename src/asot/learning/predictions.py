"""The folder of a prediction: labels, soft assignments and one segment table.

::

    predictions.json              which recordings, of which data set, by which model
    labels/<recording>.txt        one action number a line, one line a frame
    assignments/<recording>.npy   (N, K) float32, rows sum to 1
    segments.csv                  recording, start_frame, end_frame, start_s, end_s, action, ...
    scores.json                   written by an evaluation
    figures/                      pictures
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import DatasetFolder, Recordings
from asot.errors import DataError
from asot.export.csv import write_csv
from asot.files import write_array, write_json, write_text
from asot.metrics import Evaluation, evaluate
from asot.segments import SegmentRow, segment_table

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


class PredictionFolder:
    """Writes and reads the folder of a prediction.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self) -> None:
        """Take the folder for unfinished until ``finish``, and remove what it predicted before."""
        for kind in (INDEX, "segments.csv", "scores.json", *RESULTS):
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
        rows: list[SegmentRow] = []
        for recording in recordings:
            labels, assignment = self.labels(recording.name), self.assignment(recording.name)
            rows += segment_table(recording.name, labels, assignment, recording.frame_rate)
        write_csv(self.root / "segments.csv", rows)
        index = {
            "source": asdict(source),
            "recordings": [
                {"name": one.name, "activity": one.activity, "model": models[one.name]}
                for one in recordings
            ],
        }
        write_json(self.root / INDEX, index)

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

    def assignment(self, name: str) -> NDArray[np.float32]:
        """The soft assignment (N, K) of a recording."""
        path = self._assignment(name)
        try:
            loaded: NDArray[np.float32] = np.load(path, allow_pickle=False)
            return loaded
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error

    def _labels(self, name: str) -> Path:
        return self.root / "labels" / f"{name}.txt"

    def _assignment(self, name: str) -> Path:
        return self.root / "assignments" / f"{name}.npy"


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


def score(folder: PredictionFolder, data_root: Path | None = None) -> Scored:
    """Compare a prediction with the ground truth of its data set, and write ``scores.json``.

    One matching for each model: recordings that one model labelled share the meaning of its
    actions.

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
    index = folder.index()
    source = Source(**index["source"])
    dataset = source.open(data_root)
    models = {one["name"]: one["model"] for one in index["recordings"]}
    found = dataset.recordings()
    recordings = Recordings([one for one in found if one.name in models and one.labelled])
    if not recordings:
        raise DataError(
            f"{dataset.root} holds no ground truth for the predicted recordings: "
            "put one label a line into groundTruth/<recording>, or name another --data."
        )
    predictions, truths = [], []
    for one in recordings:
        labels, truth = folder.labels(one.name), one.ground_truth
        if truth is None or len(labels) != len(truth):
            raise DataError(
                f"{folder.root} has {len(labels)} labels for {one.name}, but its ground truth has "
                f"{0 if truth is None else len(truth)}: predict it again."
            )
        predictions.append(labels)
        truths.append(truth)
    names = [models[one.name] for one in recordings]
    several = len(set(names)) > 1
    evaluations = {
        matching: evaluate(
            predictions,
            truths,
            matching=matching,
            exclude=source.exclude or None,
            activities=names,
        )
        for matching in (("activity", "video", "corpus") if several else ("activity", "video"))
    }
    class_names = dataset.class_names or {}
    written = {
        "recordings": list(recordings.names),
        "exclude": source.exclude,
        "class_names": {str(key): name for key, name in class_names.items()},
        "evaluations": {name: one.to_dict() for name, one in evaluations.items()},
    }
    write_json(folder.root / "scores.json", written)
    return Scored(evaluations, recordings, class_names)
