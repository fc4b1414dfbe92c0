"""Timelines: one recording's segments in seconds, as exports, imports and reports see them.

A frame lasts from its own moment to the next frame's. Its moments are those of the recording's
file (a video that starts at 0.54 s starts at 0.54 s here), and they need not be evenly spaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.timeline.segments import SegmentRow

# What frames are called that no segment covers, where every frame needs a name.
BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Interval:
    """A label over a stretch of time, as people draw it in an annotation tool.

    Parameters
    ----------
    recording : str
        Name of the recording.
    start_s, end_s : float
        Seconds of the recording's file, ``start_s < end_s``.
    action : str
        The label.

    Raises
    ------
    ArgumentError
        If the stretch is empty or not finite.
    """

    recording: str
    start_s: float
    end_s: float
    action: str

    def __post_init__(self) -> None:
        if not (np.isfinite([self.start_s, self.end_s]).all() and self.start_s < self.end_s):
            raise ArgumentError(
                f"an interval needs start_s < end_s, but {self.action!r} of {self.recording!r} "
                f"lasts from {self.start_s} to {self.end_s} s."
            )


@dataclass(frozen=True, slots=True)
class Timeline:
    """One recording's segments, and what is known of the recording.

    Parameters
    ----------
    recording : str
        Name of the recording.
    rows : tuple of SegmentRow
        In order of time, without overlap; frames that no row covers have no action.
    n_frames : int
        N, the length in frames.
    times : (N + 1,) float64 array, optional
        Seconds: frame ``i`` lasts from ``times[i]`` to ``times[i + 1]``. None where frames have no
        known time.
    media : Path, optional
        The video the recording was made from.
    media_rate : float, optional
        Frames a second of that video, as its file says.
    """

    recording: str
    rows: tuple[SegmentRow, ...]
    n_frames: int
    times: NDArray[np.float64] | None = None
    media: Path | None = None
    media_rate: float | None = None

    @property
    def intervals(self) -> list[Interval]:
        """The rows in seconds.

        Raises
        ------
        ArgumentError
            If the recording's frames have no known time.
        """
        times = self.seconds
        return [
            Interval(
                self.recording,
                float(times[row.start_frame]),
                float(times[row.end_frame]),
                row.action,
            )
            for row in self.rows
        ]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """``times``, or a refusal where they are not known.

        Raises
        ------
        ArgumentError
            If the recording's frames have no known time.
        """
        if self.times is None:
            raise ArgumentError(
                f"{self.recording} has frames but no times: give the frames a second."
            )
        return self.times


def even_times(n_frames: int, frame_rate: float) -> NDArray[np.float64]:
    """The times (N + 1,) of frames that follow each other evenly, from 0.

    Examples
    --------
    >>> even_times(2, 25.0).tolist()
    [0.0, 0.04, 0.08]
    """
    return np.arange(n_frames + 1, dtype=np.float64) / frame_rate


def frame_actions(intervals: Iterable[Interval], times: ArrayLike) -> list[str | None]:
    """Label frames with the interval that covers their middle.

    The middle, because annotation tools round times to milliseconds or to frames of the video:
    an interval that was exported and read again covers the same frames.

    Parameters
    ----------
    intervals : iterable of Interval
        Of one recording, in any order. Where two overlap, the later start wins.
    times : array-like (N + 1,)
        Seconds, as in :class:`Timeline`.

    Returns
    -------
    list of str or None
        One label a frame; None where no interval covers it.

    Examples
    --------
    >>> frame_actions([Interval("tea", 0.04, 0.0801, "pour")], even_times(3, 25.0))
    [None, 'pour', None]
    """
    edges = np.asarray(times, dtype=np.float64)
    middles = (edges[:-1] + edges[1:]) / 2
    labels: list[str | None] = [None] * len(middles)
    for interval in sorted(intervals, key=lambda one: one.start_s):
        first = int(np.searchsorted(middles, interval.start_s))
        last = int(np.searchsorted(middles, interval.end_s))
        labels[first:last] = [interval.action] * (last - first)
    return labels


def require_times(times: Sequence[float] | ArrayLike, n_frames: int) -> NDArray[np.float64]:
    """Check the times (N + 1,) of N frames.

    Raises
    ------
    ArgumentError
        If there are not N + 1 of them, or they are not finite and ever later.
    """
    array = np.asarray(times, dtype=np.float64)
    if array.shape != (n_frames + 1,):
        raise ArgumentError(
            f"times must be one more than the {n_frames} frames, but their shape is {array.shape}."
        )
    if not (np.isfinite(array).all() and (np.diff(array) > 0).all()):
        raise ArgumentError("times must be finite, each later than the one before.")
    return array
