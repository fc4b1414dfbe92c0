"""Evaluation against ground truth: matching, frame scores, segment scores.

:func:`evaluate` does all of it. Its parts are functions: :func:`match` names the clusters, and
each score takes the matched frames, as in ``mof(match(predictions, ground_truth).frames)``.
:func:`cohen_kappa` and :func:`krippendorff_alpha` say how far people agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asot.metrics.agreement import cohen_kappa, krippendorff_alpha
from asot.metrics.evaluate import PUBLISHED, SCORE_TITLES, Evaluation, evaluate
from asot.metrics.matching import Frames, Matched, Paired, contingency, hungarian, match, pair
from asot.metrics.scores import (
    boundary_f1,
    cte_f1,
    edit,
    f1_macro,
    finch_f1,
    finch_iou,
    hvq_jsd,
    jsd,
    legacy_f1,
    levenshtein,
    miou,
    mof,
    segmental_f1,
)

if TYPE_CHECKING:
    from asot.metrics.modules import SegmentationScores

__all__ = [
    "PUBLISHED",
    "SCORE_TITLES",
    "Evaluation",
    "Frames",
    "Matched",
    "Paired",
    "SegmentationScores",
    "boundary_f1",
    "cohen_kappa",
    "contingency",
    "cte_f1",
    "edit",
    "evaluate",
    "f1_macro",
    "finch_f1",
    "finch_iou",
    "hungarian",
    "hvq_jsd",
    "jsd",
    "krippendorff_alpha",
    "legacy_f1",
    "levenshtein",
    "match",
    "miou",
    "mof",
    "pair",
    "segmental_f1",
]


def __getattr__(name: str) -> Any:
    # torchmetrics, which only SegmentationScores needs, takes seconds to import.
    if name == "SegmentationScores":
        from asot.metrics.modules import SegmentationScores

        return SegmentationScores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
