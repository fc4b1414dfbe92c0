"""The bones of poses: pairs of points that are joined, by a file or by the names of the points."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError
from asot.files import read_text
from asot.inputs.poses.places import clean
from asot.schema import read_yaml
from asot.text import listing

Edges = tuple[tuple[str, str], ...]

# Of people, as COCO, OpenPose and MediaPipe name their points, without signs and case.
_SIDES = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")),
    *(("shoulder", "hip"), ("ankle", "heel"), ("heel", "footindex"), ("ankle", "footindex")),
    *(("ankle", "bigtoe"), ("ankle", "smalltoe"), ("wrist", "pinky"), ("wrist", "index")),
    *(("wrist", "thumb"), ("wrist", "hand"), ("ankle", "foot"), ("ear", "eye")),
)
_ACROSS = (
    *(("leftshoulder", "rightshoulder"), ("lefthip", "righthip"), ("nose", "lefteye")),
    *(("nose", "righteye"), ("leftmouth", "rightmouth"), ("nose", "neck"), ("head", "neck")),
    *(("neck", "leftshoulder"), ("neck", "rightshoulder"), ("neck", "midhip")),
    *(("midhip", "lefthip"), ("midhip", "righthip"), ("pelvis", "lefthip"), ("pelvis", "righthip")),
    *(("neck", "pelvis"), ("neck", "hip"), ("hip", "lefthip"), ("hip", "righthip")),
)
_SIDE = {"l": "left", "left": "left", "r": "right", "right": "right"}
_LIMBS = {"shoulder", "elbow", "hip", "knee"}
# MediaPipe's 33 points of the body, and 21 of a hand, where they are only numbered.
_BODY = "11-13-15-17-19-15-21 12-14-16-18-20-16-22 11-12-24-23-11 23-25-27-29-31-27 "
_BODY += "24-26-28-30-32-28 8-6-5-4-0-1-2-3-7 9-10"
_HAND = "0-1-2-3-4 0-5-6-7-8 5-9-10-11-12 9-13-14-15-16 13-17-18-19-20 0-17"
_NUMBERED = {33: _BODY, 21: _HAND}
_MOST_DISTANCES = 2_000_000  # to look at


def read_skeleton(path: Path) -> Edges:
    """Read pairs of points that are joined; more than two names in a row are joined in a row.

    YAML and JSON hold a list of such rows, alone or as ``skeleton``, as DeepLabCut's config.yaml
    has it; other texts hold a row a line, with commas or tabs between the names.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mouse.csv"
    >>> _ = path.write_text("nose,neck,tail\\nneck,ear\\n")
    >>> read_skeleton(path)
    (('nose', 'neck'), ('neck', 'tail'), ('neck', 'ear'))
    """
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        rows = _in_yaml(path)
    else:
        text = read_text(path)
        mark = "\t" if "\t" in text else ","
        lines = text.replace("\0", "").splitlines()
        rows = [row for row in csv.reader(lines, delimiter=mark) if any(row)]
    chains = [[clean(str(name)) for name in row] for row in rows]
    if not chains or not all(len(set(chain)) == len(chain) > 1 for chain in chains):
        rule = "pairs of names of points, such as [[nose, neck], [neck, tail]] in YAML"
        raise FileError.at(path, f"holds no skeleton: it must be {rule}, or a pair a line in CSV")
    return tuple(pair for chain in chains for pair in pairwise(chain))


def _in_yaml(path: Path) -> list[list[Any]]:
    found = read_yaml(path)
    rows = found.get("skeleton") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return []
    return rows


def require_points(path: Path, edges: Edges, columns: Sequence[str]) -> None:
    """Refuse a skeleton, read from ``path``, that names points that poses do not have."""
    points = points_of(columns)
    unknown = list(dict.fromkeys(name for pair in edges for name in pair if name not in points))
    if unknown:
        message = f"names {listing(unknown, 6)}, but the poses have {listing(points, 12)}"
        raise FileError.at(path, message)


def points_of(columns: Iterable[str]) -> list[str]:
    """List the points among columns of poses, without their individuals.

    Examples
    --------
    >>> points_of(["m1.nose.x", "m1.nose.y", "m2.nose.x", "m2.nose.y", "speed"])
    ['nose']
    """
    places = (name.rsplit(".", 2) for name in columns if name.endswith((".x", ".y", ".z")))
    return list(dict.fromkeys(parts[-2] for parts in places))


def known_edges(points: Sequence[str]) -> Edges:
    """Return the pairs to join that the names of people's points tell; empty for other names.

    Examples
    --------
    >>> known_edges(["LShoulder", "LElbow", "LWrist", "LHip", "LKnee"])[:2]
    (('LShoulder', 'LElbow'), ('LElbow', 'LWrist'))
    """
    if all(name.isdecimal() for name in points) and len(points) in _NUMBERED:
        chains = [chain.split("-") for chain in _NUMBERED[len(points)].split()]
        pairs = [pair for chain in chains for pair in pairwise(chain)]
        return tuple(pair for pair in pairs if set(pair) <= set(points))
    plain = {"".join(sided(name)): name for name in points}
    if sum(sided(name)[1] in _LIMBS for name in points) >= 4:
        sides = [(f"{s}{a}", f"{s}{b}") for s in ("left", "right") for a, b in _SIDES]
        pairs = [(a, b) for a, b in (*sides, *_ACROSS) if a in plain and b in plain]
        return tuple((plain[a], plain[b]) for a, b in pairs)
    return ()


def nearest_edges(points: Sequence[str], places: NDArray[np.floating[Any]]) -> Edges:
    """Guess the pairs to join: a tree of the shortest distances, on both sides of the body alike.

    ``places`` (M, P, 2) are those of the P points over time.

    Examples
    --------
    >>> mouse = np.array([[[9.0, 0.0], [6.0, -2.0], [6.0, 2.1], [0.0, 0.0]]])
    >>> nearest_edges(["nose", "ear_l", "ear_r", "tail"], mouse)
    (('nose', 'ear_l'), ('nose', 'ear_r'), ('ear_l', 'tail'), ('ear_r', 'tail'))
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    some = places[:: 1 + places.size * len(points) // _MOST_DISTANCES]
    apart = np.linalg.norm(some[:, :, None] - some[:, None], axis=-1)
    lengths = np.median(apart, axis=0)
    tree = minimum_spanning_tree(lengths + 1e-9 * (lengths.max() or 1.0))
    pairs = [tuple(pair) for pair in np.argwhere(tree.toarray() > 0).tolist()]
    halves = [sided(name) for name in points]
    mirrored = {"left": "right", "right": "left", "": ""}
    others = [(mirrored[side], rest) for side, rest in halves]
    twins = [halves.index(one) if one in halves else i for i, one in enumerate(others)]
    both = {tuple(sorted(pair)) for pair in pairs}
    both |= {tuple(sorted((twins[a], twins[b]))) for a, b in pairs}
    return tuple((points[a], points[b]) for a, b in sorted(both))


def sided(point: str) -> tuple[str, str]:
    """Split the name of a point into its side, "left", "right" or "", and the rest.

    Examples
    --------
    >>> sided("LShoulder"), sided("ear_right"), sided("leftear"), sided("Nose")
    (('left', 'shoulder'), ('right', 'ear'), ('left', 'ear'), ('', 'nose'))
    """
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", point)]
    place = next((i for i, word in enumerate(words) if word in _SIDE), None)
    if place is not None and len(words) > 1:
        return _SIDE[words[place]], "".join(words[:place] + words[place + 1 :])
    whole = "".join(words)
    side = next((one for one in ("left", "right") if whole.startswith(one) and whole != one), "")
    return side, whole.removeprefix(side)
