"""Use asot as a segmenter of aeon, on one series at a time: pip install aeon.

python examples/aeon_wrapper.py
"""

import numpy as np
from aeon.segmentation.base import BaseSegmenter

from asot import ActionSegmenter
from asot.simulation import make_recordings


class AsotSegmenter(BaseSegmenter):
    """Label every time point; ``n_segments`` are actions, each of which may come back."""

    _tags = {"capability:multivariate": True, "returns_dense": False}  # noqa: RUF012

    def __init__(self, n_segments=2, options=None):
        self.options = options
        super().__init__(axis=0, n_segments=n_segments)

    def _predict(self, X):
        return ActionSegmenter(self.n_segments, **(self.options or {})).fit_predict(X)

    @staticmethod
    def change_points(labels):
        """Return where each segment but the first begins, as aeon's other segmenters do."""
        return (np.flatnonzero(np.diff(labels)) + 1).tolist()


if __name__ == "__main__":
    series = make_recordings(n_recordings=1, n_actions=3, random_state=0)[0].features
    labels = AsotSegmenter(n_segments=3, options={"random_state": 0}).fit_predict(series, axis=0)
    print("change points:", AsotSegmenter.change_points(labels))
