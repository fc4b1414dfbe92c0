"""Simulated data sets: label sequences and features with known ground truth."""

from asot.simulation.dataset import write_simulation
from asot.simulation.features import FeatureModel, load_preset, preset_names
from asot.simulation.labels import LabelCorpus, LabelModel, LabelSequence, read_label_corpus
from asot.simulation.statistics import describe_features
from asot.simulation.synthetic import make_affinity, make_recordings

__all__ = [
    "FeatureModel",
    "LabelCorpus",
    "LabelModel",
    "LabelSequence",
    "describe_features",
    "load_preset",
    "make_affinity",
    "make_recordings",
    "preset_names",
    "read_label_corpus",
    "write_simulation",
]
