"""Base classes of the baselines, which segment one recording at a time, and the uniform split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.data import even_frames
from asot.discover.prototypes import fit_kmeans
from asot.errors import require_integer
from asot.model.features import PreparedFeatures, prepare
from asot.model.given import read_recordings
from asot.model.segmenter import Segmenter

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

Segmented = tuple[NDArray[np.int64], float | None]


class Baseline(Segmenter, ABC):
    """A method that learns from all recordings, if at all, and then segments each by itself.

    ``objective_`` is the value that a method minimises, per fitted frame, if it minimises any. It
    is computed without labels, so that a seed may be chosen by it.
    """

    def __init__(
        self, n_actions: int = 8, *, standardise: bool = True, random_state: Any = None
    ) -> None:
        self.n_actions = n_actions
        self.standardise = standardise
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn from recordings, and segment them; return the segmenter.

        Parameters
        ----------
        X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
            Frame features, time first.
        y : ignored
            Present for scikit-learn's conventions.

        Raises
        ------
        ArgumentError
            If the features are not finite two-dimensional arrays of one width, or a parameter is
            out of its range.
        """
        require_integer("n_actions", self.n_actions, at_least=1)
        self._check()
        recordings = read_recordings(X)
        features = PreparedFeatures(recordings, self.standardise)
        self._learn(features)
        segmented = [self._segment(features[i]) for i in range(len(features))]
        self._keep_columns(features.width, recordings.open(0)[1])
        self.labels_ = [labels for labels, _ in segmented]
        costs = [cost for _, cost in segmented if cost is not None]
        if costs:
            self.objective_ = sum(costs) / sum(map(len, self.labels_))
        return self

    def predict(self, X: Any) -> Any:
        """Segment recordings, those that were fitted or others.

        Parameters
        ----------
        X : as for ``fit``
            Recordings of the columns that were fitted.

        Returns
        -------
        list of (N_i,) int64 arrays, or one array for one array
            An action number, 0 to K - 1, for each frame.
        """
        recordings = self._read_fitted(X)
        return recordings.answer(
            self._segment(prepare(one, self.standardise))[0] for one in recordings
        )

    def _check(self) -> None:
        """Refuse parameters out of range; ``n_actions`` has been checked."""

    def _learn(self, features: PreparedFeatures) -> None:
        """Learn what ``_segment`` needs."""

    @abstractmethod
    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        """Label a prepared recording (N, D); return the objective too, summed over its frames."""


class ClusteringBaseline(Baseline):
    """A baseline that begins with k-means on the frames of all recordings."""

    def __init__(
        self,
        n_actions: int = 8,
        *,
        standardise: bool = True,
        frames_per_recording: int | None = None,
        n_init: int = 10,
        random_state: Any = None,
    ) -> None:
        super().__init__(n_actions, standardise=standardise, random_state=random_state)
        self.frames_per_recording = frames_per_recording
        self.n_init = n_init

    def _check(self) -> None:
        if self.frames_per_recording is not None:
            require_integer("frames_per_recording", self.frames_per_recording, at_least=1)
        require_integer("n_init", self.n_init, at_least=1)

    def _cluster(self, features: PreparedFeatures) -> tuple[KMeans, list[NDArray[np.float32]]]:
        """Fit k-means to evenly spaced frames; return it and the frames of each recording."""
        chosen = [features[i] for i in range(len(features))]
        count = self.frames_per_recording
        if count is not None:
            chosen = [one[even_frames(len(one), count)] for one in chosen]
        frames = np.concatenate(chosen)
        return fit_kmeans(frames, self.n_actions, self.n_init, self.random_state), chosen


class UniformSegmenter(Baseline):
    """Cuts each recording into K parts of equal length, with the same actions in the same order.

    Frame i of N gets action ``i K // N``; lengths differ by one frame at most. A recording of
    fewer than K frames leaves actions out.

    Parameters
    ----------
    n_actions : int
        K.
    standardise, random_state : ignored
        Present so that all methods are made alike.

    Attributes
    ----------
    labels_, n_features_in_
        As for :class:`~asot.baselines.KMeansSegmenter`.

    Examples
    --------
    >>> UniformSegmenter(3).fit_predict(np.zeros((7, 1))).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        n_frames = len(features)
        return np.arange(n_frames, dtype=np.int64) * self.n_actions // n_frames, None
