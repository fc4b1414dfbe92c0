"""Other methods, one a file, all behind the estimator's interface: to compare with."""

from asot.baselines.kmeans import KMeansSegmenter

__all__ = ["KMeansSegmenter"]
