"""Tables of labels in time as intervals: what people type, and what other tools export.

Plain tables, segment tables of asot, events and aggregated events of BORIS (with or without the
lines above them), Datavyu's cells, ELAN's text and BIDS events. The header says which column is
which; a unit in it counts, and without one times are seconds.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from asot.errors import FileError
from asot.export.annotations import Annotation, decimal_comma, frame, known_name, of_tier, seconds
from asot.files import read_text
from asot.text import as_label, from_cell, quote, recording_name
from asot.timeline.segments import Interval

logger = logging.getLogger(__name__)

# The names that a column may have, without its unit; the first of them that is there counts.
HEADINGS = {
    "recording": "recording|video|file|media file name|media file path|media file|"
    "file name|filename|video name|media|path",
    "observation": "observation id",
    "tier": "tier|subject|annotator|rater|coder|observer",
    "action": "action|label|behavior|behaviour|activity|trial type|annotation|code|event|class|"
    "value|text",
    "start": "start|start time|begin|begin time|onset|from|tmin|xmin",
    "end": "end|end time|stop|stop time|offset|to|tmax|xmax",
    "duration": "duration",
    "time": "time",
    "state": "behavior type|status",
    "note": "note|notes|comment|comments|comment start",
}
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "ss.msec"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("hh:mm:ss", "hh:mm:ss.ms", "hh:mm:ss.mmm", "mm:ss"), 1.0),
}
# What tells annotations of one recording apart.
_TIERS = ("tier", "observation")
_FRAMES = ("frame", "frames")
_UNIT = re.compile(rf"(.*?)[ (\[-]+({'|'.join(map(re.escape, (*_UNITS, *_FRAMES)))})[)\]]?")
# Lines above a header that are looked through for it.
_ABOVE = 100


@dataclass(frozen=True)
class _Header:
    """Where a table starts, and the columns of each kind; ``above`` are the lines before it."""

    line: int
    delimiter: str
    headings: list[str]
    columns: dict[str, list[int]]
    units: dict[int, float]
    above: list[list[str]]
    # Datavyu's columns: start, end and action, by the names that people call them.
    cells: dict[tuple[str, ...], tuple[int, int, int | None]] = field(default_factory=dict)

    def first(self, row: Sequence[str], kind: str) -> str:
        """Return the cell of the first column of a kind; a blank where there is none."""
        place = self.columns.get(kind, [len(row)])[0]
        return "".join(row[place : place + 1]).strip()


def read_table(
    path: Path,
    times: Mapping[str, ArrayLike] | None = None,
    tier: str | None = None,
    text: str | None = None,
) -> list[Interval]:
    """Read intervals from a table, whose text is that of the file unless given.

    Commas, semicolons, tabs or bars part the columns. They are ``action`` (or ``label``,
    ``behavior``, ...), and ``start`` and ``end`` (or ``begin``, ``onset``, ``duration``, ...), or
    ``start_frame`` and ``end_frame``, whose seconds are in ``times`` (N + 1,) by recording; or
    ``time`` and ``status``, START or STOP. Times are numbers in the heading's unit, ``start_ms``
    or ``Start (s)``, or a clock's, ``1:02:03.5``. Without a column ``recording`` (or ``video``),
    all is of the recording that the file is named after. Other columns and empty lines do no harm.
    """
    text = text or read_text(path, western=True)
    header = find_header(path, text)
    rows = [
        (line, cells)
        for line, cells in records(path, text, header.delimiter)
        if line > header.line and any(cell.strip() for cell in cells)
    ]
    _warn_of_offsets(path, header, rows)
    timed = [*header.columns.get("start", []), *header.columns.get("end", [])]
    timed += [i for kind in ("duration", "time") for i in header.columns.get(kind, [])]
    try:
        comma = decimal_comma(
            (c[i] for _, c in rows for i in timed if i < len(c)), header.delimiter
        )
    except ValueError as error:
        raise FileError.at(path, str(error)) from None
    table = _Table(path, header, times or {}, comma)
    found: list[Annotation] = []
    for line, cells in rows:
        try:
            found += table.read(line, cells)
        except ValueError as error:
            raise FileError.at(path, str(error).rstrip("."), line) from error
    if table.counts_frames:
        message = "%s counts frames: they are taken for those of the features, not of a video."
        logger.warning(message, path)
    for (recording, *_, action), starts in table.running.items():
        for start, line in starts:
            message = f"{action!r} of {recording} starts at {start:g} s and never stops"
            raise FileError.at(path, message, line)
    return of_tier(path, found, tier)


def is_table(path: Path) -> bool:
    """Tell whether a text file has the header of a table of labels in time."""
    try:
        find_header(path, read_text(path, western=True))
    except FileError:
        return False
    return True


def records(path: Path, text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it starts on (a quoted name may span several)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            yield line, [from_cell(cell) for cell in record]
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileError.at(path, f"this is not CSV ({error})", line) from error


def find_header(path: Path, text: str) -> _Header:
    """Find the first line that names a label and its times, and what parts the columns."""
    for delimiter in "\t;,|":
        above: list[list[str]] = []
        try:
            for line, cells in records(path, text, delimiter):
                header = _header(line, delimiter, cells, above)
                if header is not None:
                    return header
                above.append(cells)
                if len(above) > _ABOVE:
                    break
        except FileError:  # quotes that another delimiter would make sense of
            continue
    first = text.lstrip().splitlines()[0]
    message = (
        "the header must have the columns recording, start_s, end_s and action (or start_frame "
    )
    raise FileError.at(
        path, f"{message}and end_frame for the seconds), but it has {quote(first, 200)}", 1
    )


def _header(line: int, delimiter: str, cells: list[str], above: list[list[str]]) -> _Header | None:
    """Understand a line as a header, if it is one."""
    ranked: dict[str, list[tuple[int, int]]] = {}
    units: dict[int, float] = {}
    for i, cell in enumerate(cells):
        kind, rank, unit = _heading(cell)
        if unit is not None:
            units[i] = unit
        if kind:
            ranked.setdefault(kind, []).append((rank, i))
    columns = {kind: [i for _, i in sorted(found)] for kind, found in ranked.items()}
    header = _Header(line, delimiter, cells, columns, units, list(above), _datavyu(cells))
    timed = (
        {"start", "end"},
        {"start", "duration"},
        {"start frame", "end frame"},
        {"time", "state"},
    )
    plain = "action" in columns and any(kinds <= set(columns) for kinds in timed)
    return header if header.cells or plain else None


def _heading(cell: str) -> tuple[str, int, float | None]:
    """Return the kind of a column, the rank of its name, and its unit in seconds."""
    name = as_label(cell).replace("_", " ").casefold()
    found = _UNIT.fullmatch(name)
    base, unit = (found[1], found[2]) if found else (name, "")
    for kind, known in HEADINGS.items():
        names = known.split("|")
        if base in names and unit in _FRAMES:
            return f"{kind} frame", 0, None
        if base in names or name in names:
            return kind, names.index(base if base in names else name), _UNITS.get(unit)
    return "", 0, None


def _datavyu(cells: Sequence[str]) -> dict[tuple[str, ...], tuple[int, int, int | None]]:
    """Find the columns ``code.onset``, ``code.offset`` and ``code.argument`` of each code."""
    places: dict[str, dict[str, int]] = {}
    for i, cell in enumerate(cells):
        code, _, argument = cell.strip().rpartition(".")
        places.setdefault(code, {})[argument] = i
    found: dict[tuple[str, ...], tuple[int, int, int | None]] = {}
    for code, own in places.items():
        if not {"onset", "offset"} <= set(own) or not (code or "ordinal" in own):
            continue
        arguments = [name for name in own if name not in ("ordinal", "onset", "offset")]
        for name in arguments:
            found[(f"{code}.{name}".lstrip("."), code)] = own["onset"], own["offset"], own[name]
        if not arguments and code:
            found[("", code)] = own["onset"], own["offset"], None
    return found


class _Table:
    """The rows of a table; ``running`` are the starts of events that have not stopped yet."""

    def __init__(
        self, path: Path, header: _Header, times: Mapping[str, ArrayLike], comma: bool
    ) -> None:
        self.header, self.times, self.comma = header, times, comma
        self.running: dict[tuple[str, tuple[str, ...], str], list[tuple[float, int]]] = {}
        self.counts_frames = False
        said = [row for row in header.above if len(row) > 1 and row[1].strip()]
        self._names = [
            *(row[1] for row in said if _heading(row[0])[0] in ("observation", "recording")),
            *(row[1] for row in said if "Player #" in row[0]),
        ]
        self._stems = [path.stem, recording_name(path.stem)]

    def read(self, line: int, cells: list[str]) -> Iterator[Annotation]:
        """Read one row; ValueError carries the rule that it breaks."""
        header = self.header
        recording = self._recording(cells)
        if header.cells:
            yield from self._cells(recording, line, cells)
            return
        action = header.first(cells, "action")
        tiers = tuple(header.first(cells, kind) for kind in _TIERS if kind in header.columns)
        state = header.first(cells, "state").upper()
        if "time" in header.columns and not {"start", "start frame"} & set(header.columns):
            yield from self._event(recording, tiers, action, state, line, cells)
            return
        start, end = self._times(recording, cells, state == "POINT")
        event, note = state in ("POINT", "STATE"), header.first(cells, "note")
        yield Annotation(recording, start, end, action, tiers, line, event, note)

    def _cells(self, recording: str, line: int, cells: list[str]) -> Iterator[Annotation]:
        for tiers, (onset, offset, argument) in self.header.cells.items():
            texts = [cells[i].strip() if i < len(cells) else "" for i in (onset, offset)]
            if not any(texts):  # columns of other codes have more rows
                continue
            for text in texts:
                if ":" not in text and not text.isdigit():
                    raise ValueError(f"onset and offset must be milliseconds, but one is '{text}'")
            start, end = (seconds("onset", text, 0.001) for text in texts)
            action = tiers[1] if argument is None else "".join(cells[argument : argument + 1])
            # Codes without arguments are the labels themselves.
            names = () if argument is None else tiers
            yield Annotation(recording, start, end, action, names, line, event=True)

    def _event(
        self,
        recording: str,
        tiers: tuple[str, ...],
        action: str,
        state: str,
        line: int,
        cells: list[str],
    ) -> Iterator[Annotation]:
        moment = self._seconds("time", cells)
        waiting = self.running.setdefault((recording, tiers, action), [])
        if state == "START":
            waiting.append((moment, line))
        elif state == "STOP" and waiting:
            start, _ = waiting.pop(0)
            yield Annotation(recording, start, moment, action, tiers, line, event=True)
        elif state == "POINT":
            yield Annotation(recording, moment, moment, action, tiers, line, event=True)
        else:
            rule = "stops without a start" if state == "STOP" else f"has the status '{state}'"
            raise ValueError(f"{action!r} of {recording} {rule}, where START, STOP or POINT belong")

    def _times(self, recording: str, cells: list[str], is_point: bool) -> tuple[float, float]:
        first = self.header.first
        if first(cells, "start"):
            start = self._seconds("start", cells)
            if is_point:
                return start, start
            if first(cells, "end"):
                return start, self._seconds("end", cells)
            if first(cells, "duration") and "end" not in self.header.columns:
                return start, start + self._seconds("duration", cells)
        if recording not in self.times:
            raise ValueError(f"the row has no seconds, and frames of {recording!r} are not known")
        self.counts_frames = True
        edges = np.asarray(self.times[recording], dtype=np.float64).tolist()
        places = ((f"{kind}_frame", first(cells, f"{kind} frame")) for kind in ("start", "end"))
        start, end = (edges[frame(name, text, len(edges) - 1)] for name, text in places)
        return start, end

    def _seconds(self, kind: str, cells: list[str]) -> float:
        column = self.header.columns[kind][0]
        heading, unit = self.header.headings[column].strip(), self.header.units.get(column, 1.0)
        return seconds(heading, self.header.first(cells, kind), unit, self.comma)

    def _recording(self, cells: list[str]) -> str:
        known = self.header.columns
        columns = [*known.get("observation", []), *known.get("recording", [])]
        names = [cells[i].strip() for i in columns if i < len(cells) and cells[i].strip()]
        if columns and not names:
            raise ValueError("the recording is empty")
        return known_name([*self._names, *names] or self._stems, self.times)


def _warn_of_offsets(path: Path, header: _Header, rows: list[tuple[int, list[str]]]) -> None:
    """Say where a table has an offset of times, as BORIS writes it, which is not applied."""
    column = next(
        (i for i, one in enumerate(header.headings) if "time offset" in one.lower()), None
    )
    texts = [row[1] for row in header.above if len(row) > 1 and "time offset" in row[0].lower()]
    if column is not None:
        texts += [cells[column] for _, cells in rows if column < len(cells)]
    offset = next((text for text in texts if text.strip(" 0.,:")), None)
    if offset is not None:
        logger.warning(
            "%s has a time offset of %s: its times are taken as they stand.", path, offset
        )
