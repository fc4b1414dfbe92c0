"""Rules for names, whole milliseconds, frames of the video and text, which formats share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from asot.errors import ArgumentError
from asot.figures.style import class_style
from asot.files import write_text
from asot.text import as_label, as_note, file_stems, is_control
from asot.timeline.segments import SegmentRow, Timeline


def actions(timelines: Iterable[Timeline]) -> list[str]:
    """Return the names of all actions of some recordings, in the order of their labels."""
    return list(colours(timelines))


def colours(timelines: Iterable[Timeline]) -> dict[str, str]:
    """Return the colour of each action by its name, as the page shows it.

    Actions without a label, which were not made here, follow the others by name.
    """
    labels: dict[str, int] = {}
    names: set[str] = set()
    for timeline in timelines:
        names |= {row.action for row in timeline.rows}
        labels = {**timeline.labels, **labels}
    known = sorted(names & labels.keys(), key=lambda name: (labels[name], name))
    free = count(max(labels.values(), default=-1) + 1)
    labels |= {name: next(free) for name in sorted(names - labels.keys())}
    ordered = [*known, *sorted(names - set(known))]
    return {name: class_style(labels[name]).colour for name in ordered}


def require_names(timelines: Sequence[Timeline]) -> None:
    """Refuse an empty list, recordings of equal names, and names that are blank or not Unicode."""
    if not timelines:
        raise ArgumentError("timelines must hold at least one recording, got none.")
    names = [one.recording for one in timelines]
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise ArgumentError(f"recordings must have names that differ, but {twice!r} comes twice.")
    names += actions(timelines)
    if not all(map(as_label, names)):
        raise ArgumentError("recordings and actions need a name, but a name is blank.")
    for text in [*names, *(str(one.media) for one in timelines)]:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ArgumentError(
                f"names must be text, but {text!r} holds what UTF-8 has no code for: rename it."
            ) from None


def require_media(timeline: Timeline, tool: str) -> Path:
    """Return the video of a recording, or refuse a recording without."""
    if timeline.media is None:
        raise ArgumentError(
            f"{tool} needs a video, which {timeline.recording} lacks: export to another format."
        )
    return timeline.media.absolute()


def require_lines(texts: Iterable[str], format: str) -> None:
    """Refuse line breaks and control characters, which text by lines and XML cannot hold."""
    for text in texts:
        if any(map(is_control, text)):
            raise ArgumentError(
                f"{format} files cannot hold line breaks and control characters, which {text!r} "
                "has: name it with asot relabel."
            )


def note(row: SegmentRow) -> str:
    """Return the note on a segment as formats hold it."""
    return as_note(row.note)


def write_each(
    timelines: Sequence[Timeline], out: Path, suffix: str, text: Callable[[Timeline], str]
) -> list[Path]:
    """Make a text for each recording, and then write all of them into the folder ``out``."""
    stems = file_stems([timeline.recording for timeline in timelines])
    paths = [out / f"{stem}{suffix}" for stem in stems]
    for path, content in zip(paths, [text(one) for one in timelines], strict=True):
        write_text(path, content)
    return paths


def milliseconds(timeline: Timeline) -> list[tuple[int, int, SegmentRow]]:
    """Round the rows of a timeline to whole milliseconds, ``0 <= start < end``.

    Rows that share a boundary still share it. A row that rounding would leave empty gets one
    millisecond, at the cost of the next.
    """
    times = timeline.seconds
    rounded = []
    reached = 0
    for row in timeline.rows:
        first = round(float(times[row.start_frame]) * 1000)
        if first < 0:
            raise ArgumentError(
                f"{timeline.recording} starts at {times[row.start_frame]:.3f} s, before 0, which "
                "this format cannot write: count from the first frame (--from_zero)."
            )
        start = max(first, reached)
        reached = max(round(float(times[row.end_frame]) * 1000), start + 1)
        rounded.append((start, reached, row))
    return rounded


def steps_in_milliseconds(timeline: Timeline) -> list[tuple[int, int, str]]:
    """Round the steps within rows to whole milliseconds of these: start, end, "step 2".

    A step that rounding would leave empty is left out.
    """
    spans, times = milliseconds(timeline), timeline.seconds
    found = []
    for one in timeline.steps:
        first, last, row = spans[one.segment - 1]
        start = round(float(times[one.start_frame]) * 1000)
        end = round(float(times[one.end_frame]) * 1000)
        start = first if one.start_frame == row.start_frame else max(first, start)
        end = last if one.end_frame == row.end_frame else min(last, end)
        if start < end:
            found.append((start, end, f"step {one.step}"))
    return found


def video_rate(timeline: Timeline) -> float | None:
    """Return the video's frames a second, if all boundaries are moments of its frames.

    None where the rate is not known, or a boundary is more than half a millisecond from the frame
    next to it, as in videos of a variable frame rate.
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
