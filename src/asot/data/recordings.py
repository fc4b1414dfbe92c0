"""Sequences of recordings, from files or from arrays in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.data.recording import Features, Recording
from asot.errors import ArgumentError

__all__ = ["FeatureSequence", "Recording", "Recordings"]


class Recordings(Sequence[Recording]):
    """A sequence of recordings; slices and index arrays give recordings again.

    Parameters
    ----------
    recordings : iterable of Recording
        The recordings, in order.

    Examples
    --------
    >>> corpus = Recordings.from_arrays([np.zeros((5, 2)), np.ones((3, 2))], names=["a", "b"])
    >>> corpus[1].n_frames, corpus[[1, 0]].names, len(corpus.features)
    (3, ('b', 'a'), 2)
    """

    def __init__(self, recordings: Sequence[Recording] | Iterator[Recording]) -> None:
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
        """Make recordings of arrays in memory.

        Parameters
        ----------
        features : sequence of (N_i, D) array-like
            Real and finite. Floating arrays are kept as they are, others become float32.
        names : sequence of str, optional
            One name a recording, each once; ``recording-1``, ... by default.
        ground_truth : sequence of (N_i,) int array-like or None, optional
            Class ids.
        activities : sequence of str or None, optional
            One activity a recording.
        frame_rate : float, optional
            Frames per second, of all recordings.

        Raises
        ------
        ArgumentError
            If the arguments differ in length, or an array breaks one of these rules.
        """
        count = len(features)
        if names is None:
            names = [f"recording-{i:0{len(str(count))}d}" for i in range(1, count + 1)]
        for argument, values in [
            ("names", names),
            ("ground_truth", ground_truth),
            ("activities", activities),
        ]:
            if values is not None and len(values) != count:
                raise ArgumentError(
                    f"{argument} must have one entry for each of the {count} recordings, "
                    f"got {len(values)}."
                )
        if len(set(names)) != count:
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise ArgumentError(f"names must differ from each other, but {twice!r} comes twice.")
        if frame_rate is not None and not (np.isfinite(frame_rate) and frame_rate > 0):
            raise ArgumentError(f"frame_rate must be positive, got {frame_rate}.")
        recordings = []
        for i in range(count):
            array = _checked_features(i, features[i])
            given = None if ground_truth is None else ground_truth[i]
            recordings.append(
                Recording(
                    names[i],
                    array,
                    ground_truth=None if given is None else _checked_labels(i, given, len(array)),
                    activity=None if activities is None else activities[i],
                    frame_rate=frame_rate,
                )
            )
        return cls(recordings)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each recording."""
        return tuple(recording.name for recording in self)

    @property
    def activities(self) -> tuple[str | None, ...]:
        """The activity of each recording."""
        return tuple(recording.activity for recording in self)

    @property
    def features(self) -> FeatureSequence:
        """The features of each recording: a sequence of arrays that opens them when indexed."""
        return FeatureSequence(self)

    @property
    def ground_truth(self) -> list[NDArray[np.int64] | None]:
        """The ground truth of each recording, all read now."""
        return [recording.ground_truth for recording in self]

    @overload
    def __getitem__(self, index: int) -> Recording: ...
    @overload
    def __getitem__(self, index: slice | ArrayLike) -> Recordings: ...
    def __getitem__(self, index: Any) -> Recording | Recordings:
        chosen = _choose(len(self), index)
        if isinstance(chosen, int):
            return self._recordings[chosen]
        return Recordings([self._recordings[i] for i in chosen])

    def __len__(self) -> int:
        return len(self._recordings)

    def __add__(self, other: Recordings) -> Recordings:
        return Recordings([*self, *other])

    def __repr__(self) -> str:
        return f"<{len(self)} Recordings>"


class FeatureSequence(Sequence[Features]):
    """The features of recordings, each opened when it is indexed.

    Parameters
    ----------
    recordings : Recordings
        Whose features.
    """

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    @overload
    def __getitem__(self, index: int) -> Features: ...
    @overload
    def __getitem__(self, index: slice | ArrayLike) -> FeatureSequence: ...
    def __getitem__(self, index: Any) -> Features | FeatureSequence:
        chosen = self._recordings[index]
        return chosen.features

    def __len__(self) -> int:
        return len(self._recordings)

    def __repr__(self) -> str:
        return f"<features of {len(self)} Recordings>"


def _choose(length: int, index: Any) -> int | list[int]:
    """Turn an index, slice, index array or mask into positions."""
    if isinstance(index, slice):
        return list(range(length))[index]
    array = np.asarray(index)
    if array.size == 0 and array.ndim == 1:
        return []
    if array.dtype == bool and array.shape == (length,):
        return [int(i) for i in np.flatnonzero(array)]
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise ArgumentError(
            "recordings are chosen by an integer, a slice, a list of integers or a mask with one "
            f"entry a recording, got {type(index).__name__} of shape {array.shape}."
        )
    if array.ndim == 0:
        return int(array)
    return [int(i) for i in array]


def _checked_features(i: int, given: ArrayLike) -> Features:
    array = np.asarray(given)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ArgumentError(
            f"features[{i}] must be a two-dimensional array of real numbers, (frames, columns), "
            f"got shape {array.shape} and type {array.dtype}."
        )
    if 0 in array.shape:
        raise ArgumentError(f"features[{i}] must hold at least one number, got {array.shape}.")
    floating = array if array.dtype.kind == "f" else array.astype(np.float32)
    if not np.isfinite(floating).all():
        frame, column = np.argwhere(~np.isfinite(floating))[0]
        raise ArgumentError(
            f"features[{i}] must be finite, got {floating[frame, column]} in frame {frame}, "
            f"column {column}."
        )
    return floating


def _checked_labels(i: int, given: ArrayLike, n_frames: int) -> NDArray[np.int64]:
    labels = np.asarray(given)
    if labels.shape != (n_frames,) or labels.dtype.kind not in "iu":
        raise ArgumentError(
            f"ground_truth[{i}] must hold one integer for each of the {n_frames} frames, "
            f"got shape {labels.shape} and type {labels.dtype}."
        )
    return labels.astype(np.int64)
