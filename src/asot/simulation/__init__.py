"""Simulated data sets: label sequences and features with known ground truth."""

from asot.simulation.dataset import write_simulation
from asot.simulation.feature_model import FeatureModel
from asot.simulation.label_model import LabelModel
from asot.simulation.label_sequences import LabelCorpus, LabelSequence
from asot.simulation.label_sources import read_label_corpus
from asot.simulation.presets import Preset, load_preset, preset_names
from asot.simulation.statistics import describe_features
from asot.simulation.synthetic import make_affinity, make_recordings

__all__ = [
    "FeatureModel",
    "LabelCorpus",
    "LabelModel",
    "LabelSequence",
    "Preset",
    "describe_features",
    "load_preset",
    "make_affinity",
    "make_recordings",
    "preset_names",
    "read_label_corpus",
    "write_simulation",
]
