"""The points of poses, recognised by the header of a table: one line or several, whoever wrote it.

In several lines, as DeepLabCut writes them, the last one holds ``x,y,likelihood,...``, and the
lines above it the body part, and perhaps the individual and the scorer, of each column. In one line
the names of columns hold both: ``nose.x`` (SLEAP), ``nose_x`` (Anipose), ``x_nose``, ``NoseX``,
``x0`` (MediaPipe), or ``('DLC', 'nose', 'x')`` (pandas).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from asot.text import listing, quote

AXES = ("x", "y", "z")
# Below these a point counts as missing: DeepLabCut lists every point, and itself leaves out those
# below 0.6; SLEAP writes only the points it trusts; for others 0 stands for points not seen.
_UNSEEN = 0.05
_LEAST = {"likelihood": 0.6, "score": 0.0}
_LETTERS = ("p", "c", "v")
CONFIDENCES: tuple[str, ...] = (
    *("likelihood", "score", "confidence", "conf", "probability", "prob", "visibility", "visible"),
    *("vis", *_LETTERS),
)
_PARTS = "|".join((*AXES, *CONFIDENCES))
_GAP = r"[\s._\-/|:]+"
_UNIT = re.compile(r"[\s_]*[\[(](px|pixels?|mm|cm|m)[\])]$|_(px|pixels?|mm|cm)$", re.IGNORECASE)
_NAMES = (
    re.compile(rf"(?:(?P<point>.+?){_GAP})?(?P<part>{_PARTS})", re.IGNORECASE),
    re.compile(rf"(?P<part>{_PARTS}){_GAP}(?P<point>.+)", re.IGNORECASE),
    re.compile(r"(?P<part>[xyzcv])(?P<point>\d+)", re.IGNORECASE),
    re.compile(r"(?P<point>.*[a-z0-9])(?P<part>[XYZPC]|Likelihood|Score|Confidence|Visibility)"),
)
_TELLING = "likelihood"  # a word that only trackers use
_RUN_ON = re.compile(rf"(?P<point>.+)(?P<part>[xyz]|{_TELLING})", re.IGNORECASE)
# Words in the names of sensors' axes, and of other places than those of a body.
_SENSORS = re.compile(
    r"acc|gyr|(?<![a-z])(mag(?![a-z])|magn|grav|rot|orient|quat|euler|angular|linear|veloc|imu|"
    r"force|gaze|pupil|fixat|cursor|touch|gps|compass|attitude)"
)
_FRAME = re.compile(
    r"(video_)?frames?([_-]?(idx|index|number|num|nr|no|id|#))?\.?|fnum|bodyparts|scorer|coords|"
    r"image_(id|name|path)"
)
_TRACKS = (
    *("track", "track_id", "track_name", "individual", "individuals", "animal", "animal_id"),
    *("identity", "instance", "instance_id", "person", "person_id"),
)
_LEVELS = {"scorer", "individuals", "bodyparts"}
_EACH_POINT = ("node", "nodes", "bodypart", "bodyparts", "keypoint", "keypoints", "landmark")
# Columns of trackers that are neither places nor confidences, and not worth a remark.
_KNOWN = re.compile(r".*_(error|ncams)|m_\d\d|center_\d|(instance|track)[._]score|score", re.I)
# Names of points with an individual in them: mouse1_nose, and, as SimBA has it, nose_1.
_ANIMALS = "animal|ant|bee|fish|fly|id|ind|individual|inst|instance|mouse|person|rat|subject|track"
_INDIVIDUAL = re.compile(rf"(?P<individual>({_ANIMALS})[_ ]?\d+){_GAP}(?P<point>.+)", re.I)
_SIMBA = re.compile(r"(?P<point>.+)_(?P<individual>\d+)")

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Header:
    """The columns of a table of poses."""

    keys: list[Key]  # the individual, the point and the part, "x" or "likelihood", of columns
    places: list[int]  # of these columns in the table
    frame: int | None = None  # the column of the frames' numbers
    track: int | None = None  # the column of the individuals, where each has its own rows
    lines: int = 0  # of the header, where it has several
    left_out: list[str] = field(default_factory=list)  # other columns

    @property
    def points(self) -> list[str]:
        """List the points."""
        return list(dict.fromkeys(point for _, point, part in self.keys if part == "x"))


def least_of(keys: Sequence[Key]) -> float:
    """Return the confidence below which the tracker itself counts points as missing."""
    word = next((part for _, _, part in keys if part in CONFIDENCES), None)
    return 0.0 if word is None else _LEAST.get(word, _UNSEEN)


def stacked(rows: Sequence[Sequence[str]]) -> Header | None:
    """Recognise a header of several lines; ``rows`` are the cells of the first lines of a table."""
    for last, row in enumerate(rows[1:8], start=1):
        words = [cell.lower() for cell in row]
        start = next((i for i, word in enumerate(words) if word in AXES), 0)
        labels = [one[0].lower() if start and one else "" for one in rows[:last]]
        labelled = start > 0 and (words[0] == "coords" or not _LEVELS.isdisjoint(labels))
        known = all(word in ("", *AXES, *CONFIDENCES) for word in words[start:])
        least = {"x"} if words[0] == "coords" else {"x", "y"}
        if least <= set(words) and (labelled or known):
            break
    else:
        return None
    if any(len(one) != len(row) for one in rows[:last]) and not labelled:
        return None  # a title
    above = [_filled(one[start:]) for one in rows[:last]]
    for label, cells in zip(labels, above, strict=True):
        if len(cells) != len(words) - start:
            counts = f"{len(words) - start} columns in its line 'coords' and {len(cells)}"
            raise ValueError(f"has {counts} in its line {label!r}")
    keys = name_levels([*labels, "coords"], list(zip(*above, words[start:], strict=True)))
    titles = [[one[i] for one in rows[:last] if one[i]] for i in range(len(row))]
    places = [i for i in range(start, len(row)) if words[i]]
    # Columns that someone added have a name above; those that end a spreadsheet's lines have none.
    left_out = [titles[i][0] for i in range(start, len(row)) if titles[i] and not words[i]]
    keys = [key for key in keys if key[2]]
    lines = last + 1
    if start and lines < len(rows) and not any(rows[lines][1:]):
        # pandas gives the name of an index a line.
        lines += re.fullmatch(r"[A-Za-z_ ]+", rows[lines][0]) is not None
    header = Header(keys, places, start - 1 if start else None, None, lines, left_out)
    parts = {part for _, _, part in keys}
    sure = labelled or not parts.isdisjoint(CONFIDENCES)
    several_in_plane = "z" not in parts and len(header.points) > 1
    of_sensors = all(_SENSORS.search(point.lower()) for point in header.points)
    return header if labelled or (not of_sensors and (sure or several_in_plane)) else None


def name_levels(labels: Sequence[str], columns: Sequence[tuple[str, ...]]) -> list[Key]:
    """Return the key of each column from the cells above it, of which ``labels`` name the lines."""
    places = {label: i for i, label in enumerate(labels)}
    part = places.get("coords", len(labels) - 1)
    point = places.get("bodyparts", part - 1)
    owner = places.get("individuals")
    if owner is None and point > 0 and labels[point - 1] != "scorer":
        # A line of individuals, or of one scorer, which counts as a single individual.
        owner = point - 1
    return [
        ("" if owner is None else key[owner], key[point], key[part].strip().lower())
        for key in columns
    ]


def _filled(cells: Sequence[str]) -> list[str]:
    """Fill in cells that were merged, and take back the numbers that pandas gives equal names."""
    filled: list[str] = []
    for cell in cells:
        before = filled[-1] if filled else ""
        base = re.sub(r"\.\d+$", "", cell)
        filled.append(before if not cell or (base == before and base) else cell)
    return filled


def flat(
    names: Sequence[str], rows: Sequence[Sequence[str]] = (), sure: bool = True
) -> Header | None:
    """Recognise poses by the names of columns; None for what may be something else.

    A table holds poses if most of its points have a confidence beside x and y, or if it has the
    numbers of frames and several points, or individuals, in the plane. Where it need not be
    ``sure``, x and y are enough. Of ``rows``, the first rows of values, confidences of one letter
    must lie in [0, 1]. It is a ValueError if a column of points comes twice.
    """
    lower = [name.strip().lower().replace(" ", "_") for name in names]
    run_on = any(name.endswith(_TELLING) for name in lower)
    points: dict[tuple[str, str], dict[str, int]] = {}
    twins: list[str] = []
    for place, name in enumerate(names):
        individual, point, part = _split(name, run_on)
        if part and not _SENSORS.search(point.lower()):
            before = points.setdefault((individual, point), {}).setdefault(part, place)
            if names[before] != name:
                return None  # x_0 and X_0 of OpenFace
            twins += [name] * (before != place)
    points = {owner: parts for owner, parts in points.items() if {"x", "y"} <= parts.keys()}
    frame = next((place for place, one in enumerate(lower) if _FRAME.fullmatch(one)), None)
    rated = [owner for owner, parts in points.items() if _confident(parts, rows)]
    words = [part for parts in points.values() for part in parts]
    enough = 2 * len(rated) >= len(points) and (len(rated) > 1 or "likelihood" in words)
    track = next((lower.index(one) for one in _TRACKS if one in lower), None)
    several = len(points) > 1 or track is not None
    plane = frame is not None and several and "z" not in words
    of_sleap = "frame_idx" in lower and any("." in name for name in names)
    if not points or (sure and not (enough or plane or of_sleap)):
        return None
    if twins:
        raise ValueError(f"has two columns {quote(twins[0])}")
    if frame is None and lower[0] in ("", "index", "unnamed:_0"):
        frame = 0
    owners = _named(list(points), () if track else (_INDIVIDUAL, *[_SIMBA] * ("p" in words)))
    keys = [(*owners[owner], part) for owner, parts in points.items() for part in parts]
    places = [place for parts in points.values() for place in parts.values()]
    used = {*places, frame, track}
    others = [name for place, name in enumerate(names) if place not in used]
    left_out = [name for name in others if name and not _KNOWN.fullmatch(name.strip())]
    return Header(keys, places, frame, track, 0, left_out)


def each_point(names: Sequence[str]) -> bool:
    """Tell a table with a row for each point of a frame."""
    lower = {name.strip().lower().replace(" ", "_") for name in names}
    stems = {re.sub("_(id|idx|index|name)$", "", name) for name in lower}
    return {"x", "y"} <= lower and not stems.isdisjoint(_EACH_POINT)


def doubt(names: Sequence[str]) -> str:
    """Return a remark on signals whose names sound like those of points; empty without doubt."""
    header = flat(names, sure=False)
    if header is not None:
        in_space = any(part == "z" for _, _, part in header.keys)
        if len(header.points) >= (5 if in_space else 2):
            points = listing(header.points, 6)
            return f"Taken for signals; if {points} are points with x and y, say --kind pose."
    telling = [name for name in names if _TELLING in name.lower()]
    if telling:
        cure = "to have poses read, call their columns nose_x, nose_y, nose_likelihood and so on"
        return f"Taken for signals, though {listing(telling)} may be of a tracker: {cure}."
    return ""


def _split(name: str, run_on: bool) -> Key:
    """Split the name of a column into individual, point and part; the part is empty without one.

    Names such as ``nosex`` are split where names ``run_on``.
    """
    name = name.strip()
    if re.fullmatch(r"\(.*,.*\)", name):
        cells = [cell.strip(" '\"") for cell in name[1:-1].split(",")]
        cells = [cell for cell in cells if cell]
        part = cells[-1].lower()
        known = len(cells) > 1 and part in (*AXES, *CONFIDENCES)
        individual = cells[-3] if len(cells) > 2 else ""
        return (individual, cells[-2], part) if known else ("", name, "")
    name = _UNIT.sub("", name)
    patterns = (*_NAMES, _RUN_ON) if run_on else _NAMES
    found = next(filter(None, (one.fullmatch(name) for one in patterns)), None)
    return ("", found["point"] or "point", found["part"].lower()) if found else ("", name, "")


def _confident(parts: dict[str, int], rows: Sequence[Sequence[str]]) -> bool:
    word = next((one for one in CONFIDENCES if one in parts), None)
    if word in _LETTERS:
        cells = [row[parts[word]] for row in rows if parts[word] < len(row)]
        numbers = [float(cell.replace(",", ".")) for cell in cells if _is_number(cell)]
        return all(0 <= number <= 1 for number in numbers)
    return word is not None


def _named(
    owners: list[tuple[str, str]], patterns: Sequence[re.Pattern[str]]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Give each point its name: without a scorer that all begin with, and with its individual."""
    stems = [point for _, point in owners]
    least, most = min(stems), max(stems)
    alike = next(
        (i for i, pair in enumerate(zip(least, most, strict=False)) if len(set(pair)) > 1), 0
    )
    scorer = re.match(r".*[\s._\-]", least[:alike])
    if scorer and len(stems) > 1 and re.search("DLC|resnet|shuffle", scorer[0]):
        stems = [stem[len(scorer[0]) :] for stem in stems]
    names = [(individual, stem) for (individual, _), stem in zip(owners, stems, strict=True)]
    for pattern in patterns:
        found = [one for one in map(pattern.fullmatch, stems) if one]
        if len(found) == len(stems):
            split = [(one["individual"], one["point"]) for one in found]
            sets = [{p for i, p in split if i == one} for one in dict(split)]
            if len(sets) > 1 and len(sets[0]) > 1 and all(one == sets[0] for one in sets):
                names = split
                break
    return dict(zip(owners, names, strict=True))


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
