"""Segment tables as files: one format a module."""

from asot.export.csv import read_csv, write_csv

__all__ = ["read_csv", "write_csv"]
