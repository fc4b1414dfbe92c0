"""Segment tables as Parquet: the columns of the CSV, with their types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from asot.errors import MissingExtraError
from asot.files import atomic_path
from asot.timeline.segments import SegmentRow
from asot.timeline.timelines import Timeline


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.parquet`` into the folder ``out``; see :func:`asot.export.export`.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "writing Parquet") from error
    types = {
        "recording": pa.string(),
        "start_frame": pa.int64(),
        "end_frame": pa.int64(),
        "start_s": pa.float64(),
        "end_s": pa.float64(),
        "action": pa.string(),
        "confidence": pa.float64(),
    }
    rows = [row for timeline in timelines for row in timeline.rows]
    table = pa.table(
        {
            field.name: pa.array([getattr(row, field.name) for row in rows], types[field.name])
            for field in fields(SegmentRow)
        }
    )
    path = out / "segments.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
    return [path]
