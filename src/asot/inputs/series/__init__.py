"""Recordings that are no video: signals of sensors, ready features, and tracked poses."""

from asot.inputs.poses.egocentric import distances, egocentric
from asot.inputs.poses.read import SUFFIXES, kind_of, read_pose
from asot.inputs.series.extraction import extract_series, is_extracted, series_extractor
from asot.inputs.series.model import Series
from asot.inputs.series.settings import SeriesSettings
from asot.inputs.series.signals import resample, smooth, velocity, windows
from asot.inputs.series.tables import read_series

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
