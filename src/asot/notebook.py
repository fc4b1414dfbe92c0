"""What notebooks show of results: a verdict, sentences, and timelines as inline SVG.

Text takes the colour of the notebook, so that it reads in light and in dark. Nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The actions' colours, here and on figures; ``figures/style.py`` tells where they are from.
COLOURS = (
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    *("#183d92", "#920c00", "#aadb9e", "#793d55", "#90e8f8"),
)
MOST_TIMELINES = 12
MOST_RUNS = 400  # of a timeline, beyond which it shows as many evenly spaced frames
_VERDICTS = {"good": "#2a9d74", "mixed": "#d98e04", "weak": "#d64545"}
_BOX = "font:13px/1.5 system-ui,sans-serif;max-width:60em;color:inherit"
_ROW = "display:flex;gap:.8em;align-items:center;margin:2px 0"
_NAME = "flex:0 0 9em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
_SWATCH = "display:inline-block;width:.9em;height:.9em;margin-right:.35em;vertical-align:-.1em"


def show(
    title: str,
    sentences: Iterable[str] = (),
    timelines: Sequence[tuple[str, ArrayLike]] = (),
    names: Sequence[str] | Mapping[int, str] = (),
    verdict: str = "",
) -> str:
    """Return HTML of a title, sentences, and the labels (N,) of named recordings as timelines.

    Labels are numbers from 0 on, called by ``names`` where there are any, else from action 1 on;
    -1 is no action. The first sentence is marked by the ``verdict``: good, mixed, weak, or anything
    else for none.
    The first ``MOST_TIMELINES`` are drawn, and the rest are counted.

    Examples
    --------
    >>> html = show("Tea", ["Good."], [("monday", [0, 0, 1])], names=["pour", "stir"])
    >>> html.count("<svg"), "stir" in html, "src=" in html
    (1, True, False)
    """
    known = dict(names if isinstance(names, Mapping) else enumerate(names))
    edge = f"border-left:4px solid {_VERDICTS.get(verdict, '#8888')};padding-left:.6em"
    parts = [f'<div style="font-weight:600">{escape(title)}</div>']
    for sentence in sentences:
        parts.append(f'<div style="{edge}">{escape(sentence)}</div>')
        edge = "opacity:.8"
    shown = [(name, np.asarray(labels)) for name, labels in islice(timelines, MOST_TIMELINES)]
    longest = max((len(labels) for _, labels in shown), default=1)
    for name, labels in shown:
        share = 100 * len(labels) / max(longest, 1)
        bar = f'<div style="flex:1">{_timeline(labels, known, share)}</div>'
        text = escape(name, quote=True)
        parts.append(
            f'<div style="{_ROW}"><div style="{_NAME}" title="{text}">{text}</div>{bar}</div>'
        )
    if len(timelines) > len(shown):
        parts.append(f'<div style="opacity:.8">and {len(timelines) - len(shown):,} more</div>')
    used = sorted({int(one) for _, labels in shown for one in np.unique(labels) if one >= 0})
    if used:
        key = (
            f'<span style="margin-right:1em"><span style="{_SWATCH};background:{_colour(label)}">'
            f"</span>{escape(_name(label, known))}</span>"
            for label in used
        )
        parts.append(f'<div style="margin-top:4px">{"".join(key)}</div>')
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def _timeline(labels: NDArray, names: Mapping[int, str], share: float) -> str:
    """Draw labels as bars, ``share`` per cent of the width."""
    if np.count_nonzero(np.diff(labels)) >= MOST_RUNS:
        places = np.linspace(0, len(labels), MOST_RUNS, endpoint=False).astype(int)
        labels = labels[places]
    cuts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    bars: dict[int, str] = {}
    for start, end in pairwise(cuts):
        if end > start and labels[start] >= 0:
            label = int(labels[start])
            bars[label] = bars.get(label, "") + f"M{start} 0h{end - start}v1h-{end - start}z"
    paths = "".join(
        f'<path fill="{_colour(label)}" d="{d}"><title>{escape(_name(label, names))}</title></path>'
        for label, d in sorted(bars.items())
    )
    return (
        f'<svg viewBox="0 0 {max(len(labels), 1)} 1" preserveAspectRatio="none" role="img" '
        f'style="display:block;width:{share:.4g}%;height:1.1em;outline:1px solid #8888" '
        f'shape-rendering="crispEdges">{paths}</svg>'
    )


def _colour(label: int) -> str:
    return COLOURS[label % len(COLOURS)]


def _name(label: int, names: Mapping[int, str]) -> str:
    # As ``timeline.names.default_name``, which stands below this.
    return names.get(label, f"action {label + 1}")
