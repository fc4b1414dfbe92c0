"""One recording: features, and where they are known ground truth, activity and frame rate."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.features import FeatureFile
from asot.data.labels import GroundTruthFile
from asot.data.origin import Origin, read_origin, read_times
from asot.errors import FileError
from asot.text import printable
from asot.timeline.timelines import even_times

Features = NDArray[np.floating[Any]]


class Recording:
    """One recording. Nothing is read from disk before it is asked for.

    Parameters
    ----------
    name : str
        The recording's name.
    features : (N, D) array or FeatureFile
        One row a frame.
    ground_truth : (N,) int64 array, GroundTruthFile or None
        One class id a frame.
    activity : str or None
        The activity it belongs to.
    frame_rate : float or None
        Frames per second.
    times : Path or None
        A file of the frames' times, which then go before ``frame_rate``.
    origin : Path or None
        A file that says where the features come from.
    """

    __slots__ = (
        *("_features", "_ground_truth", "_origin", "_times"),
        *("activity", "frame_rate", "name"),
    )

    def __init__(
        self,
        name: str,
        features: Features | FeatureFile,
        *,
        ground_truth: NDArray[np.int64] | GroundTruthFile | None = None,
        activity: str | None = None,
        frame_rate: float | None = None,
        times: Path | None = None,
        origin: Path | None = None,
    ) -> None:
        self.name = name
        self.activity = activity
        self.frame_rate = frame_rate
        self._features = features
        self._ground_truth = ground_truth
        self._times = times
        self._origin = origin

    @property
    def features(self) -> Features:
        """The (N, D) features, every value finite.

        float32 and read-only from a file (mapped into memory from text and from float32
        ``.npy``); from arrays, what was given.
        """
        return self._features.open() if isinstance(self._features, FeatureFile) else self._features

    @property
    def n_frames(self) -> int:
        """The number of frames, N."""
        return int(self._features.shape[0])

    @property
    def width(self) -> int:
        """The number of feature columns, D."""
        return int(self._features.shape[1])

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it is read from; none where it came as arrays."""
        held = self._features, self._ground_truth
        return tuple(one.path for one in held if isinstance(one, (FeatureFile, GroundTruthFile)))

    @property
    def labelled(self) -> bool:
        """Whether there is ground truth; answers without reading it."""
        return self._ground_truth is not None

    @property
    def ground_truth(self) -> NDArray[np.int64] | None:
        """The (N,) int64 class ids, read at each use; None where there are none."""
        if not isinstance(self._ground_truth, GroundTruthFile):
            return self._ground_truth
        labels = self._ground_truth.read()
        message = length_defect(self._features.shape, len(labels), self._where())
        if message is not None:
            raise FileError.at(self._ground_truth.path, message)
        return labels

    def with_ground_truth(self, ground_truth: GroundTruthFile | None) -> Recording:
        """The same recording with other ground truth, or none."""
        other = copy(self)
        other._ground_truth = ground_truth
        return other

    @property
    def times(self) -> NDArray[np.float64] | None:
        """The (N + 1,) seconds between which the frames last; None where nobody knows."""
        if self._times is not None:
            return read_times(self._times, self.n_frames)
        return None if self.frame_rate is None else even_times(self.n_frames, self.frame_rate)

    @property
    def origin(self) -> Origin | None:
        """Where the features come from; None where nobody knows."""
        return None if self._origin is None else read_origin(self._origin)

    def _where(self) -> str:
        return self._features.path.name if isinstance(self._features, FeatureFile) else self.name

    def __repr__(self) -> str:
        known = [f"activity={self.activity!r}"] if self.activity is not None else []
        known += ["with ground truth"] if self.labelled else []
        return f"<Recording {', '.join([repr(self.name), *known])}>"


def length_defect(shape: tuple[int, ...], n_labels: int, where: str) -> str | None:
    """Say in what way labels do not fit features, or return None if they do.

    Parameters
    ----------
    shape : (int, int)
        Frames and columns of the features.
    n_labels : int
        The number of labels.
    where : str
        The name of the features, for the message.
    """
    if shape[0] == n_labels:
        return None
    where = printable(where)
    message = f"has {n_labels:,} labels where {where} has {shape[0]:,} frames"
    if shape[1] == n_labels:
        message += (
            f"; {where} seems to be stored as (columns, frames), as MS-TCN does: save its transpose"
        )
    return message
