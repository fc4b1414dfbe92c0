"""Data sets: folders on disk, lazy recordings, the feature store and sampling."""

from asot.data.check import ActivityRow, DatasetReport, check_dataset, require_valid
from asot.data.folder import DatasetFolder, find_dataset
from asot.data.preprocessing import standardise
from asot.data.recordings import Recording, Recordings
from asot.data.sampling import even_frames, stratified_frames
from asot.data.store import open_text
from asot.data.watch import WATCH_CLASSES, watch_sessions
from asot.data.writing import write_dataset
from asot.errors import Defect

__all__ = [
    "WATCH_CLASSES",
    "ActivityRow",
    "DatasetFolder",
    "DatasetReport",
    "Defect",
    "Recording",
    "Recordings",
    "check_dataset",
    "even_frames",
    "find_dataset",
    "open_text",
    "require_valid",
    "standardise",
    "stratified_frames",
    "watch_sessions",
    "write_dataset",
]
