"""Recordings that are no video: signals of sensors, ready features, and tracked poses."""

from asot.series.egocentric import distances, egocentric
from asot.series.extraction import extract_series, is_extracted, series_extractor
from asot.series.model import Series
from asot.series.pose import SUFFIXES, kind_of, read_pose
from asot.series.settings import SeriesSettings
from asot.series.signals import resample, smooth, velocity, windows
from asot.series.tables import read_series

__all__ = [
    "SUFFIXES",
    "Series",
    "SeriesSettings",
    "distances",
    "egocentric",
    "extract_series",
    "is_extracted",
    "kind_of",
    "read_pose",
    "read_series",
    "resample",
    "series_extractor",
    "smooth",
    "velocity",
    "windows",
]
