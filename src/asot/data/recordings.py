"""Recordings: features, and as far as known their ground truth, times, activity and origin.

The arrays are in memory, or in files that are read at first use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.data.features import FeatureFile
from asot.data.origin import Origin, read_origin, read_times
from asot.data.textfiles import GroundTruthFile
from asot.errors import ArgumentError, FileError, require_number
from asot.text import plural, printable
from asot.timeline.segments import even_times

Features = NDArray[np.floating[Any]]


class Recording:
    """One recording. Nothing is read from disk before it is asked for.

    Parameters
    ----------
    name, activity : str
        The recording's name, and the activity it belongs to, if any.
    features : (N, D) array or FeatureFile
        One row a frame.
    ground_truth : (N,) int64 array, GroundTruthFile or None
        One class id a frame.
    frame_rate : float or None
        Frames per second.
    times, origin : Path or None
        Files of the frames' times, which go before ``frame_rate``, and of the features' origin,
        which may also be given itself.
    """

    def __init__(
        self,
        name: str,
        features: Features | FeatureFile,
        ground_truth: NDArray[np.int64] | GroundTruthFile | None = None,
        activity: str | None = None,
        frame_rate: float | None = None,
        times: Path | None = None,
        origin: Path | Origin | None = None,
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
        """Return the finite (N, D) features: as given, or float32 and read-only from a file."""
        return self._features.open() if isinstance(self._features, FeatureFile) else self._features

    @property
    def n_frames(self) -> int:
        """Return the number of frames, N."""
        return int(self._features.shape[0])

    @property
    def width(self) -> int:
        """Return the number of feature columns, D."""
        return int(self._features.shape[1])

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the paths of features and ground truth, as far as they come from files."""
        parts = self._features, self._ground_truth
        return tuple(part.path for part in parts if isinstance(part, FeatureFile | GroundTruthFile))

    @property
    def labelled(self) -> bool:
        """Tell whether there is ground truth, without reading it."""
        return self._ground_truth is not None

    @property
    def ground_truth(self) -> NDArray[np.int64] | None:
        """Return the (N,) int64 class ids, read at each use; None without ground truth."""
        if not isinstance(self._ground_truth, GroundTruthFile):
            return self._ground_truth
        labels = self._ground_truth.read()
        path = self._features.path.name if isinstance(self._features, FeatureFile) else self.name
        if message := length_defect(self._features.shape, len(labels), path):
            raise FileError.at(self._ground_truth.path, message)
        return labels

    def with_ground_truth(self, ground_truth: GroundTruthFile | None) -> Recording:
        """Return the same recording with other ground truth, or without any."""
        other = copy(self)
        other._ground_truth = ground_truth
        return other

    @property
    def times(self) -> NDArray[np.float64] | None:
        """Return (N + 1,) seconds: when each frame begins and the last ends; None if unknown."""
        if self._times is not None:
            return read_times(self._times, self.n_frames)
        return None if self.frame_rate is None else even_times(self.n_frames, self.frame_rate)

    @property
    def origin(self) -> Origin | None:
        """Return the origin of the features; None if unknown."""
        return read_origin(self._origin) if isinstance(self._origin, Path) else self._origin

    def with_origin(self, origin: Origin) -> Recording:
        """Return the same recording with another origin than its file has."""
        other = copy(self)
        other._origin = origin
        return other

    def __repr__(self) -> str:
        known = [f"activity={self.activity!r}"] if self.activity is not None else []
        known += ["with ground truth"] if self.labelled else []
        return f"<Recording {', '.join([repr(self.name), *known])}>"


def length_defect(shape: tuple[int, ...], n_labels: int, path: str) -> str | None:
    """Describe how a number of labels misfits the shape of features; None where it fits."""
    if shape[0] == n_labels:
        return None
    path = printable(path)
    message = f"has {n_labels:,} labels where {path} has {shape[0]:,} frames"
    if shape[1] == n_labels:
        how = "as MS-TCN does: turn it with --dataset.transposed true"
        message += f"; {path} seems to be stored as (columns, frames), {how}"
    return message


def transposed_hint(shapes: Sequence[tuple[int, int]], cure: str) -> str | None:
    """Say that features look as if they were (columns, frames); None where they do not.

    ``shapes`` are those of recordings without times; ``cure`` is the option that turns them.

    Examples
    --------
    >>> transposed_hint([(64, 300), (64, 250)], "--transposed")
    'the features are 64 frames of 300 columns, and likewise in all recordings: if they are \
(columns, frames), transpose them with --transposed'
    >>> transposed_hint([(300, 64), (40, 64)], "--transposed")
    """
    frames, columns = [{shape[axis] for shape in shapes} for axis in (0, 1)]
    wide = all(n_frames < width for n_frames, width in shapes)
    if not shapes or not (wide or (len(frames) == 1 and len(columns) > 1)):
        return None
    first = f"{plural(shapes[0][0], 'frame')} of {plural(shapes[0][1], 'column')}"
    return (
        f"the features are {first}, and likewise in all recordings: if they are "
        f"(columns, frames), transpose them with {cure}"
    )


class Recordings(Sequence[Recording]):
    """A sequence of recordings; indexing by a slice or an array of integers gives Recordings too.

    Examples
    --------
    >>> corpus = Recordings.from_arrays([np.zeros((5, 2)), np.ones((3, 2))], names=["a", "b"])
    >>> corpus[1].n_frames, corpus[[1, 0]].names, len(corpus.features)
    (3, ('b', 'a'), 2)
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = tuple(recordings)

    @classmethod
    def from_arrays(
        cls,
        features: Sequence[ArrayLike],
        names: Sequence[str] | None = None,
        ground_truth: Sequence[ArrayLike | None] | None = None,
        activities: Sequence[str | None] | None = None,
        frame_rate: float | None = None,
    ) -> Recordings:
        """Make recordings of arrays in memory; an argument that breaks a rule is an ArgumentError.

        Parameters
        ----------
        features : sequence of (N_i, D) array-like
            Real and finite. Floating arrays are kept as they are, others become float32.
        names : sequence of str, optional
            A name for each recording, all different; ``recording-1``, ... by default.
        ground_truth, activities : sequence, optional
            For each recording (N_i,) int class ids and a name, or None.
        frame_rate : float, optional
            Frames per second, of all recordings.
        """
        count = len(features)
        if names is None:
            names = [f"recording-{i:0{len(str(count))}d}" for i in range(1, count + 1)]
        lists = {"names": names, "ground_truth": ground_truth, "activities": activities}
        for setting, values in lists.items():
            if values is not None and len(values) != count:
                rule = f"must have one entry for each of the {count} recordings"
                message = f"{setting} {rule}, but has {len(values)}."
                raise ArgumentError(message, setting=setting)
        if len(set(names)) != count:
            twice = Counter(names).most_common(1)[0][0]
            message = f"names must differ from each other, but {twice!r} comes twice."
            raise ArgumentError(message, setting="names")
        if frame_rate is not None:
            require_number("frame_rate", frame_rate, above=0)
        recordings = []
        for i in range(count):
            array = _checked_features(i, features[i])
            truth = None if ground_truth is None else ground_truth[i]
            labels = None if truth is None else _checked_labels(i, truth, len(array))
            activity = None if activities is None else activities[i]
            recordings.append(Recording(names[i], array, labels, activity, frame_rate))
        return cls(recordings)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of each recording."""
        return tuple(recording.name for recording in self)

    @property
    def activities(self) -> tuple[str | None, ...]:
        """Return the activity of each recording."""
        return tuple(recording.activity for recording in self)

    @property
    def features(self) -> LazyArrays:
        """Return the features of each recording: a sequence that opens them when it is indexed."""
        return LazyArrays(self, "features")

    @property
    def truths(self) -> LazyArrays:
        """Return the ground truth of each recording, which is read when it is indexed."""
        return LazyArrays(self, "ground_truth")

    @property
    def ground_truth(self) -> list[NDArray[np.int64] | None]:
        """Read the ground truth of every recording."""
        return [recording.ground_truth for recording in self]

    @overload
    def __getitem__(self, index: int) -> Recording: ...
    @overload
    def __getitem__(self, index: slice | ArrayLike) -> Recordings: ...
    def __getitem__(self, index: Any) -> Recording | Recordings:
        if isinstance(index, slice):
            return Recordings(self._recordings[index])
        array = np.asarray(index)
        if array.dtype == bool and array.shape == (len(self),):
            array = np.flatnonzero(array)
        if array.ndim > 1 or (array.dtype.kind not in "iu" and array.shape != (0,)):
            raise ArgumentError(
                "recordings are chosen by an integer, a slice, a list of integers or a mask with "
                f"one entry a recording, but the index is a {type(index).__name__} of shape "
                f"{array.shape}."
            )
        if array.ndim == 0:
            return self._recordings[int(array)]
        return Recordings(self._recordings[i] for i in array.tolist())

    def __len__(self) -> int:
        return len(self._recordings)

    def __add__(self, other: Recordings) -> Recordings:
        return Recordings([*self, *other])

    def __repr__(self) -> str:
        return f"<{len(self)} Recordings>"


class LazyArrays(Sequence[Any]):
    """A property of recordings, such as their features, each read when it is indexed."""

    def __init__(self, recordings: Recordings, name: str) -> None:
        self._recordings = recordings
        self._name = name

    def __getitem__(self, index: Any) -> Any:
        return getattr(self._recordings[index], self._name)

    def __len__(self) -> int:
        return len(self._recordings)


def _checked_features(i: int, values: ArrayLike) -> Features:
    array = np.asarray(values)
    broken = ""
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        broken = "be a two-dimensional array of real numbers, (frames, columns)"
    elif 0 in array.shape:
        broken = "hold at least one number"
    if broken:
        but = f"but has shape {array.shape} and type {array.dtype}"
        raise ArgumentError(f"features[{i}] must {broken}, {but}.", setting=f"features[{i}]")
    floating = array if array.dtype.kind == "f" else array.astype(np.float32)
    if not np.isfinite(floating).all():
        frame, column = np.argwhere(~np.isfinite(floating))[0]
        but = f"but is {floating[frame, column]} in frame {frame}, column {column}"
        raise ArgumentError(f"features[{i}] must be finite, {but}.", setting=f"features[{i}]")
    return floating


def _checked_labels(i: int, values: ArrayLike, n_frames: int) -> NDArray[np.int64]:
    labels = np.asarray(values)
    if labels.shape != (n_frames,) or labels.dtype.kind not in "iu":
        rule = f"must hold one integer for each of the {n_frames} frames"
        message = f"{rule}, but has shape {labels.shape} and type {labels.dtype}"
        raise ArgumentError(f"ground_truth[{i}] {message}.", setting=f"ground_truth[{i}]")
    return labels.astype(np.int64)
