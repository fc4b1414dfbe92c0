"""Moving stick figures for the page: points in the frame of the body, packed in sixteen bits."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError

EXAMPLE_SECONDS = 6.0
# Of a whole recording, coordinates and moments a second.
_MOST_VALUES = 1_000_000
_MOST_RATE = 15.0
_LIMIT = 32767
_SLIPS = 0.01  # of the places at each side of a figure's box; a tracker's errors lie there

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class PoseView:
    """The figure of a recording, at evenly spaced moments.

    Parameters
    ----------
    points : (M, P, 2) float array
        Places about the middle of the body, which faces up where its heading is known; x to the
        right and y down, in the unit of the file.
    path : (M, 3) float array
        Where that frame lies in the scene: x and y of its middle, and its turn in radians. A point
        ``p`` is at ``R(turn) p + (x, y)``.
    start, rate : float
        The time of the first moment, in seconds of the recording, and the moments a second.
    names : tuple of str
        Names of the P points.
    edges : tuple of (int, int)
        The pairs of points that are joined.
    colours : tuple of int
        A colour for each point: 0 for the middle of the body, 1 left, 2 right; or, where there are
        several individuals, 3 and more for the individual.
    guessed : bool
        Whether the edges are a guess, which is drawn thin.

    Raises
    ------
    ArgumentError
        If the arrays do not fit each other.
    """

    points: Values
    path: Values
    start: float
    rate: float
    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    colours: tuple[int, ...] = ()
    guessed: bool = False

    def __post_init__(self) -> None:
        wanted = (len(self.path), len(self.names), 2)
        if np.shape(self.points) != wanted or np.shape(self.path) != (len(self.path), 3):
            raise ArgumentError(
                f"points of a pose must be (M, P, 2) = {wanted} and its path (M, 3), but they are "
                f"{np.shape(self.points)} and {np.shape(self.path)}."
            )

    @property
    def several(self) -> bool:
        """Tell whether there are several individuals."""
        return max(self.colours, default=0) > 2

    def at(self, moments: Values) -> NDArray[np.int64]:
        """Return the places of moments, in seconds, among the M of the figure."""
        places = np.floor((np.asarray(moments) - self.start) * self.rate + 1e-6).astype(np.int64)
        return np.clip(places, 0, len(self.points) - 1)

    def window(self, start_s: float, end_s: float) -> dict[str, Any]:
        """Pack the middle of a stretch, of at most six seconds."""
        surplus = max(0.0, end_s - start_s - EXAMPLE_SECONDS) / 2
        first, last = self.at(np.array([start_s + surplus, end_s - surplus])).tolist()
        return self._packed(slice(first, max(first + 1, last)), 1)

    def whole(self) -> dict[str, Any]:
        """Pack the recording, with fewer moments a second where it is long."""
        many = self.points.size / _MOST_VALUES
        step = max(1, round(self.rate / _MOST_RATE), int(np.ceil(many)))
        return self._packed(slice(None), step)

    def _packed(self, window: slice, step: int) -> dict[str, Any]:
        points, path = self.points[window][::step], self.path[window][::step]
        unit = _unit(points)
        ground = _unit(path[:, :2])
        turns = np.angle(np.exp(1j * path[:, 2])) / np.pi * _LIMIT
        return {
            "start": round(self.start + (window.start or 0) / self.rate, 6),
            "rate": round(self.rate / step, 6),
            "unit": unit,
            "points": _integers(points / unit),
            "ground": ground,
            "path": _integers(np.column_stack([path[:, :2] / ground, turns])),
            "box": box_of(points),
        }


def box_of(points: Values) -> list[float]:
    """Return the left, top, right and bottom of points (M, P, 2), but for a few slips."""
    # Over time for each point, so that a point that lies apart from the others is no slip.
    edges = np.quantile(points, [_SLIPS, 1 - _SLIPS], axis=0)
    box = np.concatenate([edges[0].min(axis=0), edges[1].max(axis=0)])
    return [round(float(value), 6) for value in box]


class Averages:
    """The average pose of each action, and of all, gathered over recordings."""

    def __init__(self) -> None:
        self._first: PoseView | None = None
        self._sums: dict[int, NDArray[np.float64]] = {}
        self._travel: dict[int, float] = {}  # the speeds of all frames, added up

    def add(self, pose: PoseView, labels: NDArray[np.int64], edges: NDArray[np.float64]) -> None:
        """Add the frames of a recording, labelled (N,) and between the times (N + 1,)."""
        self._first = self._first or pose
        if pose.names != self._first.names:
            raise ArgumentError("poses of a page must have the same points, but theirs differ.")
        if pose.several:
            return
        places = pose.at((edges[:-1] + edges[1:]) / 2)
        points = np.asarray(pose.points[places], dtype=np.float64)
        # Over a second, so that swaying on the spot is no travelling.
        reach = max(1, round(pose.rate / 2))
        before, after = (
            np.maximum(places - reach, 0),
            np.minimum(places + reach, len(pose.path) - 1),
        )
        way = pose.path[after, :2] - pose.path[before, :2]
        speeds = pose.rate * np.hypot(way[:, 0], way[:, 1]) / np.maximum(after - before, 1)
        for action in np.unique(labels[labels >= 0]).tolist():
            own = points[labels == action]
            sums = np.concatenate([own.sum(axis=0), np.square(own).sum(axis=(0, 2))[:, None]], 1)
            # (P, 4): the sums of x, y and their squares, and the frames.
            sums = np.column_stack([sums, np.full(len(sums), len(own))])
            self._sums[action] = self._sums.get(action, 0) + sums
            travel = float(speeds[labels == action].sum())
            self._travel[action] = self._travel.get(action, 0.0) + travel

    def values(self) -> dict[str, Any] | None:
        """Return the shape of the figure and the average poses; None without any pose."""
        pose = self._first
        if pose is None:
            return None
        found = {str(action): _average(sums) for action, sums in self._sums.items()}
        return {
            "names": list(pose.names),
            "edges": [list(pair) for pair in pose.edges],
            "colours": list(pose.colours) or [0] * len(pose.names),
            "guessed": pose.guessed,
            "averages": found,
            "speeds": {
                str(action): round(travel / self._sums[action][0, 3], 6)
                for action, travel in self._travel.items()
            },
            "all": _average(np.sum(list(self._sums.values()), axis=0)) if found else None,
        }


def _average(sums: NDArray[np.float64]) -> list[list[float]]:
    """Return x, y and the spread, root mean square, of each point."""
    means = sums[:, :3] / sums[:, 3:]
    spread = np.sqrt(np.maximum(means[:, 2] - np.square(means[:, :2]).sum(axis=1), 0.0))
    return np.column_stack([means[:, :2], spread]).round(3).tolist()


def _unit(values: Values) -> float:
    """Return the size of a step, so that all values fit sixteen bits."""
    return float(np.abs(values).max(initial=0.0)) / _LIMIT or 1.0


def _integers(values: Values) -> str:
    """Write numbers as integers of sixteen bits, the low byte first, in base 64."""
    return base64.b64encode(np.rint(values).astype("<i2").tobytes()).decode("ascii")
