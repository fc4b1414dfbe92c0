"""TW-FINCH: each recording by itself, clustered along chains of nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from asot.baselines.base import Baseline, Segmented
from asot.discover.prototypes import TINY, unit_rows

# Cosine distances below this are rounding errors of float32.
RESOLUTION = 1e-6
# Distances held at a time: 16 MB of float32.
CHUNK = 2**22


class TWFINCHSegmenter(Baseline):
    """Clusters each recording by itself; action numbers mean nothing across recordings.

    Frames are linked to their nearest neighbour, near in feature (1 - cosine) times near in time;
    linked frames make a cluster. The same is done with the clusters' means, level by level, down
    to the level with the fewest clusters that are still K or more; from there the two nearest
    clusters are merged until K are left. Labels are numbered by first appearance. Score it with
    one matching for each recording.

    Where the paper leaves a choice: of equally near neighbours the earliest is taken; a frame that
    is all zero has a cosine of 0 to any other; and feature distances under 1e-6, which float32
    cannot tell apart, count as 1e-6, so that time decides among frames that are alike. A recording
    of fewer than K frames gets an action for each frame.

    Parameters
    ----------
    n_actions : int
        K, the actions in each recording.
    standardise : bool
        Standardise the features of each recording first.
    random_state : ignored
        Present so that all methods are made alike.

    Attributes
    ----------
    shared : bool
        False: an action number means another action in each recording.
    labels_, n_features_in_
        As for :class:`~asot.baselines.KMeansSegmenter`.

    References
    ----------
    M. S. Sarfraz, N. Murray, V. Sharma, A. Diba, L. Van Gool and R. Stiefelhagen,
    "Temporally-weighted hierarchical clustering for unsupervised action segmentation", CVPR 2021.

    Examples
    --------
    >>> X = np.array([[1, 0], [1, 0.2], [0, 1], [0.2, 1], [1, 0.6], [1, 0.8]])
    >>> TWFINCHSegmenter(3, standardise=False).fit_predict(X).tolist()
    [0, 0, 1, 1, 2, 2]
    """

    shared: ClassVar[bool] = False

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        labels = _cluster(features, self.n_actions)
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        return first.argsort().argsort()[inverse], None


@dataclass
class _Clusters:
    """n clusters: sums over their frames of features and times, and their numbers of frames."""

    features: NDArray[np.floating[Any]]  # (n, D)
    times: NDArray[np.float64]  # (n,)
    sizes: NDArray[np.float64]  # (n,)


def _cluster(features: NDArray[np.float32], n_clusters: int) -> NDArray[np.int64]:
    """Label the frames (N,) of a recording by their clusters, in no order."""
    n_frames = len(features)
    labels = np.arange(n_frames, dtype=np.int64)
    clusters = _Clusters(features, np.arange(n_frames, dtype=np.float64), np.ones(n_frames))
    while (n := len(clusters.sizes)) > n_clusters:
        neighbours, distances = _nearest(clusters)
        links = csr_array((np.ones(n), (np.arange(n), neighbours)), (n, n))
        count, component = connected_components(links, directed=False)
        if count < n_clusters:
            return _merge(clusters, n_clusters, neighbours, distances)[labels]
        labels = component[labels].astype(np.int64)
        sums = csr_array((np.ones(n), (component, np.arange(n))), (count, n))
        clusters = _Clusters(sums @ clusters.features, sums @ clusters.times, sums @ clusters.sizes)
    return labels


def _merge(
    clusters: _Clusters,
    n_clusters: int,
    neighbours: NDArray[np.int64],
    distances: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Merge the two nearest clusters until ``n_clusters`` are left; label the clusters (n,).

    ``neighbours`` and ``distances`` are kept up to date in place: only clusters whose nearest
    neighbour has been merged look for another.
    """
    n = len(clusters.sizes)
    labels = np.arange(n)
    features = clusters.features.astype(np.float64)
    units = unit_rows(features, TINY)
    times, sizes = clusters.times.copy(), clusters.sizes.copy()
    alive = np.ones(n, dtype=bool)
    for _ in range(n - n_clusters):
        kept = int(distances.argmin())
        gone = int(neighbours[kept])
        labels[labels == gone] = kept
        features[kept] += features[gone]
        times[kept] += times[gone]
        sizes[kept] += sizes[gone]
        units[kept] = unit_rows(features[kept : kept + 1], TINY)[0]
        alive[gone] = False
        distances[gone] = np.inf
        means = times / sizes
        stale = alive & ((neighbours == kept) | (neighbours == gone))
        stale[kept] = True
        for i in np.flatnonzero(stale):
            row = _weights(units[i : i + 1], means[i : i + 1], units, means)[0]
            row[~alive] = row[i] = np.inf
            neighbours[i] = row.argmin()
            distances[i] = row[neighbours[i]]
        # The merged cluster may have come nearer to others than their neighbours are.
        row = _weights(units[kept : kept + 1], means[kept : kept + 1], units, means)[0]
        nearer = alive & (row < distances)
        nearer[kept] = False
        neighbours[nearer], distances[nearer] = kept, row[nearer]
    return labels


def _nearest(clusters: _Clusters) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the nearest other cluster of each of n > 1 clusters, (n,), and its distance."""
    units, means = unit_rows(clusters.features, TINY), clusters.times / clusters.sizes
    n = len(units)
    neighbours = np.empty(n, dtype=np.int64)
    distances = np.empty(n, dtype=np.float32)
    rows = max(1, CHUNK // n)
    for start in range(0, n, rows):
        chunk = slice(start, start + rows)
        weights = _weights(units[chunk], means[chunk], units, means)
        own = np.arange(len(weights))
        weights[own, start + own] = np.inf
        neighbours[chunk] = weights.argmin(axis=1)
        distances[chunk] = weights[own, neighbours[chunk]]
    return neighbours, distances


def _weights(
    units: NDArray[np.floating[Any]],
    times: NDArray[np.float64],
    other_units: NDArray[np.floating[Any]],
    other_times: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Multiply distances in features and time, (n, m); the paper's division by N has no effect."""
    weights = np.subtract(1, units @ other_units.T, dtype=np.float32)
    np.maximum(weights, np.float32(RESOLUTION), out=weights)
    apart = np.subtract.outer(times, other_times).astype(np.float32)
    weights *= np.abs(apart, out=apart)
    return weights
