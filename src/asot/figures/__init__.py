"""Pictures of matrices, segmentations, distances, objectives, scores and evidence.

Matplotlib, of the extra ``plot``, is imported with the first picture, and pyplot never, so that no
display is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from asot.errors import MissingExtraError

if TYPE_CHECKING:
    from asot.figures.charts import plot_comparison, plot_objective
    from asot.figures.evidence_figure import draw_evidence
    from asot.figures.groups import plot_budget, plot_groups, plot_transitions
    from asot.figures.layout import save_figure
    from asot.figures.matrices import plot_matrix, plot_pairwise_distances
    from asot.figures.segmentations import plot_corpus, plot_segmentation

__all__ = [
    "draw_evidence",
    "plot_budget",
    "plot_comparison",
    "plot_corpus",
    "plot_groups",
    "plot_matrix",
    "plot_objective",
    "plot_pairwise_distances",
    "plot_segmentation",
    "plot_transitions",
    "save_figure",
]
_MODULES = ("charts", "evidence_figure", "groups", "layout", "matrices", "segmentations")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        modules = [import_module(f"asot.figures.{module}") for module in _MODULES]
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "plot", "drawing a figure") from error
    return next(getattr(module, name) for module in modules if name in vars(module))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
