"""Timelines as TextGrids of Praat, and TextGrids back as intervals.

A file a recording, with the tier ``actions``, and ``steps`` and ``notes`` where there are any. A
tier has no gaps: where there is no action, its text is empty. Of a file, Praat reads the quoted
texts and the numbers that stand free, in their order; the words around them are for people, and
may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from asot.errors import FileError
from asot.export.annotations import NOTES, STEPS, TIER, Span, known_name, of_tiers
from asot.export.common import actions, note, require_lines, write_each
from asot.files import read_text
from asot.text import recording_name
from asot.timeline.segments import Interval, Timeline

_NUMBER = r"(?<!\S)(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)"
_TOKEN = re.compile(rf'"(?P<text>(?:[^"]|"")*)"|{_NUMBER}|(?<!\S)!.*')


def write_textgrids(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a ``.TextGrid`` file for each recording into the folder ``out``."""
    require_lines(actions(timelines), "TextGrid")
    return write_each(timelines, out, ".TextGrid", _grid)


def read_textgrid(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read a tier of a TextGrid, in Praat's long or short form."""
    text = read_text(path, western=True)
    found = (one.groupdict("") for one in _TOKEN.finditer(text) if one.lastgroup)
    values = iter([one["number"] or one["text"].replace('""', '"') for one in found])
    try:
        if (next(values)[:10], next(values)) != ("ooTextFile", "TextGrid"):
            raise ValueError("another kind of file")
        _, _, count = (next(values) for _ in range(3))
        tiers: dict[str, list[tuple[Span, str]]] = {}
        for _ in range(int(count)):
            kind, name = next(values), next(values)
            tiers.setdefault(name, []).extend(_tier(kind, values))
    except (StopIteration, RuntimeError, ValueError) as error:
        raise FileError.at(
            path, "is not a TextGrid that Praat saved as text, or is damaged"
        ) from error
    name = known_name([recording_name(path.stem), path.stem], known)
    return of_tiers(path, name, tiers, tier)


def _tier(kind: str, values: Iterator[str]) -> list[tuple[Span, str]]:
    """Read the rest of a tier, behind its name; a point lasts no time."""
    _, _, count = (next(values) for _ in range(3))
    spans = []
    for _ in range(int(count)):
        start = float(next(values))
        end = float(next(values)) if kind == "IntervalTier" else start
        spans.append(((start, end), next(values)))
    return [one for one in spans if one[1].strip()]


def _grid(timeline: Timeline) -> str:
    times = timeline.seconds.tolist()
    rows = timeline.rows
    tiers = {
        TIER: [(one.start_frame, one.end_frame, one.action) for one in rows],
        STEPS: [(one.start_frame, one.end_frame, f"step {one.step}") for one in timeline.steps],
        NOTES: [(one.start_frame, one.end_frame, note(one)) for one in rows],
    }
    filled = {name for name, spans in tiers.items() if any(text for _, _, text in spans)}
    tiers = {name: spans for name, spans in tiers.items() if name in filled or name == TIER}
    start, end = min(0.0, times[0]), times[-1]
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    text += f"xmin = {_number(start)}\nxmax = {_number(end)}\n"
    text += f"tiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    for i, (name, labelled) in enumerate(tiers.items(), 1):
        spans = list[tuple[float, float, str]]()
        reached = start
        for first_frame, end_frame, label in labelled:
            if times[first_frame] > reached:
                spans.append((reached, times[first_frame], ""))
            reached = times[end_frame]
            spans.append((times[first_frame], reached, label))
        if reached < end:
            spans.append((reached, end, ""))
        text += f'    item [{i}]:\n        class = "IntervalTier"\n        name = "{name}"\n'
        text += f"        xmin = {_number(start)}\n        xmax = {_number(end)}\n"
        text += f"        intervals: size = {len(spans)}\n"
        for j, (first, last, label) in enumerate(spans, 1):
            text += f"        intervals [{j}]:\n            xmin = {_number(first)}\n"
            text += f"            xmax = {_number(last)}\n"
            text += '            text = "{}"\n'.format(label.replace('"', '""'))
    return text


def _number(value: float) -> str:
    """Return a number as Praat and its readers know them: with all its digits, not as 1e-05."""
    return format(Decimal(repr(value)), "f")
