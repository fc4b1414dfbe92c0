"""Timelines as the files of other tools, and those files back as intervals."""

from __future__ import annotations

from asot.export.formats import FORMATS, Format, export, read
from asot.export.tables import read_csv, write_csv
from asot.export.texts import read_frames

__all__ = ["FORMATS", "Format", "export", "read", "read_csv", "read_frames", "write_csv"]
