"""Numbers for the page: curves of eight bits a value, strips, histograms, fills."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.figures.style import Style
from asot.timeline.segments import run_lengths

MOST_BINS = 4000  # of a curve, or of all few signals of a recording
FEW_SIGNALS = 12  # shown at first
MOST_SIGNALS = 48
_FEWER_BINS = 1500
_SNIPPET_SIGNALS = 4
_SNIPPET_BINS = 240
_LEVELS = 254
_GAP = 255  # in place of a missing value
STRIP_COLUMNS = 400
HISTOGRAM_BINS = 16


def even_bins(edges: NDArray[np.float64], most: int = MOST_BINS) -> NDArray[np.int64]:
    """Return the frame at the start of each of at most ``most`` bins of equal duration.

    Frame ``i`` of N lasts from ``edges[i]`` to ``edges[i + 1]``. A frame has a bin of its own where
    frames are few and evenly spaced; else a frame may have many bins or a bin many frames.
    """
    n_frames = len(edges) - 1
    spacing = np.diff(edges)
    even = np.ptp(spacing) <= 1e-3 * spacing.mean()
    bins = min(most, n_frames if even else 4 * n_frames)
    # A little after the start of the bin, lest rounding choose a frame that has just ended.
    moments = edges[0] + (np.arange(bins) + 1e-3) * (edges[-1] - edges[0]) / bins
    return np.clip(np.searchsorted(edges, moments, side="right") - 1, 0, n_frames - 1)


def parts(edges: NDArray[np.float64], each: int) -> NDArray[np.float64]:
    """Return the times (N ``each`` + 1,) of equal parts of frames, of which ``edges`` are those.

    Examples
    --------
    >>> parts(np.array([0.0, 1.0, 3.0]), 2).tolist()
    [0.0, 0.5, 1.0, 2.0, 3.0]
    """
    frames = np.arange(len(edges))
    return np.interp(np.arange((len(edges) - 1) * each + 1) / each, frames, edges)


def bin_means(values: ArrayLike, bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of the values (N,) in each bin of :func:`even_bins`."""
    array = np.asarray(values, dtype=np.float64)
    counts = np.maximum(np.diff(np.append(bins, len(array))), 1)
    return np.add.reduceat(array, bins) / counts


def packed(values: ArrayLike, low: float, high: float) -> str:
    """Round values between ``low`` and ``high`` to 255 levels, in base 64; 255 is a gap."""
    array = np.asarray(values, dtype=np.float64)
    scaled = (array - low) / (high - low) if high > low else np.full_like(array, 0.5)
    within = np.fmin(np.fmax(np.rint(scaled * _LEVELS), 0), _LEVELS)
    levels = np.where(np.isfinite(array), within, _GAP)
    return base64.b64encode(levels.astype(np.uint8).tobytes()).decode("ascii")


def packed_signal(
    name: str, values: ArrayLike, bins: NDArray[np.int64], scale: ArrayLike | None = None
) -> dict[str, Any]:
    """Pack a signal (N,): its range or that of ``scale``, and the extremes of each bin."""
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    ranged = array if scale is None else np.asarray(scale, dtype=np.float64)
    ranged = ranged[np.isfinite(ranged)]
    low, high = (float(ranged.min()), float(ranged.max())) if ranged.size else (0.0, 0.0)
    smallest = np.minimum.reduceat(np.where(finite, array, np.inf), bins)
    largest = np.maximum.reduceat(np.where(finite, array, -np.inf), bins)
    result = {"name": name, "low": low, "high": high, "largest": packed(largest, low, high)}
    if len(bins) < len(array):
        result["smallest"] = packed(smallest, low, high)
    return result


def liveliest(signals: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Return the ``most`` columns of signals (N, C) with the largest variance, in their order."""
    finite = np.where(np.isfinite(signals), signals, 0.0)
    variances = finite.var(axis=0, dtype=np.float64)
    return np.sort(np.argsort(-variances, kind="stable")[:most])


def packed_signals(
    signals: NDArray[np.float32], names: Sequence[str], edges: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Pack the liveliest signals of a recording (N q, C), and mark those shown at first."""
    edges = parts(edges, len(signals) // (len(edges) - 1))
    columns = liveliest(signals, MOST_SIGNALS)
    shown = set(liveliest(signals, FEW_SIGNALS).tolist())
    bins = even_bins(edges, MOST_BINS if len(columns) <= FEW_SIGNALS else _FEWER_BINS)
    return [
        {**packed_signal(_name(names, c), signals[:, c], bins), "shown": c in shown}
        for c in columns.tolist()
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Snippet:
    """The middle of an example: some channels (n, c), their names, and their time edges (n + 1,).

    ``wanted`` is the number of frames that other examples show.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]
    edges: NDArray[np.float64]
    wanted: int

    def packed(self, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
        """Pack the channels, each on its range, with the share of the width that they fill."""
        bins = even_bins(self.edges, _SNIPPET_BINS)
        return {
            "share": min(1.0, len(self.values) / self.wanted),
            "span": rounded(self.edges[-1] - self.edges[0]),
            "channels": [
                packed_signal(name, self.values[:, c], bins, scale=ranges[name])
                for c, name in enumerate(self.names)
            ],
        }


def cut(
    signals: NDArray[np.float32],
    names: Sequence[str],
    edges: NDArray[np.float64],
    window: slice,
    most: int,
    columns: Sequence[int] | None,
) -> Snippet:
    """Cut ``most`` frames from the middle of a stretch: some columns, or else the liveliest."""
    each = len(signals) // (len(edges) - 1)
    surplus = max(0, window.stop - window.start - most)
    start = each * (window.start + surplus // 2)
    stop = each * (window.stop - (surplus - surplus // 2))
    edges, most = parts(edges, each), each * most
    chosen = list(liveliest(signals, _SNIPPET_SIGNALS)) if columns is None else list(columns)
    named = tuple(_name(names, int(c)) for c in chosen)
    return Snippet(signals[start:stop, chosen].copy(), named, edges[start : stop + 1], most)


def ranges(snippets: Iterable[Snippet]) -> dict[str, tuple[float, float]]:
    """Return the least and the largest value of each channel, for one scale of all examples."""
    found: dict[str, tuple[float, float]] = {}
    for one in snippets:
        for name, values in zip(one.names, one.values.T, strict=True):
            finite = values[np.isfinite(values)].tolist()
            before = found.get(name, ())
            found[name] = min((*before, *finite), default=0.0), max((*before, *finite), default=0.0)
    return found


def _name(names: Sequence[str], column: int) -> str:
    return names[column] if names else f"signal {column}"


def number(value: float) -> float | None:
    """Round to a millionth; None for NaN and infinity."""
    return rounded(value) if math.isfinite(value) else None


def moments(edges: NDArray[np.float64]) -> dict[str, Any]:
    """Pack the moments (N + 1,) at which frames begin: a step where it is even, or else the gaps.

    Gaps are whole numbers of a unit, a microsecond if they fit into 32 bits.

    Examples
    --------
    >>> moments(np.array([1.0, 1.5, 2.0]))
    {'start': 1.0, 'step': 0.5}
    """
    start, step = float(edges[0]), float(edges[-1] - edges[0]) / (len(edges) - 1)
    if np.abs(edges - start - step * np.arange(len(edges))).max() < 1e-6:
        return {"start": rounded(start), "step": step}
    unit = max(1e-6, float(np.diff(edges).max()) / 4e9)
    gaps = np.diff(np.rint((edges - start) / unit)).astype("<u4")
    text = base64.b64encode(gaps.tobytes()).decode("ascii")
    return {"start": rounded(start), "unit": unit, "gaps": text}


def rounded(value: float) -> float:
    """Round to a millionth: seconds to a microsecond."""
    return round(float(value), 6)


def fill(style: Style) -> list[str]:
    """Return the colour, one character for the hatch, and the colour of the hatch."""
    return [style.colour, style.hatch[:1], style.hatch_colour]


def strip(labels: NDArray[np.int64], edges: NDArray[np.float64]) -> list[int]:
    """Return the run lengths ``[label, columns, ...]`` of labels (N,), in at most 400 columns."""
    starts, ends, values = run_lengths(labels[even_bins(edges, STRIP_COLUMNS)])
    return np.stack([values, ends - starts], axis=1).ravel().tolist()


def histogram_edges(lengths: Iterable[ArrayLike]) -> NDArray[np.float64]:
    """Return round edges of bins that hold nearly all lengths; empty without lengths."""
    pooled = np.concatenate([np.zeros(0), *map(np.asarray, lengths)])
    if not pooled.size:
        return pooled
    reach = float(np.quantile(pooled, 0.97)) / HISTOGRAM_BINS
    scale = 10.0 ** math.floor(math.log10(reach))
    steps = [factor * scale for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)]
    step = next(step for step in steps if step >= reach * (1 - 1e-9))
    return np.arange(HISTOGRAM_BINS + 1, dtype=np.float64) * step


def histogram(lengths: ArrayLike, edges: NDArray[np.float64]) -> list[int]:
    """Count the lengths in each bin; longer lengths count in the last."""
    if not edges.size:
        return []
    inside = np.minimum(np.asarray(lengths), edges[-1] * (1 - 1e-12))
    return np.histogram(inside, edges)[0].tolist()
