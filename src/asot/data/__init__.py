"""Data sets: folders on disk, lazy recordings, the feature store, sampling and simulated data."""

from asot.data.check import ActivityRow, DatasetReport, check_dataset, require_valid
from asot.data.feature_model import FeatureModel
from asot.data.feature_statistics import describe_features
from asot.data.folder import DatasetFolder, find_dataset
from asot.data.label_model import LabelModel
from asot.data.label_sequences import LabelCorpus, LabelSequence
from asot.data.label_sources import read_label_corpus
from asot.data.preprocessing import standardise
from asot.data.presets import Preset, load_preset, preset_names
from asot.data.problems import Problem
from asot.data.recordings import Recording, Recordings
from asot.data.sampling import even_frames, stratified_frames
from asot.data.simulation import write_simulation
from asot.data.store import open_text
from asot.data.synthetic import make_affinity, make_recordings
from asot.data.watch import WATCH_CLASSES, watch_sessions
from asot.data.writing import write_dataset

__all__ = [
    "WATCH_CLASSES",
    "ActivityRow",
    "DatasetFolder",
    "DatasetReport",
    "FeatureModel",
    "LabelCorpus",
    "LabelModel",
    "LabelSequence",
    "Preset",
    "Problem",
    "Recording",
    "Recordings",
    "check_dataset",
    "describe_features",
    "even_frames",
    "find_dataset",
    "load_preset",
    "make_affinity",
    "make_recordings",
    "open_text",
    "preset_names",
    "read_label_corpus",
    "require_valid",
    "standardise",
    "stratified_frames",
    "watch_sessions",
    "write_dataset",
    "write_simulation",
]
