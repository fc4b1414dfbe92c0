"""Poses in the frame of the animal itself, wherever it is and whichever way it faces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.inputs.series.signals import Series
from asot.text import listing, quote

# Points on the body's axis in order of preference, without case, spaces and signs.
_FRONT = ("nose", "snout", "nosetip", "head", "headcenter", "headcentre", "neck", "thorax")
_REAR = ("tailbase", "basetail", "tailstart", "tail1", "tail", "tailroot", "hip", "abdomen")

_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """An individual over N frames: the columns of its points, its middle and its heading."""

    points: dict[str, dict[str, int]]  # the position of each coordinate of each point
    middle: _Values  # (N, 2), the mean of its points
    heading: _Values | None  # (N,) radians, from the rear to the front point, if these are known


def bodies(series: Series, body_axis: Sequence[str] | None = None) -> dict[str, Body]:
    """Find the individuals of poses, and where each is."""
    found = {}
    for individual, points in _individuals(series.columns).items():
        # A point that a recording lacks is NaN throughout.
        there = {
            point: place
            for point, place in points.items()
            if np.isfinite(series.values[0, [place["x"], place["y"]]]).all()
        }
        places = [[place["x"], place["y"]] for place in (there or points).values()]
        middle = series.values[:, places].mean(axis=1)
        axis, heading = find_axis(points, body_axis), None
        if axis is not None:
            axis = find_axis(there, body_axis) or axis
            rear, front = ([points[one]["x"], points[one]["y"]] for one in axis)
            along = series.values[:, front] - series.values[:, rear]
            heading = np.arctan2(along[:, 1], along[:, 0])
        found[individual] = Body(points, middle, heading)
    return found


def egocentric(series: Series, body_axis: Sequence[str] | None = None) -> Series:
    """Give points relative to the middle and the heading of the individual they belong to.

    The middle is the mean of the individual's points; the heading leads from the rear to the front
    point of ``body_axis``, by default recognised by name, such as tail base and nose, and turns
    onto the x axis; without these points poses are not turned. The motion that is lost is appended
    for each individual: the velocity of its middle, ``forward`` and ``sideways`` in its own frame
    (or ``speed`` without a heading), and ``turn``, radians a second. For each pair of individuals
    the ``distance`` between their middles is appended. Other columns than coordinates, and points
    with x or y alone, are kept. ``z`` is taken relative to the middle, and not turned.

    Examples
    --------
    >>> facing_up = np.array([[5.0, 5.0, 5.0, 7.0], [5.0, 6.0, 5.0, 8.0]])
    >>> columns = ("tailbase.x", "tailbase.y", "nose.x", "nose.y")
    >>> own = egocentric(Series(facing_up, columns, np.array([0.0, 0.1, 0.2])))
    >>> own.columns[4:], (own.values[0].round(6) + 0).tolist()
    (('forward', 'sideways', 'turn'), [-1.0, 0.0, 1.0, 0.0, 10.0, 0.0, 0.0])
    """
    require_axis(series.columns, body_axis)
    values = series.values.copy()
    moments = series.times[:-1]
    extra: list[tuple[str, _Values]] = []
    found = bodies(series, body_axis)
    middles = {individual: body.middle for individual, body in found.items()}
    for individual, body in found.items():
        prefix = f"{individual}." if individual else ""
        xs, ys = ([place[axis] for place in body.points.values()] for axis in "xy")
        own_x, own_y = values[:, xs] - body.middle[:, :1], values[:, ys] - body.middle[:, 1:]
        zs = [place["z"] for place in body.points.values() if "z" in place]
        zs = [z for z in zs if np.isfinite(values[0, z])]
        if zs:
            values[:, zs] -= values[:, zs].mean(axis=1, keepdims=True)
        motion = np.gradient(body.middle, moments, axis=0)
        if body.heading is None:
            extra.append((f"{prefix}speed", np.hypot(motion[:, 0], motion[:, 1])))
        else:
            cosine, sine = np.cos(body.heading)[:, None], np.sin(body.heading)[:, None]
            own_x, own_y = cosine * own_x + sine * own_y, cosine * own_y - sine * own_x
            along, across = cosine[:, 0], sine[:, 0]
            extra += [
                (f"{prefix}forward", along * motion[:, 0] + across * motion[:, 1]),
                (f"{prefix}sideways", along * motion[:, 1] - across * motion[:, 0]),
                (f"{prefix}turn", np.gradient(np.unwrap(body.heading), moments)),
            ]
        values[:, xs], values[:, ys] = own_x, own_y
    for one, other in combinations(middles, 2):
        apart = middles[one] - middles[other]
        extra.append((f"{one}-{other}.distance", np.hypot(apart[:, 0], apart[:, 1])))
    return _with(series, values, extra)


def require_axis(columns: Sequence[str], body_axis: Sequence[str] | None) -> None:
    """Refuse a body axis that is not two points of the poses."""
    if body_axis is None:
        return
    if len(body_axis) != 2 or body_axis[0] == body_axis[1]:
        message = f"body_axis must be two points, rear and front, but is {list(body_axis)}."
        raise ArgumentError(message, setting="body_axis")
    known = list(dict.fromkeys(point for one in _individuals(columns).values() for point in one))
    for point in (point for point in body_axis if point not in known):
        message = f"body_axis names {quote(point)}, but the poses have {listing(known, 12)}."
        raise ArgumentError(message, setting="body_axis")


def distances(series: Series) -> Series:
    """Append the distance between each pair of points of an individual, such as ``nose-tail``.

    Distances do not change when an individual moves or turns, even if its heading is unknown.
    """
    extra = []
    for individual, points in _individuals(series.columns).items():
        prefix = f"{individual}." if individual else ""
        for (one, here), (other, there) in combinations(points.items(), 2):
            axes = [axis for axis in "xyz" if axis in here and axis in there]
            apart = [series.values[:, here[axis]] - series.values[:, there[axis]] for axis in axes]
            extra.append((f"{prefix}{one}-{other}", np.sqrt(np.square(apart).sum(axis=0))))
    return _with(series, series.values, extra)


def lacks_heading(columns: Sequence[str], body_axis: Sequence[str] | None) -> bool:
    """Tell whether poses have individuals, but none with a known rear and front point.

    A person, who is seen upright, needs none.
    """
    individuals = _individuals(columns).values()
    names = " ".join(columns).lower()
    person = all(part in names for part in ("shoulder", "hip", "knee"))
    turned = person or any(find_axis(points, body_axis) for points in individuals)
    return bool(individuals) and not turned


def _individuals(columns: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Return the position of each coordinate of each individual's points that have x and y."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for position, column in enumerate(columns):
        name, _, axis = column.rpartition(".")
        if axis in ("x", "y", "z") and name:
            individual, _, point = name.rpartition(".")
            found.setdefault(individual, {}).setdefault(point, {})[axis] = position
    whole = {
        individual: {point: place for point, place in points.items() if {"x", "y"} <= set(place)}
        for individual, points in found.items()
    }
    return {individual: points for individual, points in whole.items() if points}


def find_axis(
    points: Sequence[str] | dict[str, dict[str, int]], body_axis: Sequence[str] | None = None
) -> tuple[str, str] | None:
    """Return the rear and the front point of a body; None where they are not known."""
    if body_axis is not None:
        rear, front = body_axis
        return (rear, front) if rear in points and front in points else None
    plain = {re.sub(r"[\W_]+", "", name).lower(): name for name in points}
    front_point = next((plain[name] for name in _FRONT if name in plain), None)
    rear_point = next((plain[name] for name in _REAR if name in plain), None)
    return (rear_point, front_point) if front_point and rear_point else None


def _with(series: Series, values: _Values, extra: list[tuple[str, _Values]]) -> Series:
    columns = (*series.columns, *(name for name, _ in extra))
    values = np.column_stack([values, *(column for _, column in extra)])
    return replace(series, values=values, columns=columns)
