"""Choosing a seed, or an epoch, of a method on an activity.

"objective" and "agreement" never see the ground truth; "oracle" is the best that any choice could
do, to be shown beside them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asot.benchmark.folder import BenchmarkFolder, Candidate, Cell, CellResult
from asot.metrics import evaluate

CHOICES = {
    "objective": "the seed (and epoch) of the lowest training objective",
    "agreement": "the seed whose labels agree best with the other seeds'",
    "oracle": "the seed (and epoch) of the highest MoF here, which only the ground truth can tell",
}


@dataclass(frozen=True)
class Chosen:
    """A segmentation that was chosen.

    Attributes
    ----------
    seed : int
        Of its cell.
    candidate : Candidate
        Its scores, and the epoch where several were kept.
    n_frames : int
        Frames that were scored.
    """

    seed: int
    candidate: Candidate
    n_frames: int


def choose(
    kind: str, cells: Sequence[tuple[Cell, CellResult]], folder: BenchmarkFolder, matching: str
) -> Chosen | None:
    """Choose one of the segmentations of a method on an activity.

    Parameters
    ----------
    kind : {"objective", "agreement", "oracle"}
        The lowest training objective, over the seeds and the epochs that were kept; the seed whose
        labels agree with those of the other seeds in most frames, on average, once its actions are
        matched to theirs; or the highest MoF of the matching, which looks at the ground truth.
    cells : sequence of (Cell, CellResult)
        The seeds of the method on the activity.
    folder : BenchmarkFolder
        Has their labels.
    matching : {"activity", "video"}
        Of the table that the choice is for.

    Returns
    -------
    Chosen or None
        None where there is no choice: a single segmentation, or no objective.
    """
    if kind == "agreement":
        return _most_typical(cells, folder)
    found = [
        Chosen(cell.seed, candidate, result.n_frames)
        for cell, result in cells
        for candidate in result.candidates
    ]
    if kind == "objective":
        scored = [
            (one.candidate.objective, one)
            for one in found
            if one.candidate.objective is not None and math.isfinite(one.candidate.objective)
        ]
    else:
        scored = [
            (-one.candidate.scores[matching]["mof"], one)
            for one in found
            if matching in one.candidate.scores
        ]
    if len(scored) < 2:
        return None
    return min(scored, key=lambda pair: pair[0])[1]


def _most_typical(
    cells: Sequence[tuple[Cell, CellResult]], folder: BenchmarkFolder
) -> Chosen | None:
    # Of two seeds each is as like the other.
    if len(cells) < 3:
        return None
    labels = [list(folder.labels(cell).values()) for cell, _ in cells]
    matching = "activity" if "activity" in cells[0][1].scores else "video"
    agreement = [
        sum(
            evaluate(own, others, matching=matching)["mof"]
            for others in labels
            if others is not own
        )
        for own in labels
    ]
    best = max(range(len(cells)), key=agreement.__getitem__)
    cell, result = cells[best]
    return Chosen(cell.seed, result.candidates[-1], result.n_frames)
