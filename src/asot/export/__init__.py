"""Timelines as the files of other tools, and those files back as intervals: one format a module."""

from __future__ import annotations

from asot.export.csv import read_csv, write_csv
from asot.export.formats import FORMATS, Format, export
from asot.export.reading import read, read_frames

__all__ = ["FORMATS", "Format", "export", "read", "read_csv", "read_frames", "write_csv"]
