"""The figures of the released code, on stored label sequences."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.metrics import evaluate, match
from asot.metrics.scores import majority_probability

CASES = json.loads((Path(__file__).parent / "golden" / "reference_metrics.json").read_text())
cases = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def run(case: dict[str, Any], matching: str):
    return evaluate(
        case["predictions"], case["ground_truth"], matching=matching, exclude=case["exclude"]
    )


@cases
def test_mof_and_miou(case: dict[str, Any]) -> None:
    for matching, golden in (("activity", case["activity"]), ("video", case["per_video"])):
        scores = run(case, matching)
        assert scores["mof"] == pytest.approx(golden["mof"], abs=1e-9)
        assert scores["miou"] == pytest.approx(golden["miou"], abs=1e-9)


@cases
def test_matching(case: dict[str, Any]) -> None:
    assert run(case, "activity").to_dict()["matching"] == case["activity"]["matching"]
    assert run(case, "corpus").matching == run(case, "activity").matching


@cases
def test_legacy_f1(case: dict[str, Any]) -> None:
    golden = case["activity"]
    error = golden["legacy_f1_sd"] / math.sqrt(60)
    assert abs(run(case, "activity")["legacy_f1"] - golden["legacy_f1_mean_of_60_seeds"]) < (
        3 * error
    )


@cases
def test_legacy_f1_per_video(case: dict[str, Any]) -> None:
    """The file has no spread per video; it follows from that of the activity.

    One draw of every segment has a spread in closed form. A seed's figure is a mean over several
    draws, and how many is the same in both settings.
    """
    predictions = [np.array(p) for p in case["predictions"]]
    truths = [np.array(t) for t in case["ground_truth"]]
    together = spread_of_one_draw(predictions, truths, case["exclude"])
    alone = [
        spread_of_one_draw([p], [t], case["exclude"])
        for p, t in zip(predictions, truths, strict=True)
    ]
    per_seed = math.hypot(*alone) / len(alone) * case["activity"]["legacy_f1_sd"] / together
    golden = case["per_video"]["legacy_f1_mean_of_20_seeds"]
    assert abs(run(case, "video")["legacy_f1"] - golden) < 3 * per_seed / math.sqrt(20)


def spread_of_one_draw(
    predictions: list[np.ndarray], truths: list[np.ndarray], exclude: int | None
) -> float:
    frames = match(predictions, truths, exclude=exclude).frames
    true = np.repeat(frames.truth, frames.length).tolist()
    predicted = np.repeat(frames.predicted, frames.length)
    starts = [i for i in range(len(true)) if i == 0 or true[i] != true[i - 1]]
    right = [
        np.mean(predicted[low : high + 1] == true[low])
        for low, high in zip(starts, [*starts[1:], len(true) - 1], strict=True)
    ]
    hit = majority_probability(right)
    size = len(truths) * len(set(true)) + len(starts)
    return 2 * math.sqrt(float(np.sum(hit * (1 - hit)))) / size
