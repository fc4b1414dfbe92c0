"""The stick figure of a recording of poses, for the page: from its points on disk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import Recording
from asot.data.features import map_array
from asot.data.origin import Origin
from asot.inputs.poses.egocentric import Body, bodies
from asot.inputs.poses.skeleton import known_edges, nearest_edges, points_of, sided
from asot.inputs.series.signals import Series, pick
from asot.page.poses import PoseView

# Seconds over which the frame that moves with the body is averaged, so that it does not shake.
STEADY_S = 0.5
# The share at which depth is drawn, obliquely to the right and up.
_OBLIQUE = 0.35
_UPPER = ("nose", "head", "neck", "eye", "ear")
_LOWER = ("ankle", "foot", "heel", "knee", "hip")

Values = NDArray[np.float64]


def stick_figure(recording: Recording, columns: Sequence[str] | None = None) -> PoseView | None:
    """Make the figure of a recording of poses; None where there are none.

    ``columns`` are those of its poses that are drawn; all by default.
    """
    origin = recording.origin
    series = None if origin is None or origin.kind != "pose" else _read(recording, origin)
    if origin is None or series is None:
        return None
    if columns is not None:
        series = pick(Path(origin.path), series, columns)
    settings = origin.extractor.get("settings", {})
    axis = settings.get("body_axis")
    found = bodies(series, axis)
    if not found:
        return None
    turned = len(found) == 1 and bool(settings.get("egocentric", True))
    points, path = in_frame(series, found, turned)
    own = points_of(series.columns)
    pairs = origin.media.get("skeleton") or origin.media.get("edges") or known_edges(own)
    guessed = not pairs and len(own) > 2
    if guessed:
        names_of_first = list(next(iter(found.values())).points)
        pairs = nearest_edges(names_of_first, points[:, : len(names_of_first)])
    names = [(who, point) for who, body in found.items() for point in body.points]
    places = {name: place for place, name in enumerate(names)}
    joined = [
        (places[who, a], places[who, b])
        for who in found
        for a, b in pairs
        if (who, a) in places and (who, b) in places
    ]
    sides, several = {"": 0, "left": 1, "right": 2}, len(found) > 1
    number = {who: 3 + place for place, who in enumerate(found)}
    return PoseView(
        points,
        path,
        float(series.times[0]),
        series.rate,
        tuple(" ".join(filter(None, name)) for name in names),
        tuple(joined),
        tuple(number[who] if several else sides[sided(point)[0]] for who, point in names),
        guessed,
    )


def in_frame(series: Series, found: dict[str, Body], turned: bool) -> tuple[Values, Values]:
    """Return points (M, P, 2) about the middle of the bodies, and the path (M, 3) of that frame.

    A body of known heading faces up where it is to be ``turned``; others stand as they are, or,
    in space, with the head up. Depth is drawn obliquely.
    """
    columns = [place for body in found.values() for place in body.points.values()]
    width = 3 if all("z" in place for place in columns) else 2
    places = series.values[:, [[place[axis] for axis in "xyz"[:width]] for place in columns]]
    heading = next(iter(found.values())).heading if turned else None
    middle = np.mean([body.middle for body in found.values()], axis=0)
    if width == 3 and heading is None:
        places = _upright(places, [point for body in found.values() for point in body.points])
        places = places[..., :2] + _oblique(places[..., 2])
        middle = places.mean(axis=1)
    middle = _steady(middle, series.rate)
    turn = np.zeros(len(middle))
    if heading is not None:
        ahead = _steady(np.stack([np.cos(heading), np.sin(heading)], axis=1), series.rate)
        turn = np.arctan2(ahead[:, 1], ahead[:, 0]) + np.pi / 2
    about = places[..., :2] - middle[:, None]
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x = cosine * about[..., 0] + sine * about[..., 1]
    y = cosine * about[..., 1] - sine * about[..., 0]
    points = np.stack([x, y], axis=-1)
    if width == 3 and heading is not None:
        points += _oblique(places[..., 2])
    return points, np.column_stack([middle, turn])


def _oblique(depth: Values) -> Values:
    """Return how far depth (M, P), about its mean, moves points to the right and up, (M, P, 2)."""
    return (depth - depth.mean())[..., None] * [_OBLIQUE, -_OBLIQUE]


def _upright(places: Values, names: list[str]) -> Values:
    """Turn the axes of places (M, P, 3) so that heads are above feet, which y down makes small."""
    parts = [sided(name)[1] for name in names]
    upper = [i for i, part in enumerate(parts) if part.startswith(_UPPER)]
    lower = [i for i, part in enumerate(parts) if part.startswith(_LOWER)]
    if not upper or not lower:
        return places
    up = (places[:, upper].mean(axis=1) - places[:, lower].mean(axis=1)).mean(axis=0)
    axis = int(np.abs(up).argmax())
    others = [one for one in range(3) if one != axis]
    return np.stack(
        [places[..., others[0]], -np.sign(up[axis]) * places[..., axis], places[..., others[1]]],
        axis=-1,
    )


def _steady(values: Values, rate: float) -> Values:
    """Average values (M, C) over half a second around each moment."""
    from scipy.ndimage import uniform_filter1d

    averaged: Values = uniform_filter1d(values, max(1, round(STEADY_S * rate)), 0, mode="nearest")
    return averaged


def _read(recording: Recording, origin: Origin) -> Series | None:
    """Read the points at the rate at which they are shown, or else as often as the features."""
    columns: list[Any] = origin.media.get("columns", [])
    times = recording.times
    # features/[<activity>/]<name>.npy beside points/<name>.npy
    roots = [root for path in recording.files[:1] for root in path.parents[1:3]]
    for part, root in product(("points", "signals"), roots):
        path = root / part / f"{recording.name}.npy"
        if not path.is_file() or times is None:
            continue
        values = np.asarray(map_array(path), dtype=np.float64)
        rate = origin.media.get("points_rate") if part == "points" else None
        rate = float(rate or len(values) / (times[-1] - times[0]))
        # What somebody altered is not drawn.
        if values.ndim == 2 and values.shape[1] == len(columns) and np.isfinite(values).all():
            moments = times[0] + np.arange(len(values) + 1) / rate
            return Series(values, tuple(columns), moments)
    return None
