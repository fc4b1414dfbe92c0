"""Trees of segments: actions with the sub-actions that they consist of, and deeper where given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.timeline.segments import UNLABELLED, Segment, SegmentRow, StepRow, to_labels, to_segments


@dataclass(frozen=True, slots=True)
class SegmentNode:
    """A segment, and the segments of the next level that it consists of, in order of time."""

    segment: Segment
    parts: tuple[SegmentNode, ...] = ()

    def walk(self, level: int = 0) -> Iterator[tuple[int, Segment]]:
        """Yield this segment and all below it, each before its parts, with its level from 0."""
        yield level, self.segment
        for part in self.parts:
            yield from part.walk(level + 1)


def segment_tree(levels: Sequence[ArrayLike]) -> list[SegmentNode]:
    """Cut frame labels of several levels into a tree of segments.

    A cut of one level is a cut of all finer ones, so that each segment lies in one of the level
    before it.

    Parameters
    ----------
    levels : sequence of (N,) int array-likes
        Labels of the frames, the coarsest level first, such as actions and sub-actions. Runs of -1
        give no segment, nor does anything below them.

    Returns
    -------
    list of SegmentNode
        The segments of the first level, in order of time. Frames count from the recording's start.

    Raises
    ------
    ArgumentError
        If there is no level, a level is not one of labels, or their lengths differ.

    Examples
    --------
    >>> tree = segment_tree([[0, 0, 0, 1, 1], [3, 4, 4, 4, 4]])
    >>> for node in tree:
    ...     for level, one in node.walk():
    ...         print("  " * level + f"{one.start}-{one.end}: {one.label}")
    0-3: 0
      0-1: 3
      1-3: 4
    3-5: 1
      3-5: 4
    """
    arrays = [np.asarray(one) for one in levels]
    shapes = sorted({one.shape for one in arrays})
    if len(shapes) != 1:
        raise ArgumentError(
            f"levels must be one or more arrays of one length, but have the shapes {shapes}.",
            setting="levels",
        )
    return list(_cut(arrays, 0))


def _cut(levels: list[NDArray[np.int64]], first: int) -> tuple[SegmentNode, ...]:
    """Cut levels of labels (N,), whose first frame has the number ``first``."""
    nodes = []
    for one in to_segments(levels[0]) if levels else ():
        if one.label != UNLABELLED:
            finer = [level[one.start : one.end] for level in levels[1:]]
            moved = Segment(first + one.start, first + one.end, one.label)
            nodes.append(SegmentNode(moved, _cut(finer, moved.start)))
    return tuple(nodes)


def step_rows(
    rows: Sequence[SegmentRow], steps: ArrayLike, times: ArrayLike | None = None
) -> list[StepRow]:
    """Make the table of the steps within the rows of one recording, in order of time.

    Parameters
    ----------
    rows : sequence of SegmentRow
        The segments of actions, in order of time.
    steps : (N,) int array-like
        The step of each frame within its action, from 0; -1 gives no row.
    times : (N + 1,) array-like, optional
        Frame ``i`` lasts from ``times[i]`` to ``times[i + 1]``, in seconds.

    Examples
    --------
    >>> from asot.timeline.segments import segment_table
    >>> for row in step_rows(segment_table("tea", [0, 0, 0, 1]), [0, 0, 1, -1]):
    ...     print(row.segment, row.start_frame, row.end_frame, row.action, row.step)
    1 0 2 0 1
    1 2 3 0 2
    """
    own = (Segment(row.start_frame, row.end_frame, place) for place, row in enumerate(rows))
    within = to_labels(own, len(np.asarray(steps)))
    edges = [None] * (len(within) + 1) if times is None else np.asarray(times).tolist()
    return [
        StepRow(
            *(rows[place].recording, place + 1, one.start, one.end),
            *(edges[one.start], edges[one.end], rows[place].action, one.label + 1),
        )
        for node in segment_tree([within, steps])
        for place in [node.segment.label]
        for one in [part.segment for part in node.parts]
    ]
