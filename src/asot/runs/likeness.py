"""How alike rows of numbers are, in a tree, on a map, and whether they are of two kinds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from asot.page import Pair
from asot.processes import one_thread

Rows = NDArray[np.float64]

# Two kinds.
ALPHA = 0.01
DRAWS = 400
FEWEST = 12  # rows that are cut
MOST = 400  # rows that are looked at
SMALLEST = 0.1  # of the rows, in a kind
AXES = 4
ROUNDS = 8
# Pairs that may be one.
MOST_PAIRS = 5
SHARED = 0.1  # of the frames of an action, that makes another suspect
SAME = 0.05  # least p of rows that nothing tells apart
FEWEST_SAME = 8  # rows of each action of which that may be said
# The map.
LEARNT = 1_000  # rows that t-SNE places; others go beside those that they are like
FEWEST_LEARNT = 12
PERPLEXITY = 20.0
NEAREST = 3


def main_axes(rows: Rows, most: int) -> Rows:
    """Return the ``most`` main directions (D, M) of rows (S, D) around their mean, M <= most."""
    centred = rows - rows.mean(axis=0)
    if len(rows) < rows.shape[1]:
        # Of few rows the smaller matrix has the same directions.
        values, vectors = np.linalg.eigh(centred @ centred.T)
        vectors = centred.T @ vectors / np.sqrt(np.maximum(values, 1e-12))
    else:
        vectors = np.linalg.eigh(centred.T @ centred)[1]
    return np.asarray(vectors[:, ::-1][:, :most])


def grow_tree(centres: Rows, shared: Rows) -> tuple[Rows, Rows]:
    """Join actions to a tree, as :func:`scipy.cluster.hierarchy.linkage`; return it and distances.

    The distance (K, K) of two actions is that of their centres (K, D), as a share of the largest,
    times one less the share that each has of the other's frames, ``shared`` (K, K), on average.
    """
    # Late, as the command line must show its help at once.
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist, squareform

    apart = squareform(pdist(centres))
    apart *= 1 - np.clip((shared + shared.T) / 2, 0, 1) * (1 - np.eye(len(centres)))
    apart /= apart.max(initial=0) or 1
    if len(centres) < 2:
        return np.zeros((0, 4)), apart
    return linkage(squareform(apart), "average", optimal_ordering=True), apart


@dataclass(frozen=True)
class Kinds:
    """A cut into two kinds: rows (D,) with ``row @ axis > at`` are of the second."""

    axis: NDArray[np.float64]
    at: float

    def second(self, rows: Rows) -> NDArray[np.bool_]:
        """Tell which rows (S, D) are of the second kind."""
        return np.asarray(rows @ self.axis > self.at)


def two_kinds(rows: Rows, rng: np.random.Generator) -> Kinds | None:
    """Cut rows (S, D) into two kinds if that describes them clearly better; else None.

    Rows are cut by 2-means on their main directions. What varies within the kinds along the line
    between their means, as a share of the whole, must be smaller than in all but 1 of 100 clouds
    of one kind with the same spread. These are normal, but even along their main direction, as no
    cloud with a single top is easier to cut. The test is SigClust's (Liu et al., JASA 2008), with
    an even direction: of 3,200 normal clouds of 12 to 200 rows it cut 7, of 1,600 even ones 18.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(60, 5))
    >>> two_kinds(rows, rng) is None
    True
    >>> rows[:20, 0] += 8
    >>> int(two_kinds(rows, rng).second(rows).sum())
    20
    """
    rows = rows if len(rows) <= MOST else rows[rng.permutation(len(rows))[:MOST]]
    n = len(rows)
    if n < FEWEST:
        return None
    middle = rows.mean(axis=0)
    axes = main_axes(rows, AXES)
    own = (rows - middle) @ axes
    drawn = rng.normal(size=(DRAWS, n, own.shape[1]))
    drawn[..., 0] = rng.uniform(-sqrt(3), sqrt(3), size=(DRAWS, n))
    drawn *= own.std(axis=0)
    within, line, at, least = _cut(own[None])
    chance = _cut(drawn - drawn.mean(axis=1, keepdims=True))[0]
    if least[0] < max(SMALLEST * n, 2) or within[0] > np.quantile(chance, ALPHA):
        return None
    axis = axes @ line[0]
    cut = Kinds(axis, float(at[0] + middle @ axis))
    # The second kind is the smaller one.
    return cut if cut.second(rows).mean() <= 0.5 else Kinds(-axis, -cut.at)


def _cut(clouds: Rows) -> tuple[Rows, Rows, Rows, Rows]:
    """Cut clouds (R, S, D) around 0 by 2-means, starting from their first axis.

    Returns, of each, the share of the variance along the line between the means that is within
    the kinds, the line (R, D), where it is cut, and the rows of the smaller kind.
    """
    second = (clouds[..., 0] > 0).astype(float)
    for _ in range(ROUNDS):
        counts = np.stack([second.sum(axis=1), (1 - second).sum(axis=1)])
        sums = np.einsum("rsd,rs->rd", clouds, second)
        # Rows are around 0, so that the sums of both kinds are opposite.
        line = sums / np.maximum(counts[0], 1)[:, None] + sums / np.maximum(counts[1], 1)[:, None]
        middle = (sums / np.maximum(counts[0], 1)[:, None]) - line / 2
        at = (middle * line).sum(axis=1)
        along = np.einsum("rsd,rd->rs", clouds, line)
        before, second = second, (along > at[:, None]).astype(float)
        if (before == second).all():
            break
    shares = second.mean(axis=1)
    total = (along * second).mean(axis=1)
    between = total**2 / np.maximum(shares * (1 - shares), 1e-12)
    within = 1 - between / np.maximum((along**2).mean(axis=1), 1e-12)
    return within, line, at, np.minimum(shares, 1 - shares) * clouds.shape[1]


def find_pairs(
    rows: Sequence[Rows],
    apart: Rows,
    shared: Rows,
    described: Iterable[tuple[int, int]],
    rng: np.random.Generator,
) -> list[Pair]:
    """Find the pairs of actions that may be one, at most five, the likeliest first.

    ``rows`` (S_k, D) are of the segments of each action, ``apart`` (K, K) their distances, and
    ``shared`` (K, K) is the share that the second has of the frames of the first. A pair is one
    of those ``described`` better as one; or each is the other's closest, and nothing tells their
    segments apart, or they share frames and are not two kinds.
    """
    told = {(min(pair), max(pair)) for pair in described}
    nearest = np.where(np.eye(len(rows), dtype=bool), np.inf, apart).argmin(axis=1)
    close = {(a, int(b)) for a, b in enumerate(nearest) if a < b and nearest[b] == a}
    found = []
    for a, b in sorted(told | close):
        both = np.concatenate([rows[a], rows[b]])
        share = float(shared[a, b]), float(shared[b, a])
        enough = min(len(rows[a]), len(rows[b])) >= FEWEST_SAME
        same = enough and _p_same(both, len(rows[a]), rng) > SAME
        mixed = max(share) >= SHARED and two_kinds(both, rng) is None
        if (a, b) in told or ((a, b) in close and (same or mixed)):
            pair = Pair((a, b), share, (a, b) in close, (a, b) in told, same)
            found.append(((a, b) not in told, -same - mixed, float(apart[a, b]), pair))
    return [pair for *_, pair in sorted(found, key=lambda one: one[:3])[:MOST_PAIRS]]


def _p_same(rows: Rows, first: int, rng: np.random.Generator) -> float:
    """Return how often means of random rows (S, D), ``first`` and the rest, are as far apart."""
    centred = rows - rows.mean(axis=0)
    drawn = np.zeros((DRAWS, len(rows)))
    drawn[:, :first] = 1
    drawn[1:] = rng.permuted(drawn[1:], axis=1)
    # The means lie on a line through that of all, so that one tells of both.
    distances = (np.square(drawn @ centred)).sum(axis=1)
    return float((distances >= distances[0] * (1 - 1e-9)).mean())


def lay_out(rows: Rows, rng: np.random.Generator) -> tuple[Rows, str]:
    """Lay rows (S, D), of main directions, out in two dimensions (S, 2); return the method too.

    t-SNE keeps neighbours together. Of the five neighbours of a segment on the map, so many are of
    its true class, and so many on the two main directions: 0.86 and 0.62 of exercises with a
    watch, 0.65 and 0.53 of motion capture, 0.52 and 0.34 of 50 Salads, 0.53 and 0.49 of gestures.
    """
    plain = np.pad(rows[:, :2], ((0, 0), (0, max(0, 2 - rows.shape[1]))))
    learnt = rng.permutation(len(rows))[:LEARNT]
    if len(learnt) < FEWEST_LEARNT or rows[learnt].std(axis=0).max() < 1e-6:
        return plain, "PCA"
    try:
        from sklearn.manifold import TSNE
    except ModuleNotFoundError:
        return plain, "PCA"
    perplexity = min(PERPLEXITY, (len(learnt) - 1) / 3)
    model = TSNE(init="pca", perplexity=perplexity, random_state=0)
    with one_thread():  # several give other digits, and wait ten times as long on a busy machine
        places = model.fit_transform(rows[learnt].astype(np.float32)).astype(float)
    # Its directions are arbitrary: the longer one goes across.
    places = places @ main_axes(places, 2)
    if len(learnt) == len(rows):
        result = np.empty_like(plain)
        result[learnt] = places
        return result, "t-SNE"
    from scipy.spatial import cKDTree

    distances, near = cKDTree(rows[learnt]).query(rows, NEAREST)
    weights = 1 / (distances**2 + 1e-9)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("sn,snd->sd", weights, places[near]), "t-SNE"
