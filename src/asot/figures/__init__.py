"""Pictures of matrices, segmentations, distances, objectives and scores.

Matplotlib, of the extra ``plot``, is imported when the first of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asot.figures.figures import (
        plot_comparison,
        plot_corpus,
        plot_matrix,
        plot_objective,
        plot_pairwise_distances,
        plot_segmentation,
        save_figure,
    )

__all__ = [
    "plot_comparison",
    "plot_corpus",
    "plot_matrix",
    "plot_objective",
    "plot_pairwise_distances",
    "plot_segmentation",
    "save_figure",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("asot.figures.figures"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
