"""How far people agree on labels, beyond what they would by chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Compute Cohen's kappa of two people's labels: their agreement in place of chance.

    It is 1 where they agree on everything, and 0 where they agree as often as two who draw their
    labels at random, each with the frequencies that their own have.

    Parameters
    ----------
    first, second : array-like (N,)
        Labels of the same frames; those that are NaN in either are left out.

    Returns
    -------
    float
        At most 1; NaN where chance alone agrees always, or no frame is left.

    References
    ----------
    Cohen 1960, "A coefficient of agreement for nominal scales".

    Examples
    --------
    >>> cohen_kappa([1, 1, 2, 2], [1, 1, 2, 1])
    0.5
    """
    given = _as_given([first, second])
    one, other = given[:, ~np.isnan(given).any(axis=0)]
    if not len(one):
        return math.nan
    by_chance = sum(float((one == label).mean() * (other == label).mean()) for label in set(one))
    agreed = float((one == other).mean())
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan


def krippendorff_alpha(labels: ArrayLike) -> float:
    """Compute Krippendorff's alpha of people's nominal labels, some of which may be missing.

    It is 1 where they agree on everything, and 0 where they agree as often as chance does with
    the frequencies of all labels together.

    Parameters
    ----------
    labels : array-like (R, N)
        The label that each of R people gave to each of N frames, NaN for none. Frames with fewer
        than two labels are left out.

    Returns
    -------
    float
        At most 1; NaN where only one label is used, or no frame has two.

    References
    ----------
    Krippendorff 2011, "Computing Krippendorff's alpha-reliability".

    Examples
    --------
    >>> nan = float("nan")
    >>> round(krippendorff_alpha([[1, 1, 2, nan], [1, 1, 2, 3], [nan, 2, 2, 3]]), 3)
    0.719
    """
    given = _as_given(labels)
    classes = np.unique(given[~np.isnan(given)])
    counts = (given[..., None] == classes).sum(axis=0)
    counts = counts[counts.sum(axis=1) > 1].astype(np.float64)
    of_frame, of_label = counts.sum(axis=1), counts.sum(axis=0)
    n = float(of_frame.sum())
    disagreed = float(((of_frame**2 - (counts**2).sum(axis=1)) / (of_frame - 1)).sum())
    by_chance = (n**2 - float((of_label**2).sum())) / (n - 1) if n else 0.0
    return 1 - disagreed / by_chance if by_chance else math.nan


def _as_given(labels: ArrayLike | list[ArrayLike]) -> NDArray[np.float64]:
    given = np.asarray(labels, dtype=np.float64)
    if given.ndim != 2:
        shape = f"their shape is {given.shape}"
        raise ArgumentError(f"labels must have two axes, people and frames, but {shape}.")
    return given
