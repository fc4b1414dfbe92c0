"""Pose files in HDF5: DeepLabCut's, which pandas wrote, SLEAP's analysis files, and NWB.

DeepLabCut's files are read without pandas, which would need PyTables and unpickle their content,
which can run code. Here the lists of names are read from the pickle's instructions, which are
never carried out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from pickletools import genops
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, FileError
from asot.inputs.poses.headers import Key, least_of
from asot.inputs.poses.places import Poses, place
from asot.strangers import require_own
from asot.strangers import values as values_of
from asot.timeline.segments import require_times

Names = tuple[str, ...]
_SKELETONS = [("node_names", "edge_inds")]  # of SLEAP


def read_sleap(path: Path, file: Any) -> tuple[list[str], list[str], NDArray[Any], NDArray[Any]]:
    """Read a SLEAP analysis file: the names of A tracks and P nodes, places and scores.

    Places (N, A, P, 2) and scores (N, A, P), the confidences, are NaN where they are missing. The
    layout: https://io.sleap.ai, "Analysis HDF5". Axes without names are in the order of SLEAP
    itself, (track, xy, node, frame).
    """
    points = [_text(name) for name in values_of(path, file["node_names"])]
    tracks = (
        [_text(name) for name in values_of(path, file["track_names"])]
        if "track_names" in file
        else []
    )
    places = _ordered(path, file["tracks"], ("track", "xy", "node", "frame"))
    scores = None
    if "point_scores" in file:
        scores = _ordered(path, file["point_scores"], ("track", "node", "frame"))
    if places.ndim != 4 or places.shape[2:] != (len(points), 2):
        tracks_of = f"has tracks of shape {places.shape} as (frame, track, node, xy)"
        raise FileError.at(path, f"{tracks_of}, which do not fit its {len(points)} nodes")
    if scores is None or scores.shape != places.shape[:3]:
        scores = np.full(places.shape[:3], np.nan)
    if len(tracks) != places.shape[1]:
        tracks = [f"track_{i}" for i in range(places.shape[1])]
    return tracks, points, places, scores


def read_edges(path: Path, file: Any) -> tuple[tuple[str, str], ...]:
    """Read the pairs of points that a skeleton of SLEAP or of ndx-pose joins; empty without one."""
    found: dict[tuple[str, str], None] = {}
    skeletons = [(file[nodes], file[edges]) for nodes, edges in _SKELETONS if edges in file]
    skeletons += [
        (group["nodes"], group["edges"])
        for group in _groups(file, "neurodata_type", ("Skeleton",))
        if "nodes" in group and "edges" in group
    ]
    for nodes, edges in skeletons:
        names = [_text(name) for name in values_of(path, nodes)]
        pairs = np.asarray(values_of(path, edges))
        if pairs.ndim == 2 and pairs.shape[1] != 2:
            pairs = pairs.T  # as MATLAB has it
        if pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu":
            inside = pairs[(pairs >= 0).all(axis=1) & (pairs < len(names)).all(axis=1)]
            found.update(dict.fromkeys((names[a], names[b]) for a, b in inside.tolist()))
    return tuple(found)


def read_dlc(path: Path, file: Any) -> tuple[list[Names], list[str], NDArray[Any], NDArray[Any]]:
    """Read a table that DeepLabCut wrote through pandas, in either of pandas' two layouts.

    Return the header of each of D columns, the names of the header's rows (scorer, bodyparts,
    coords and perhaps individuals), the frame of each row (N,) and the values (N, D).
    """
    for group in _groups(file, "pandas_type", ("frame_table", "frame")):
        table = _text(group.attrs["pandas_type"]) == "frame_table"
        return _read_table(path, group) if table else _read_fixed(path, group)
    message = "is HDF5, but neither DeepLabCut's nor an analysis file of SLEAP: export it as CSV"
    raise FileError.at(path, message)


def read_nwb(path: Path, file: Any) -> Poses:
    """Read the poses of Neurodata Without Borders, as its extension ndx-pose lays them out.

    Each series holds the places (N, 2) or (N, 3) and the confidences (N,) of a point, at timestamps
    or at a rate from a starting time; those of an individual, or of a camera, lie in one group.
    """
    found = _groups(file, "neurodata_type", ("PoseEstimationSeries",))
    if not found:
        message = "holds no poses (PoseEstimationSeries of ndx-pose): export its signals as CSV"
        raise FileError.at(path, message)
    source = found[0].parent.get("source_software")
    of_dlc = source is not None and "deeplabcut" in _text(source[()]).lower()
    keys: list[Key] = []
    columns: list[NDArray[np.float64]] = []
    times = _nwb_times(path, found[0])
    for series in found:
        own = _nwb_times(path, series)
        if not (len(own) == len(times) and np.allclose(own, times)):
            one, other = found[0].name, series.name
            raise FileError.at(path, f"has {one} and {other} at different times: export it as CSV")
        owner = series.parent.name.rpartition("/")[2]
        point = series.name.rpartition("/")[2].removeprefix("PoseEstimationSeries") or "point"
        places = np.asarray(values_of(path, series["data"]), dtype=np.float64).reshape(len(own), -1)
        keys += [(owner, point, axis) for axis in "xyz"[: places.shape[1]]]
        columns += list(places.T)
        if "confidence" in series:
            keys.append((owner, point, "likelihood" if of_dlc else "score"))
            columns.append(np.asarray(values_of(path, series["confidence"]), dtype=np.float64))
    poses = place(path, keys, np.arange(len(times)), np.column_stack(columns), least_of(keys))
    edges = np.append(times, 2 * times[-1:] - times[-2:-1])
    try:
        return replace(poses, times=require_times(edges, len(times)))
    except ArgumentError as error:
        raise FileError.at(path, f"has times that do not rise: {error}".rstrip(".")) from error


def _groups(file: Any, attribute: str, values: tuple[str, ...]) -> list[Any]:
    """List the groups, to the depths of a file, with one of the values of an attribute."""
    found: list[Any] = []

    def look(_: str, item: Any) -> None:
        if _text(item.attrs.get(attribute, b"")) in values:
            found.append(item)

    file.visititems(look)
    return found


def _nwb_times(path: Path, series: Any) -> NDArray[np.float64]:
    if "timestamps" in series:
        return np.asarray(values_of(path, series["timestamps"]), dtype=np.float64)
    start = series["starting_time"]
    require_own(path, series["data"])
    rate = float(start.attrs["rate"])
    if not 0 < rate <= 1e6:
        raise FileError.at(path, f"has {rate:g} frames a second in {series.name}: export it as CSV")
    return float(start[()]) + np.arange(len(series["data"])) / rate


def _ordered(path: Path, dataset: Any, default: tuple[str, ...]) -> NDArray[np.float64]:
    """Read a data set with its axes in the order (frame, track, node, xy)."""
    dims = tuple(json.loads(dataset.attrs["dims"])) if "dims" in dataset.attrs else default
    order = [dims.index(axis) for axis in ("frame", "track", "node", "xy") if axis in dims]
    if dataset.dtype.kind == "c":
        raise FileError.at(path, f"holds complex numbers in {dataset.name}: store x and y apart")
    return np.asarray(values_of(path, dataset), dtype=np.float64).transpose(order)


def _read_table(
    path: Path, group: Any
) -> tuple[list[Names], list[str], NDArray[Any], NDArray[Any]]:
    levels = plain_pickle(_bytes(group.attrs["info"]))[1].get("names")
    table = group["table"]
    rows = values_of(path, table)
    keys: list[Names] = []
    blocks = []
    for field in rows.dtype.names:
        if field.startswith("values_block_"):
            names = plain_pickle(_bytes(table.attrs[f"{field}_kind"]))
            keys += [_names(name) for name in names]
            blocks.append(rows[field].reshape(len(rows), len(names)).astype(np.float64))
    levels = levels or [None] * len(keys[0])
    return keys, [str(level) for level in levels], rows["index"], np.concatenate(blocks, axis=1)


def _read_fixed(
    path: Path, group: Any
) -> tuple[list[Names], list[str], NDArray[Any], NDArray[Any]]:
    keys: list[Names] = []
    blocks = []
    depth = int(group.attrs.get("axis0_nlevels", 0))
    levels = [_text(group[f"axis0_level{level}"].attrs["name"]) for level in range(depth)]
    for block in range(int(group.attrs["nblocks"])):
        parts = (
            []
            if depth
            else [[_text(name) for name in values_of(path, group[f"block{block}_items"])]]
        )
        for level in range(depth):
            names = [
                _text(name) for name in values_of(path, group[f"block{block}_items_level{level}"])
            ]
            parts.append(
                [names[code] for code in values_of(path, group[f"block{block}_items_label{level}"])]
            )
        keys += list(zip(*parts, strict=True))
        blocks.append(np.asarray(values_of(path, group[f"block{block}_values"]), dtype=np.float64))
    return keys, levels or ["None"], values_of(path, group["axis1"]), np.concatenate(blocks, axis=1)


def plain_pickle(data: bytes) -> Any:
    """Read a pickle of lists, tuples, dicts, text and numbers, without running anything.

    Examples
    --------
    >>> plain_pickle(b"(lp0\\n(Vnose\\np1\\nVx\\ntp2\\na.")
    [('nose', 'x')]
    """
    stack: list[Any] = []
    memory: dict[Any, Any] = {}
    mark = object()

    def since_mark() -> list[Any]:
        place = len(stack) - 1 - stack[::-1].index(mark)
        items = stack[place + 1 :]
        del stack[place:]
        return items

    for operation, argument, _ in genops(data):
        name = operation.name
        if name == "MARK":
            stack.append(mark)
        elif name in _ATOMS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memory[argument] = stack[-1]
        elif name == "MEMOIZE":
            memory[len(memory)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memory[argument])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in ("LIST", "TUPLE"):
            stack.append((list if name == "LIST" else tuple)(since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack[-int(name[-1]) :] = [tuple(stack[-int(name[-1]) :])]
        elif name == "DICT":
            items = since_mark()
            stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else since_mark()
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else since_mark()
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"a pickle with {name} is not read")
    return stack[-1]


_EMPTY: dict[str, Any] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_ATOMS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE"),
}


def _names(name: Any) -> Names:
    return tuple(map(str, name)) if isinstance(name, tuple) else (str(name),)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes(np.asarray(value))


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
