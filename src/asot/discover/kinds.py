"""The kinds of segments that come again in other recordings, told by which are nearest.

Each segment is linked with the nearest one in every other recording. The segments of an action that
comes again are linked with each other, and form a community: a group with more links inside than
chance would make (Newman and Girvan, Physical Review E 2004), found by moving segments, then
groups, one by one (Blondel et al., Journal of Statistical Mechanics 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import Frames
from asot.timeline.segments import run_lengths

MOST_SEGMENTS = 400  # those of the first recordings; two, even if they have more
RESOLUTION = 1.25  # how much links by chance count: the more, the more communities
RIDGE = 1e-3  # of the variance of each column, added to that within segments


def count_kinds(recordings: Frames, labels: Sequence[NDArray[np.int64]]) -> float:
    """Return the number of kinds of segments, of frames (N_i, D) of recordings with labels (N_i,).

    It is the exponential of the entropy of their shares of the segments: rare kinds count little.
    """
    kinds = find_communities(link_segments(recordings, labels))
    shares = np.unique(kinds, return_counts=True)[1] / len(kinds)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def link_segments(recordings: Frames, labels: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Link each segment with the nearest in every other recording: symmetric, (M, M).

    Each is the nearest of the other: two links. The distance is that of the means, column by column
    in units of the deviation within segments.
    """
    means: list[NDArray[np.float64]] = []
    owners: list[int] = []
    within: Any = 0.0
    total = 0
    for index, (rows, own) in enumerate(zip(recordings, labels, strict=True)):
        lengths = run_lengths(own)
        if index > 1 and len(means) + len(lengths[0]) > MOST_SEGMENTS:
            break
        for start, end in zip(*lengths[:2], strict=True):
            part = rows[start:end].astype(np.float64)
            means.append(part.mean(axis=0))
            owners.append(index)
            within = within + ((part - means[-1]) ** 2).sum(axis=0)
            total += len(part)
    segments, owner = np.array(means), np.array(owners)
    spread = within / total + RIDGE * segments.var(axis=0).mean() + 1e-12
    scaled = segments / np.sqrt(spread)
    squares = (scaled**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * scaled @ scaled.T
    links = np.zeros_like(distances)
    for index in range(owner[-1] + 1):
        own, others = np.flatnonzero(owner == index), np.flatnonzero(owner != index)
        links[others, own[distances[np.ix_(others, own)].argmin(axis=1)]] = 1.0
    return links + links.T


def find_communities(links: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the communities (M,) of a network with symmetric links (M, M)."""
    import networkx

    network = networkx.from_numpy_array(links)
    found = networkx.community.louvain_communities(network, resolution=RESOLUTION, seed=0)
    groups = np.empty(len(links), dtype=np.int64)
    for number, members in enumerate(found):
        groups[list(members)] = number
    return groups
