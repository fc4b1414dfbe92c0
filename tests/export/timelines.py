"""Timelines to export: a small one by hand, and any that recordings can give."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from asot.text import as_label
from asot.timeline.segments import SegmentRow, Timeline, run_lengths

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "../../etc/passwd",
    "..",
    ".hidden",
    "a --> b",
    "a & b < c > d",
    'say "hello", it\'s; #1 = \\ %41',
    "con",
    "C:\\videos\\tea",
    "Kaffee ☕ 泡茶\u3000\u00a0é é",
    "ends in a dot.",
    "]]>",
    "$video",
    "x" * 300,
    "茶" * 120,
]


def is_text(name: str) -> bool:
    """Printable in the widest sense: no control, no line break, no noncharacter."""
    kinds = {unicodedata.category(character) for character in name}
    return bool(as_label(name)) and not kinds & {"Cc", "Cs", "Zl", "Zp"} and "\ufffe" not in name


names = st.sampled_from(HOSTILE) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), min_size=1
).filter(is_text)


def timeline(
    labels: str = "aab-b",
    recording: str = "tea",
    times: list[float] | None = None,
    media: Path | None = Path("/videos/tea.mp4"),
    media_rate: float | None = 25.0,
    actions: dict[str, str] | None = None,
    confidences: bool = True,
) -> Timeline:
    """A frame a letter, ``-`` without an action; 25 frames a second unless ``times`` are given."""
    edges = np.arange(len(labels) + 1) / 25 if times is None else np.array(times)
    rows = [
        SegmentRow(
            recording,
            int(start),
            int(end),
            float(edges[start]),
            float(edges[end]),
            (actions or {}).get(letter, str(letter)),
            1 / (2 + start) if confidences else None,
        )
        for start, end, letter in zip(*run_lengths(list(labels)), strict=True)
        if letter != "-"
    ]
    return Timeline(recording, tuple(rows), len(labels), edges, media, media_rate)


@st.composite
def recordings(draw: st.DrawFn, names: st.SearchStrategy[str] = names) -> list[Timeline]:
    """Recordings with hostile names, uneven times and any start, frames 3 ms to 2 s long."""
    actions = dict(zip("abc", draw(st.tuples(names, names, names)), strict=True))
    made = []
    for recording in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        labels = draw(st.text("abc-", min_size=1, max_size=12))
        steps = draw(st.lists(st.floats(0.003, 2.0), min_size=len(labels), max_size=len(labels)))
        start = draw(st.sampled_from([0.0, 0.54]) | st.floats(0, 5000))
        times = [start, *(start + np.cumsum(steps)).tolist()]
        made.append(
            timeline(labels, recording, times, actions=actions, confidences=draw(st.booleans()))
        )
    return made


def in_milliseconds(one: Timeline) -> list[tuple[int, int, str]]:
    """What any tool must show: start and end of each row in whole milliseconds, and its action."""
    assert one.times is not None
    return [
        (
            round(one.times[row.start_frame] * 1000),
            round(one.times[row.end_frame] * 1000),
            row.action,
        )
        for row in one.rows
    ]
