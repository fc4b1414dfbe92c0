"""Labels in time as people and their tools save them, back as intervals.

An annotation is a label with two times that a file says is of a recording, and perhaps of a tier:
the subject, the annotator or the column of a spreadsheet that it belongs to. Only one tier of a
recording can be its labels.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from asot.errors import FileError
from asot.text import as_label, file_stems, listing, plural
from asot.timeline.segments import Interval

logger = logging.getLogger(__name__)

# The tiers that this library writes.
TIER, NOTES, STEPS = "actions", "notes", "steps"
Span: TypeAlias = tuple[float | None, float | None]


class Annotation(NamedTuple):
    """A label from ``start`` to ``end``, in seconds; ``tiers`` are the names of its tier.

    ``line`` is where it stands in a file of text. An ``event`` may last no time. The ``note`` is
    what people remark on it.
    """

    recording: str
    start: float
    end: float
    action: str
    tiers: tuple[str, ...] = ()
    line: int | None = None
    event: bool = False
    note: str = ""

    @property
    def is_point(self) -> bool:
        """Tell an event that lasts no time."""
        return self.event and self.end == self.start


def of_tier(path: Path, found: Sequence[Annotation], tier: str | None) -> list[Interval]:
    """Return the annotations of a tier, or of the only one, without events that last no time."""
    tiers = list(dict.fromkeys(name for one in found for name in one.tiers if name))
    if tier is not None and tier not in tiers:
        known = listing(tiers, len(tiers)) or "none"
        raise FileError.at(path, f"has no tier {tier!r}, its tiers are {known}")
    chosen = [one for one in found if tier is None or tier in one.tiers]
    own: dict[str, dict[tuple[str, ...], None]] = {}
    for one in chosen:
        own.setdefault(one.recording, {})[one.tiers] = None
    for recording, several in own.items():
        if len(several) > 1:
            names = [name or "without a name" for names in several for name in names]
            apart = [name for name in dict.fromkeys(names) if names.count(name) < len(several)]
            what = f"labels {recording} in several tiers: say which to read with --tier, of "
            raise FileError.at(path, what + listing(apart, len(apart)))
    points = [one for one in chosen if one.is_point]
    if points:
        message = "%s has %s that last no time, such as %r at %s s: they are left out."
        first = points[0]
        logger.warning(message, path, plural(len(points), "event"), first.action, first.start)
    intervals = []
    for one in chosen:
        if one.is_point:
            continue
        try:
            if not as_label(one.action):
                raise ValueError("the action is empty")
            intervals.append(Interval(one.recording, one.start, one.end, one.action, one.note))
        except ValueError as error:  # an ArgumentError is one
            raise FileError.at(path, str(error).rstrip("."), one.line) from error
    return intervals


def of_tiers(
    path: Path,
    recording: str,
    tiers: Mapping[str, Sequence[tuple[Span, str]]],
    tier: str | None,
) -> list[Interval]:
    """Return the annotations of a tier in order of time, with the notes on them.

    Each tier holds spans with texts. The tier is ``actions`` by default, whose notes are in
    ``notes``, or else the only one that has annotations. Those without text are left out.
    """
    listed = listing(list(tiers), len(tiers)) or "none"
    if tier is not None and tier not in tiers:
        raise FileError.at(path, f"has no tier {tier!r}, its tiers are {listed}")
    filled = [name for name, annotations in tiers.items() if annotations]
    chosen = tier or (TIER if TIER in tiers or len(filled) != 1 else filled[0])
    if chosen not in tiers:
        others = f"{len(filled)} others with annotations"
        cure = f"say which to read with --tier, of {listed}"
        raise FileError.at(path, f"has no tier '{TIER}', and {others}: {cure}")
    notes = tiers.get(NOTES, []) if chosen == TIER else []
    found, empty = [], 0
    for (start, end), text in tiers[chosen]:
        if not as_label(text):
            empty += 1
            continue
        if start is None or end is None:
            raise FileError.at(path, f"an annotation {text!r} of tier '{chosen}' has no time")
        said = (one for (first, _), one in notes if first is not None and start <= first < end)
        note = "; ".join(said)
        found.append(Annotation(recording, start, end, text, event=True, note=note))
    if empty:
        message = "%s has %s without text in tier %r: they are left out."
        logger.warning(message, path, plural(empty, "annotation"), chosen)
    return sorted(of_tier(path, found, None), key=lambda one: (one.start_s, one.end_s))


def known_name(names: Sequence[str], known: Iterable[str]) -> str:
    """Return the recording that one of some names or files is of, or else the first name.

    Examples
    --------
    >>> known_name(["observation 1", "videos/tea.mp4"], ["tea", "egg"])
    'tea'
    """
    labels = _by_label(tuple(known))
    for name in names:
        file = re.split(r"[/\\]", name)[-1]
        stem = re.sub(r"\.[A-Za-z]\w{1,4}$", "", file)
        # Label Studio puts such a number before the names of files.
        for form in (name, file, stem, re.sub(r"^[0-9a-f]{8}-", "", stem)):
            if as_label(form) in labels:
                return labels[as_label(form)]
    return names[0]


@lru_cache(maxsize=4)  # asked for each row of a table
def _by_label(known: tuple[str, ...]) -> dict[str, str]:
    """Return recordings by their names, and by what their files are called."""
    labels = {as_label(stem): name for stem, name in zip(file_stems(known), known, strict=True)}
    return labels | {as_label(name): name for name in known}


def decimal_comma(texts: Iterable[str], delimiter: str) -> bool:
    """Tell whether the times of a table have decimal commas, or a ValueError where they may have.

    Examples
    --------
    >>> decimal_comma(["0,5", "12"], ","), decimal_comma(["1,234.5"], ";")
    (True, False)
    """
    texts = [text for text in texts if ":" not in text]
    commas = [text for text in texts if "," in text]
    for text in commas:
        if "." in text:
            return text.rindex(",") > text.rindex(".")
        if text.count(",") > 1:
            return False
    if not commas or delimiter != ",":
        return bool(commas)
    if not all(re.fullmatch(r"[1-9]\d{0,2},\d{3}", text) for text in commas):
        return True
    if any("." in text for text in texts):
        return False
    rule = "may be a thousand times as much, or have a decimal comma: write decimals with a point"
    raise ValueError(f"the time '{commas[0]}' {rule}")


def seconds(column: str, text: str, unit: float = 1.0, comma: bool = False) -> float:
    """Read a time: a number in ``unit`` seconds, or a clock's such as ``1:02:03.5``.

    ``comma`` says that decimals have a comma. ValueError carries the rule that a text breaks.

    Examples
    --------
    >>> seconds("start", "01:02:03,5"), seconds("start", "0:00:02:500"), seconds("end", "1,234.5")
    (3723.5, 2.5, 1234.5)
    """
    text = "".join(text.split())
    if ":" in text:
        return _clock(column, text)
    mark, other = ",." if comma else ".,"
    if re.fullmatch(rf"\d{{1,3}}(\{other}\d{{3}})+(\{mark}\d*)?", text):
        if comma and mark not in text and text.count(other) == 1:
            rule = "may be a thousand times as much: write all decimals with the same mark"
            raise ValueError(f"{column} is '{text}', which {rule}")
        text = text.replace(other, "")
    return number(column, text.replace(",", ".") if comma else text) * unit


def _clock(column: str, text: str) -> float:
    parts = text.split(":")
    if len(parts) > 2 and len(parts[-1]) == 3 and parts[-1].isdigit():  # Datavyu's milliseconds
        parts = [*parts[:-2], f"{parts[-2]}.{parts[-1]}"]
    whole, last = parts[:-1], parts[-1].replace(",", ".")
    fits = all(part.isascii() and part.isdigit() for part in whole)
    if not fits or not re.fullmatch(r"\d{1,2}(\.\d*)?", last) or len(parts) > 3:
        rule = "must be seconds, or a time such as 1:02:03.5"
        raise ValueError(f"{column} {rule}, but it is '{text}'")
    values = [*map(int, whole), float(last)]
    if any(value >= 60 for value in values[1:]):
        raise ValueError(f"{column} is '{text}', with sixty or more minutes or seconds")
    return float(sum(value * 60**place for place, value in enumerate(reversed(values))))


def number(column: str, text: str) -> float:
    """Read a finite number; ValueError carries the rule that it breaks."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be a finite number, but it is '{text}'")
    return value


def frame(column: str, text: str, n_frames: int | None = None) -> int:
    """Read the number of a frame; ValueError carries the rule that it breaks."""
    # int() alone would also take signs, underscores, digits of other scripts and endless numbers.
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"{column} must be a whole number of frames >= 0, but it is '{text}'")
    if n_frames is not None and int(text) > n_frames:
        raise ValueError(f"{column} is {text}, but the recording has {n_frames} frames")
    return int(text)
