"""The pace of a video: how long one row of features stands for, and when a still frame gives more.

Screen recorders, and some phones, write a frame only when the picture changes. A frame that is
shown for long is held: it gives rows at the pace of the others, as it would in a file of even
frames. A video of an even rate, even a slow one, gives its frames and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.inputs.video.decoding import LONGEST_S, Shown, open_video
from asot.text import plural

# Of the pace: less than that is jitter, or a single frame that was dropped.
_STILL = 1.5
# Packets that tell a video that is faster than the rows from a slower one.
_FIRST = 200
# Of the steps of an even video, those within a factor of 2 of their median.
_EVEN = 0.9
# Of a video's time in frames shown for much longer than others, worth a remark.
_VARIES = 0.1


def pace(path: Path, frame_rate: float) -> float:
    """Return the seconds that a row stands for, at ``frame_rate`` rows a second at most.

    That is ``1 / frame_rate``, or the usual time between frames of a video that is slower, but
    even. Frames are not decoded; only of slow videos are all packets read.
    """
    step = 1.0 / frame_rate
    with open_video(path, threads=1) as video:
        moments = video.moments()
        first = _steps(list(islice(moments, _FIRST)))
        if not len(first) or np.median(first) <= step:
            return step if len(first) else max(step, video.spacing_s)
    with open_video(path, threads=1) as video:
        steps = _steps(list(video.moments()))
    usual = float(np.median(steps))
    even = float(np.mean((steps >= usual / 2) & (steps <= 2 * usual)))
    return usual if even >= _EVEN and usual > step else step


def _steps(moments: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return how long each packet is shown, in order of time; the last one by its own word."""
    times = np.unique([time_s for time_s, _ in moments])
    last = [length for time_s, length in moments if time_s == times[-1] and length > 0]
    return np.append(np.diff(times), last[:1])


def hold(one: Shown, end_s: float, step_s: float | None) -> Iterator[tuple[Shown, float]]:
    """Yield a frame that is shown until ``end_s`` with its end; if it is still, piece by piece.

    Examples
    --------
    >>> still = Shown(2.0, 2.04, None)
    >>> [(piece.time_s, end_s, piece.held) for piece, end_s in hold(still, 3.1, 0.5)]
    [(2.0, 2.5, False), (2.5, 3.1, True)]
    """
    length = end_s - one.time_s
    still = step_s is not None and _STILL * step_s < length <= LONGEST_S
    n_pieces = round(length / step_s) if step_s is not None and still else 1
    edges = [one.time_s + number * (step_s or 0.0) for number in range(n_pieces)]
    for number, (begins, ends) in enumerate(zip(edges, [*edges[1:], end_s], strict=True)):
        yield (replace(one, time_s=begins, held=True) if number else one), ends


def pace_remarks(times: NDArray[np.float64], held: NDArray[np.bool_]) -> list[str]:
    """Return sentences on uneven frames, by the edges (N + 1,) of rows and which are held (N,)."""
    lengths, begins = np.diff(times), np.flatnonzero(~held)
    shown = np.add.reduceat(lengths, begins)
    longest = int(shown.argmax())
    at = times[begins[longest]]
    if shown[longest] > LONGEST_S:
        gap = f"No frame comes for {shown[longest]:,.0f} s after {at:.1f} s"
        return [f"{gap}: that is one row, as the clock may have jumped."]
    if held.any():
        rows = plural(int(held.sum()), "row")
        return [
            f"Its frame rate varies: frames that stand still, the longest for "
            f"{shown[longest]:.1f} s from {at:.1f} s on, are held, which gives {rows} more."
        ]
    usual = float(np.median(lengths))
    if lengths[lengths > 5 * usual].sum() > _VARIES * lengths.sum():
        return [
            f"Its frame rate varies: a frame is shown for {lengths.min():.3g} to "
            f"{lengths.max():.3g} s, and each is one row, however long. Rows at even times need a "
            "number for --frame_rate."
        ]
    return []
