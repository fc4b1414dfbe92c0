"""Frames of no action: labelled -1 by a team that looks for them, in other recordings too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asot import ActionSegmenter
from asot.model.checkpoint import load_model, save
from asot.model.network import decode
from asot.simulation import make_recordings


def test_background_is_found_kept_and_told_in_new_recordings(seed: int, tmp_path: Path) -> None:
    corpus = make_recordings(14, 5, noise=0.3, background=0.5, random_state=seed)
    learnt, new = corpus.features[:12], corpus.features[12:]
    segmenter = ActionSegmenter(
        5, team=1, epochs=1, radius=12, order_prior=0, background=True, random_state=seed % 2**31
    ).fit(learnt)
    assert segmenter.evidence_.background.cost is not None
    labels = [*segmenter.labels_, *segmenter.predict(new)]
    truth = [np.asarray(one) for one in corpus.ground_truth]
    right = [np.mean((a == -1) == (b == -1)) for a, b in zip(labels, truth, strict=True)]
    assert np.mean(right[:12]) > 0.65
    assert np.mean(right[12:]) > 0.5
    for fitted, again in zip(segmenter.labels_, segmenter.predict(learnt), strict=True):
        np.testing.assert_array_equal(fitted, again)
    path = tmp_path / "all.ckpt"
    save(path, team=segmenter.model_)
    loaded = load_model(path)
    prepared = segmenter._prepared([np.asarray(new[0])])
    np.testing.assert_array_equal(
        decode(loaded, next(iter(prepared)))[0], segmenter.predict(new)[0]
    )


def test_nothing_is_dropped_without_evidence(seed: int) -> None:
    corpus = make_recordings(7, 4, noise=0.5, background=0.5, random_state=seed)  # eight are needed
    segmenter = ActionSegmenter(
        4, team=1, epochs=1, radius=12, order_prior=0, background=True, random_state=seed % 2**31
    ).fit(corpus.features)
    assert segmenter.evidence_.background.cost is None
    assert min(one.min() for one in segmenter.labels_) >= 0
