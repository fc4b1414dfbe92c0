"""How the score that knows no labels ranks segmentations, beside the scores that know them.

The segmentations are those among which ``asot.discover.radius`` chooses a time scale: prototypes on
four views at each radius of the ladder, with K given. Variants of the score differ in the main
directions in which frames are described, and in how far the correlation of frames is summed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import derived_seed
from asot.discover.radius import VIEWS, ScaledViews, ladder, middles, searched
from asot.discover.score import DIRECTIONS, SegmentationScore
from asot.files import write_json
from asot.metrics import evaluate
from asot.model.features import PreparedFeatures
from benchmarks.helps.sets import Group

SHOWN = ("mof", "miou", "f1@25")
LEAST = 0.05


class EarlyScore(SegmentationScore):
    """The score with the correlation summed up to where it first falls below .05."""

    def _correlated(self, labels: NDArray[np.int64]) -> float:
        rho = self._autocorrelation(labels)
        rho = rho[: max(2, len(rho) // 2)]
        faded = int(np.argmax(np.append(rho[1:], 0.0) < LEAST)) + 1
        return float(1 + 2 * rho[1:faded].sum())


SUMS: dict[str, type[SegmentationScore]] = {"whole": SegmentationScore, "early": EarlyScore}
SCORINGS = {f"{n} directions, {name}": (n, SUMS[name]) for n, name in product((8, 16, 32), SUMS)}
TODAYS = f"{DIRECTIONS} directions, whole"


def measure_ranking(
    report: dict[str, Any],
    sets: dict[str, list[Group]],
    seeds: int,
    path: Path | None,
    told: Callable[[str], None],
) -> None:
    """Fill in ``report["ranking"]``, by set and seed; parameters as for ``measuring.measure``."""
    for name, groups in sets.items():
        cells = report.setdefault("ranking", {}).setdefault(name, {})
        for seed in map(str, range(seeds)):
            if seed not in cells:
                cells[seed] = [rank(group, int(seed)) for group in groups]
                told(f"{name} ranking {seed}")
                if path is not None:
                    write_json(path, report)


def rank(group: Group, seed: int) -> dict[str, Any]:
    """The mean of the three scores of each segmentation, and its gain by each scoring."""
    kept = searched(PreparedFeatures(group.features, True))
    columns: list[Any] = [one[:, None] for one in group.ground_truth]
    truth = [one[:, 0] for one in middles(columns)]
    count = group.n_actions
    radii = ladder(float(np.mean([len(one) for one in kept])))
    tried = [ScaledViews(kept, one).labels(count, derived_seed(seed, one)) for one in radii]
    likely = [views[at % len(VIEWS)] for at, views in enumerate(tried)]
    found = [labels for views in tried for labels in views]
    scores = [evaluate(labels, truth) for labels in found]
    gains = {}
    for title, (directions, kind) in SCORINGS.items():
        score = kind(kept, likely, directions)
        gains[title] = [score.gain(labels, count) for labels in found]
    mean = [float(np.mean([one[name] for name in SHOWN])) for one in scores]
    return {"radii": radii, "score": mean, "gain": gains}


def ranked(cells: dict[str, list[dict[str, Any]]], title: str) -> NDArray[np.float64]:
    """Spearman's correlation of gain and score, and percent: the highest gain's, best and mean."""
    from scipy.stats import spearmanr

    rows = []
    for one in (one for groups in cells.values() for one in groups):
        gain, score = np.array(one["gain"][title]), 100 * np.array(one["score"])
        constant = np.ptp(gain) == 0 or np.ptp(score) == 0
        rho = 0.0 if constant else float(spearmanr(gain, score)[0])
        rows.append([rho, score[gain.argmax()], score.max(), score.mean()])
    mean: NDArray[np.float64] = np.mean(rows, axis=0)
    return mean
