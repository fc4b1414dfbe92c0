"""Numbers, fills, strips and histograms as the page reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.figures.palette import Style
from asot.page.curves import even_bins
from asot.timeline.segments import run_lengths

STRIP_COLUMNS = 400
HISTOGRAM_BINS = 16


def number(value: float) -> float | None:
    """Round to a millionth; None for what is no number.

    Examples
    --------
    >>> number(0.123456789), number(float("nan"))
    (0.123457, None)
    """
    return rounded(value) if math.isfinite(value) else None


def rounded(value: float) -> float:
    """Round to a millionth: seconds to a microsecond.

    Examples
    --------
    >>> rounded(np.float64(0.1) + 0.2)
    0.3
    """
    return round(float(value), 6)


def fill(style: Style) -> list[str]:
    """Colour, one character for the hatch, and the colour of the hatch.

    Examples
    --------
    >>> fill(Style("#e69f00", "/////", "#000000"))
    ['#e69f00', '/', '#000000']
    """
    return [style.colour, style.hatch[:1], style.hatch_colour]


def strip(labels: NDArray[np.int64], edges: NDArray[np.float64]) -> list[int]:
    """Run lengths ``[label, columns, ...]`` of labels (N,), seen from afar.

    Examples
    --------
    >>> strip(np.array([3, 3, -1]), np.arange(4.0))
    [3, 2, -1, 1]
    """
    starts, ends, values = run_lengths(labels[even_bins(edges, STRIP_COLUMNS)])
    return np.stack([values, ends - starts], axis=1).ravel().tolist()


def histogram_edges(lengths: Iterable[ArrayLike]) -> NDArray[np.float64]:
    """Round bins up to what nearly all lengths stay below; none where there are no lengths.

    Examples
    --------
    >>> histogram_edges([[4.0, 30.0], [16.0]])[[0, 1, -1]].tolist()
    [0.0, 2.0, 32.0]
    """
    pooled = np.concatenate([np.zeros(0), *map(np.asarray, lengths)])
    if not pooled.size:
        return pooled
    reach = float(np.quantile(pooled, 0.97)) / HISTOGRAM_BINS
    scale = 10.0 ** math.floor(math.log10(reach))
    steps = [factor * scale for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)]
    step = next(step for step in steps if step >= reach * (1 - 1e-9))
    return np.arange(HISTOGRAM_BINS + 1, dtype=np.float64) * step


def histogram(lengths: ArrayLike, edges: NDArray[np.float64]) -> list[int]:
    """Count lengths in bins; the last one takes all that is longer.

    Examples
    --------
    >>> histogram([0.5, 1.5, 9.0], np.array([0.0, 1.0, 2.0]))
    [1, 2]
    """
    if not edges.size:
        return []
    inside = np.minimum(np.asarray(lengths), edges[-1] * (1 - 1e-12))
    return np.histogram(inside, edges)[0].tolist()
