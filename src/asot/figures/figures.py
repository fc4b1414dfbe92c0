"""The figures: functions that return a matplotlib figure, and one that saves it.

None of them touches pyplot or needs a display; what to do with a figure is the caller's choice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from asot.errors import ArgumentError, MissingExtraError
from asot.files import atomic_path

try:
    from asot.figures.charts import plot_comparison, plot_objective
    from asot.figures.distances import plot_pairwise_distances
    from asot.figures.matrix import plot_matrix
    from asot.figures.page import house_style
    from asot.figures.segmentation import plot_corpus, plot_segmentation
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] != "matplotlib":
        raise
    raise MissingExtraError("matplotlib", "plot", "drawing a figure") from error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "plot_comparison",
    "plot_corpus",
    "plot_matrix",
    "plot_objective",
    "plot_pairwise_distances",
    "plot_segmentation",
    "save_figure",
]

# None leaves out the time and the version of matplotlib.
_METADATA: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, SVG or PDF, whichever the name ends in.

    The file appears whole or not at all, and the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : path-like
        A name that ends in .png, .svg or .pdf; missing folders are made.

    Raises
    ------
    ArgumentError
        If the name ends otherwise.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "objective.svg"
    >>> save_figure(plot_objective([0.9, 0.5, 0.4]), target)
    >>> target.exists()
    True
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        raise ArgumentError(
            f"a figure's name must end in {', '.join(_METADATA)}, but it is {str(path)!r}."
        )
    with atomic_path(path) as temporary, house_style():
        figure.savefig(temporary, format=suffix[1:], metadata=_METADATA[suffix], dpi="figure")
