"""Frame scores, against scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from torchmetrics.functional.classification import multiclass_jaccard_index

from asot.metrics import evaluate, f1_macro, match, miou, mof
from tests.metrics.sequences import corpora, noisy_corpus


def named(predictions: list[list[int]], matching: dict) -> np.ndarray:
    """Concatenate predictions in the ground truth's names, 1000 and more where there is none."""
    return np.array([matching.get(label, 1000 + label) for p in predictions for label in p])


@given(corpora())
def test_scores_agree_with_scikit_learn(sequences) -> None:
    predictions, truths = sequences
    matched = match(predictions, truths)
    true, predicted = np.concatenate(truths), named(predictions, matched.matching)
    options = {"labels": np.unique(true), "average": "macro", "zero_division": 0}
    assert mof(matched.frames) == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    assert miou(matched.frames) == pytest.approx(
        jaccard_score(true, predicted, **options), abs=1e-12
    )
    assert f1_macro(matched.frames) == pytest.approx(
        f1_score(true, predicted, **options), abs=1e-12
    )


@given(corpora())
def test_excluded_frames_are_as_if_they_had_never_been(sequences) -> None:
    predictions, truths = sequences
    keep = [[label != 0 for label in truth] for truth in truths]
    if not any(map(any, keep)):
        return
    kept = [
        [np.array(labels)[k].tolist() for labels, k in zip(side, keep, strict=True) if any(k)]
        for side in sequences
    ]
    whole, dropped = evaluate(predictions, truths, exclude=0), evaluate(*kept)
    for score in ("mof", "miou", "f1_macro"):
        assert whole[score] == pytest.approx(dropped[score], abs=1e-12)


def test_miou_agrees_with_torchmetrics(rng: np.random.Generator) -> None:
    predictions, truths = noisy_corpus(rng, n_classes=4)
    matched = match(predictions, truths)
    true = np.concatenate(truths)
    expected = multiclass_jaccard_index(
        torch.tensor(named(predictions, matched.matching)),
        torch.tensor(true),
        num_classes=4,
        average="none",
    )
    present = np.unique(true)
    assert miou(matched.frames) == pytest.approx(expected[present].mean().item(), abs=1e-6)
