"""The one segment convention: half-open runs of frames ``[start, end)``, their table and timelines.

Frames are counted from 0 and ``end`` is the first frame after the segment, so that
``length == end - start`` and neighbouring segments share a number. Seconds are frames divided by
the frame rate. The label -1 means "no action": padding, or a frame that nobody labelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError, require_number
from asot.notebook import show
from asot.text import as_label, is_control, plural

UNLABELLED = -1
# The name of frames that no segment covers, where every frame needs a name.
BACKGROUND = "background"
# The name of frames that nobody looked at, which do not count as truth.
UNSEEN = "(not looked at)"
# The table of the steps within segments, beside segments.csv.
STEP_TABLE = "sub_segments.csv"


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of frames ``[start, end)`` with one label, and the mean soft assignment of the label.

    Examples
    --------
    >>> Segment(start=3, end=10, label=2).length
    7
    """

    start: int
    end: int
    label: int
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ArgumentError(
                f"a segment needs 0 <= start < end, but it has start {self.start} "
                f"and end {self.end}."
            )

    @property
    def length(self) -> int:
        """The number of frames."""
        return self.end - self.start


def run_lengths(labels: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray]:
    """Find the runs of equal labels (N,): their starts, ends and labels, each (S,).

    Examples
    --------
    >>> starts, ends, values = run_lengths([5, 5, 5, 2, 2, 5])
    >>> starts.tolist(), ends.tolist(), values.tolist()
    ([0, 3, 5], [3, 5, 6], [5, 2, 5])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ArgumentError(f"labels must have one axis (N,), but their shape is {labels.shape}.")
    first = np.ones(len(labels), dtype=bool)
    first[1:] = labels[1:] != labels[:-1]
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(labels))[: len(starts)]
    return starts, ends, labels[starts]


def to_segments(labels: ArrayLike, probabilities: ArrayLike | None = None) -> list[Segment]:
    """Cut frame labels (N,) into segments, which together cover every frame once.

    Runs of -1 are kept, without a confidence. The confidence is the mean of ``probabilities``
    (N, K), the soft assignment of each frame, whose columns are the labels; or (N,), that of each
    frame's label alone.

    Examples
    --------
    >>> [(s.start, s.end, s.label) for s in to_segments([0, 0, 1])]
    [(0, 2, 0), (2, 3, 1)]
    >>> [s.confidence for s in to_segments([0, 0, 1], [[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])]
    [0.75, 0.75]
    """
    labels = _integer_labels(labels)
    starts, ends, values = run_lengths(labels)
    confidence: list[float | None] = [None] * len(starts)
    if probabilities is not None and len(labels):
        probabilities = np.asarray(probabilities)
        if probabilities.ndim not in (1, 2) or len(probabilities) != len(labels):
            raise ArgumentError(
                f"probabilities must be (N, K) with N = {len(labels)}, the number of labels, "
                f"but their shape is {probabilities.shape}."
            )
        if probabilities.ndim == 2 and labels.max() >= probabilities.shape[1]:
            raise ArgumentError(
                f"label {labels.max()} has no column in probabilities, "
                f"which have K = {probabilities.shape[1]} columns."
            )
        own = probabilities.astype(np.float64)
        if own.ndim == 2:
            own = own[np.arange(len(labels)), labels]
        means = np.add.reduceat(own, starts) / (ends - starts)
        confidence = [
            None if v == UNLABELLED else float(m) for v, m in zip(values, means, strict=True)
        ]
    return [
        Segment(int(start), int(end), int(value), c)
        for start, end, value, c in zip(starts, ends, values, confidence, strict=True)
    ]


def to_labels(segments: Iterable[Segment], n_frames: int) -> NDArray[np.int64]:
    """Paint segments, in any order, onto N frames; those without a segment are -1.

    Examples
    --------
    >>> to_labels([Segment(1, 3, label=4)], n_frames=5).tolist()
    [-1, 4, 4, -1, -1]
    """
    labels = np.full(n_frames, UNLABELLED, dtype=np.int64)
    reached = 0
    for segment in sorted(segments, key=lambda s: s.start):
        if segment.start < reached:
            raise ArgumentError(
                f"segments must not overlap, but one starts at frame {segment.start} "
                f"and the one before it ends at frame {reached}."
            )
        if segment.end > n_frames:
            raise ArgumentError(
                f"a segment ends at frame {segment.end}, but n_frames is {n_frames}."
            )
        labels[segment.start : segment.end] = segment.label
        reached = segment.end
    return labels


def _integer_labels(labels: ArrayLike) -> NDArray[np.int64]:
    """Return frame labels (N,) as int64, or an ArgumentError where they are not labels."""
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ArgumentError(f"labels must have one axis (N,), but their shape is {array.shape}.")
    if array.size and array.dtype.kind not in "iu":
        raise ArgumentError(f"labels must be integers, but their type is {array.dtype}.")
    if array.size and array.min() < UNLABELLED:
        raise ArgumentError(f"labels must be -1 or more, but one is {array.min()}.")
    return array.astype(np.int64)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One row of a segment table, which metrics, exports and the page all read.

    The frames ``[start_frame, end_frame)`` are half-open, their seconds None where the frame rate
    is unknown. The confidence is the mean soft assignment of the action over the frames, and
    ``checked`` the share of the frames that a person looked at, whose ``note`` it holds.
    """

    recording: str
    start_frame: int
    end_frame: int
    start_s: float | None
    end_s: float | None
    action: str
    confidence: float | None
    checked: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One row of a table of sub-actions: a step within a segment of an action.

    It lies in the ``segment``-th row of its recording in the segment table, and is the ``step``-th
    of the action's steps; both count from 1. The rest is as for :class:`SegmentRow`.
    """

    recording: str
    segment: int
    start_frame: int
    end_frame: int
    start_s: float | None
    end_s: float | None
    action: str
    step: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A label over a stretch of the recording's time, as people draw it in an annotation tool.

    The action and the note on it are written as :func:`asot.text.as_label` writes them.
    """

    recording: str
    start_s: float
    end_s: float
    action: str
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "action", as_label(self.action))
        object.__setattr__(self, "note", as_label(self.note))
        if not self.action or any(map(is_control, self.action)):
            raise ArgumentError(
                f"an action needs a name without control characters, but one of {self.recording!r} "
                f"from {self.start_s} to {self.end_s} s is called {self.action!r}."
            )
        if not (np.isfinite([self.start_s, self.end_s]).all() and self.start_s < self.end_s):
            raise ArgumentError(
                f"an interval needs start_s < end_s, but {self.action!r} of {self.recording!r} "
                f"lasts from {self.start_s} to {self.end_s} s."
            )


@dataclass(frozen=True, slots=True)
class Timeline:
    """One recording's segments, and what is known of the recording.

    The ``rows`` are in order of time, without overlap; frames that no row covers have no action.
    Frame ``i`` of N lasts from ``times[i]`` to ``times[i + 1]`` (N + 1,), in seconds, where known.
    ``media`` is the video that the recording was made from, ``media_rate`` its frames a second.
    ``labels`` are those of the actions by name, from 0, where known: colours go by them. ``steps``
    are the sub-actions within the rows, where they were looked for.
    """

    recording: str
    rows: tuple[SegmentRow, ...]
    n_frames: int
    times: NDArray[np.float64] | None = None
    media: Path | None = None
    media_rate: float | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[StepRow, ...] = ()

    @property
    def intervals(self) -> list[Interval]:
        """The rows in seconds; an ArgumentError where the frames have no known time."""
        times = self.seconds.tolist()
        return [
            Interval(
                self.recording, times[row.start_frame], times[row.end_frame], row.action, row.note
            )
            for row in self.rows
        ]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The times, or an ArgumentError where they are not known."""
        if self.times is None:
            raise ArgumentError(
                f"{self.recording} has frames but no times: give the frames a second "
                "(--frame_rate)."
            )
        return self.times

    def __repr__(self) -> str:
        actions = len({row.action for row in self.rows})
        length = plural(self.n_frames, "frame")
        if self.times is not None and self.n_frames:
            length += f", {self.times[-1] - self.times[0]:.6g} s"
        found = f"{plural(len(self.rows), 'segment')} of {plural(actions, 'action')}"
        return f"Timeline({self.recording!r}: {length}, {found})"

    def _repr_html_(self) -> str:
        called, labels = sorted({row.action for row in self.rows}), dict(self.labels)
        if not labels.keys() >= set(called):
            numbers = [re.fullmatch(r"action ([1-9]\d{0,8})", one) for one in called]
            places = [int(one[1]) - 1 for one in numbers if one]
            places = places if len(places) == len(called) else list(range(len(called)))
            labels = dict(zip(called, places, strict=True))
        names = {labels[one]: one for one in called}
        segments = (
            Segment(row.start_frame, row.end_frame, labels[row.action]) for row in self.rows
        )
        bar = self.recording, to_labels(segments, self.n_frames)
        return show(repr(self), timelines=[bar], names=names)

    def timed(self, times: NDArray[np.float64]) -> Timeline:
        """Return the same timeline with other times (N + 1,), in seconds."""
        moments = times.tolist()

        def moved(row: Any) -> Any:
            return replace(row, start_s=moments[row.start_frame], end_s=moments[row.end_frame])

        rows, steps = (tuple(map(moved, one)) for one in (self.rows, self.steps))
        return replace(self, rows=rows, times=times, steps=steps)


def segment_table(
    recording: str,
    labels: ArrayLike,
    probabilities: ArrayLike | None = None,
    frame_rate: float | None = None,
    action_names: Sequence[str] | Mapping[int, str] | None = None,
    times: ArrayLike | None = None,
) -> list[SegmentRow]:
    """Make the segment table of one recording, in order of time.

    Frames whose label (N,) is -1 have no action and give no row, unless ``action_names`` is a
    mapping with a name for -1; without names, an action is called by its number. The confidence is
    of ``probabilities``, as in :func:`to_segments`. Seconds are those of ``times``
    (N + 1,), where frame ``i`` lasts from ``times[i]`` to ``times[i + 1]``, or of ``frame_rate``
    in frames a second, or None.

    Examples
    --------
    >>> names = ["boil", "pour"]
    >>> for row in segment_table("tea_1", [0, 0, 0, 1], frame_rate=2, action_names=names):
    ...     print(row.action, row.start_frame, row.end_frame, row.start_s, row.end_s)
    boil 0 3 0.0 1.5
    pour 3 4 1.5 2.0
    """
    if frame_rate is not None:
        require_number("frame_rate", frame_rate, above=0)
    if action_names is not None and not isinstance(action_names, Mapping):
        action_names = dict(enumerate(action_names))
    segments = to_segments(labels, probabilities)
    n_frames = segments[-1].end if segments else 0
    edges: Sequence[float | None] = [None] * (n_frames + 1)
    if times is not None:
        edges = require_times(times, n_frames).tolist()
    elif frame_rate is not None:
        edges = even_times(n_frames, frame_rate).tolist()
    rows = []
    for segment in segments:
        start, end, label = segment.start, segment.end, segment.label
        if label == UNLABELLED and UNLABELLED not in (action_names or {}):
            continue
        if action_names is not None and label not in action_names:
            raise ArgumentError(
                f"action_names has no name for label {label}, which recording '{recording}' uses "
                f"at frame {start}.",
                setting="action_names",
            )
        action = str(action_names[label] if action_names else label)
        seconds = edges[start], edges[end]
        rows.append(SegmentRow(recording, start, end, *seconds, action, segment.confidence))
    return rows


def even_times(n_frames: int, frame_rate: float) -> NDArray[np.float64]:
    """Return the times (N + 1,) of frames that follow each other evenly, from 0.

    Examples
    --------
    >>> even_times(2, 25.0).tolist()
    [0.0, 0.04, 0.08]
    """
    return np.arange(n_frames + 1, dtype=np.float64) / frame_rate


def frame_intervals(intervals: Iterable[Interval], times: ArrayLike) -> list[Interval | None]:
    """Return the interval that covers the middle of each frame, or None.

    The middle, because annotation tools round times to milliseconds or to frames of the video:
    an interval that was exported and read again covers the same frames. The intervals are of one
    recording, in any order; where two overlap, the later start wins. ``times`` (N + 1,) are as in
    :class:`Timeline`.
    """
    edges = np.asarray(times, dtype=np.float64)
    middles = (edges[:-1] + edges[1:]) / 2
    found: list[Interval | None] = [None] * len(middles)
    for interval in sorted(intervals, key=lambda one: one.start_s):
        first = int(np.searchsorted(middles, interval.start_s))
        last = int(np.searchsorted(middles, interval.end_s))
        found[first:last] = [interval] * (last - first)
    return found


def frame_actions(intervals: Iterable[Interval], times: ArrayLike) -> list[str | None]:
    """Label each frame with the interval that covers it, as :func:`frame_intervals` does, or None.

    Examples
    --------
    >>> frame_actions([Interval("tea", 0.04, 0.0801, "pour")], even_times(3, 25.0))
    [None, 'pour', None]
    """
    return [one.action if one else None for one in frame_intervals(intervals, times)]


def require_times(times: Sequence[float] | ArrayLike, n_frames: int) -> NDArray[np.float64]:
    """Return times as float64, or an ArgumentError unless they are N + 1, finite and increasing."""
    array = np.asarray(times, dtype=np.float64)
    if array.shape != (n_frames + 1,):
        raise ArgumentError(
            f"times must be one more than the {n_frames} frames, but their shape is {array.shape}.",
            setting="times",
        )
    if not (np.isfinite(array).all() and (np.diff(array) > 0).all()):
        raise ArgumentError(
            "times must be finite, each later than the one before.", setting="times"
        )
    return array
