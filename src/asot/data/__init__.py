"""Data sets: folders on disk, lazy recordings, the feature store and sampling."""

from asot.data.bundled import WATCH_CLASSES, watch_sessions
from asot.data.check import DatasetReport, check_dataset
from asot.data.features import FeatureFile, map_array
from asot.data.folder import DatasetFolder, find_dataset
from asot.data.frames import even_frames, standardise, stratified_frames
from asot.data.recordings import Recording, Recordings
from asot.data.writing import write_dataset

__all__ = [
    "WATCH_CLASSES",
    "DatasetFolder",
    "DatasetReport",
    "FeatureFile",
    "Recording",
    "Recordings",
    "check_dataset",
    "even_frames",
    "find_dataset",
    "map_array",
    "standardise",
    "stratified_frames",
    "watch_sessions",
    "write_dataset",
]
