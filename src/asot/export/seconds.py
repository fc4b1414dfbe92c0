"""The moments of a timeline as formats count them: whole milliseconds, or frames of the video."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from asot.errors import ArgumentError
from asot.timeline.segments import SegmentRow
from asot.timeline.timelines import Timeline


def milliseconds(timeline: Timeline) -> list[tuple[int, int, SegmentRow]]:
    """Round the rows of a timeline to whole milliseconds.

    Rows that share a boundary still share it. A row that rounding would leave empty gets one
    millisecond, at the cost of the next.

    Parameters
    ----------
    timeline : Timeline
        With times.

    Returns
    -------
    list of (int, int, SegmentRow)
        Start and end, ``0 <= start < end``, and the row.

    Raises
    ------
    ArgumentError
        If the times are not known, or a row starts before 0.

    Examples
    --------
    >>> row = SegmentRow("tea", 0, 2, None, None, "boil", None)
    >>> timeline = Timeline("tea", (row,), 2, np.array([0.54, 0.5801, 0.6204]))
    >>> [(start, end) for start, end, _ in milliseconds(timeline)]
    [(540, 620)]
    """
    times = timeline.seconds
    rounded = []
    reached = 0
    for row in timeline.rows:
        first = round(float(times[row.start_frame]) * 1000)
        if first < 0:
            raise ArgumentError(
                f"{timeline.recording} starts at {times[row.start_frame]:.3f} s, before 0, which "
                "this format cannot write: count from the first frame (from_zero)."
            )
        start = max(first, reached)
        reached = max(round(float(times[row.end_frame]) * 1000), start + 1)
        rounded.append((start, reached, row))
    return rounded


def video_rate(timeline: Timeline) -> float | None:
    """The video's frames a second, if all boundaries are moments of its frames.

    Parameters
    ----------
    timeline : Timeline
        With times.

    Returns
    -------
    float or None
        None where the rate is not known, or a boundary is more than half a millisecond from the
        frame next to it, as in videos of a variable frame rate.

    Examples
    --------
    >>> row = SegmentRow("tea", 0, 2, None, None, "boil", None)
    >>> timeline = Timeline("tea", (row,), 2, np.array([0.0, 0.2, 0.4]), media_rate=25.0)
    >>> video_rate(timeline), video_rate(replace(timeline, media_rate=24.0))
    (25.0, None)
    """
    times, rate = timeline.seconds, timeline.media_rate
    if rate is None or not (math.isfinite(rate) and 0 < rate <= 1000):
        return None
    frames = sorted({frame for row in timeline.rows for frame in (row.start_frame, row.end_frame)})
    moments = times[frames]
    numbers = np.round(moments * rate)
    # Two boundaries on one frame would leave nothing between them.
    fits = (np.abs(numbers / rate - moments) <= 0.0005).all() and (np.diff(numbers) > 0).all()
    return float(rate) if fits else None


def from_first_frame(timeline: Timeline) -> Timeline:
    """Count a timeline's seconds from its first frame, as some players do.

    Raises
    ------
    ArgumentError
        If the times are not known.

    Examples
    --------
    >>> row = SegmentRow("tea", 0, 1, 0.54, 0.58, "boil", None)
    >>> shifted = from_first_frame(Timeline("tea", (row,), 1, np.array([0.54, 0.58])))
    >>> shifted.rows[0].start_s, shifted.rows[0].end_s, shifted.times.tolist()
    (0.0, 0.04, [0.0, 0.04])
    """
    # A difference of seconds has digits in its far end that nobody measured.
    times = np.round(timeline.seconds - timeline.seconds[0], 9)
    rows = tuple(
        replace(row, start_s=float(times[row.start_frame]), end_s=float(times[row.end_frame]))
        for row in timeline.rows
    )
    return replace(timeline, rows=rows, times=times)
