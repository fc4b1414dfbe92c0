"""Timelines as files of Neurodata Without Borders, and their tables of intervals back.

A file a recording: ``processing/behavior/actions`` is a table of bouts as the extension
``ndx-ethogram`` defines it, with what is known of each, and ``ethogram`` beside it lists the
actions with their numbers. When the session began is not known here, and is written as 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from asot.errors import FileError, MissingExtraError
from asot.export.annotations import TIER, Annotation, known_name, of_tier
from asot.export.common import actions, note, require_lines
from asot.export.spreadsheets import HEADINGS
from asot.files import atomic_path
from asot.strangers import open_hdf5, texts, values
from asot.text import as_label, file_stems, recording_name
from asot.timeline.segments import Interval, Timeline

_ACTION = HEADINGS["action"].split("|")
_NOTE = HEADINGS["note"].split("|")


def write_nwb(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write an ``.nwb`` file for each recording into the folder ``out``."""
    try:
        import ndx_ethogram
        import pynwb
    except ImportError as error:
        raise MissingExtraError("ndx-ethogram", "nwb", "writing NWB") from error
    known = actions(timelines)
    require_lines([*known, *(one.recording for one in timelines)], "NWB")
    tables = [list(_bouts(one)) for one in timelines]
    stems = file_stems([one.recording for one in timelines])
    paths = [out / f"{stem}.nwb" for stem in stems]
    for path, timeline, bouts in zip(paths, timelines, tables, strict=True):
        session = pynwb.NWBFile(
            session_description=f"Actions that asot found in {timeline.recording!r}; the start of "
            "the session is not known",
            identifier=timeline.recording,
            session_start_time=datetime(1970, 1, 1, tzinfo=timezone.utc),
        )
        ethogram = ndx_ethogram.Ethogram(
            name="ethogram", description="Actions that were found without labels", exclusive=True
        )
        for action in known:
            code = timeline.labels.get(action, -1)
            ethogram.add_row(behavior=action, definition="found by asot", native_code=code)
        table = ndx_ethogram.EthogramBouts(
            name=TIER,
            description="Segments, each of an action",
            labeling_method="curated" if any(one["checked"] for one in bouts) else "automated",
            source_software="asot",
            ethogram=ethogram,
        )
        # A column without any value has no type.
        for name, meaning in _COLUMNS.items() if bouts else ():
            table.add_column(name=name, description=meaning)
        for bout in bouts:
            table.add_row(**bout)
        module = session.create_processing_module("behavior", "Actions, and what they are called")
        module.add(ethogram)
        module.add(table)
        with atomic_path(path) as temporary, pynwb.NWBHDF5IO(temporary, "w") as file:
            file.write(session)
    return paths


def read_nwb(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read a table of intervals that have a label, such as bouts; a tier is a table.

    The recording is what the file or its session is called.
    """
    found: list[Annotation] = []
    try:
        with open_hdf5(path, "reading NWB", "nwb") as file:
            identifier = file["identifier"].asstr()[()]
            names = [str(identifier), recording_name(path.stem), path.stem]
            recording = known_name(names, known)

            def visit(place: str, group: Any) -> None:
                if hasattr(group, "keys") and {"start_time", "stop_time"} <= group.keys():
                    found.extend(_annotations(path, recording, place.rpartition("/")[2], group))

            file.visititems(visit)
    # h5py has a RuntimeError for some of what is damaged.
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise FileError.at(path, "is not an NWB file, or is damaged") from error
    return of_tier(path, found, tier)


_COLUMNS = {
    "confidence": "Mean soft assignment of the action; NaN where it is not known",
    "checked": "Share of the frames that a person looked at",
    "note": "What people remarked",
}


def _bouts(timeline: Timeline) -> Iterator[dict[str, Any]]:
    for one, row in zip(timeline.intervals, timeline.rows, strict=True):
        sure = math.nan if row.confidence is None else row.confidence
        span = {"start_time": one.start_s, "stop_time": one.end_s, "label": row.action}
        yield {**span, "confidence": sure, "checked": row.checked, "note": note(row)}


def _annotations(
    path: Path, recording: str, name: str, group: Mapping[str, Any]
) -> Iterator[Annotation]:
    """Read a table of intervals; one without labels has none."""
    columns = {as_label(key).replace("_", " ").casefold(): key for key in group}
    action = next((columns[one] for one in _ACTION if one in columns), None)
    if action is None:
        return
    said = next((columns[one] for one in _NOTE if one in columns), None)
    starts, stops = (values(path, group[one]).tolist() for one in ("start_time", "stop_time"))
    labels = texts(path, group[action])
    notes = texts(path, group[said]) if said else [""] * len(labels)
    for start, stop, label, remark in zip(starts, stops, labels, notes, strict=True):
        span = float(start), float(stop)
        yield Annotation(recording, *span, as_label(label), (name,), event=True, note=remark)
