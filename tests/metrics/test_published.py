"""The scores of other releases' tables: written once more in another way, and their own figures."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import f1_score, jaccard_score

from asot.errors import ArgumentError
from asot.metrics import cte_f1, evaluate, finch_f1, finch_iou, hvq_jsd, match
from tests.metrics.sequences import Sequences, corpora, noisy_corpus

FOLDER = Path(__file__).parent / "golden"
CASES = json.loads((FOLDER / "reference_metrics.json").read_text())
FIGURES = json.loads((FOLDER / "published_scores.json").read_text())
excluded = st.sampled_from([None, 0, 3])


def left(predictions: Sequences, truths: Sequences, exclude: int | None) -> list[Any]:
    """The labels of each recording that are not excluded, without recordings that have none."""
    pairs = []
    for predicted, truth in zip(predictions, truths, strict=True):
        kept = [(p, t) for p, t in zip(predicted, truth, strict=True) if t != exclude]
        if kept:
            pairs.append(tuple(zip(*kept, strict=True)))
    return pairs


def draw_cte_f1(pairs: list[Any], matching: dict, n_recordings: int, k: int, rng) -> float:
    """Draw the F1 of CTE's code from frames laid end to end, by precision and recall."""
    frames = [(matching.get(p), t) for pair in pairs for p, t in zip(*pair, strict=True)]
    segments = [list(run) for _, run in itertools.groupby(frames, key=lambda frame: frame[1])][:-1]
    credit = sum(
        sum(p == t for p, t in (segment[i] for i in rng.integers(0, len(segment), 15))) / 15
        for segment in segments
    )
    precision, recall = credit / (k * n_recordings), credit / len(segments)
    return 2 * precision * recall / (precision + recall + 1e-8)


@pytest.mark.parametrize(("exclude", "k"), [(None, None), (None, 9), (2, None)])
def test_cte_f1_is_the_mean_of_many_draws(rng: np.random.Generator, exclude, k) -> None:
    predictions, truths = noisy_corpus(rng, n_recordings=3)
    matched = match(predictions, truths, exclude=exclude)
    pairs = left(predictions, truths, exclude)
    asked = k or len({t for pair in pairs for t in pair[1]})
    draws = [draw_cte_f1(pairs, matched.matching, 3, asked, rng) for _ in range(1500)]
    # Five standard errors: a seed in a million fails.
    error = np.std(draws) / math.sqrt(len(draws))
    assert abs(cte_f1(matched.frames, k) - np.mean(draws)) < 5 * error + 1e-7


def test_cte_f1_gives_credit_for_parts_and_forgets_the_last_segment() -> None:
    frames = match([list("aabbb")], [list("aaabb")], by="name").frames
    assert cte_f1(frames) == pytest.approx(2 * (2 / 3) / (1 * 2 + 1))
    frames = match([list("aab"), list("bbb")], [list("aab"), list("bbb")], by="name").frames
    assert cte_f1(frames) == pytest.approx(2 * 1 / (2 * 2 + 1)), "recordings join"
    assert cte_f1(match([[5, 5]], [["a", "a"]]).frames) == 0, "the only segment is the last"
    assert cte_f1(match([["a", "b"] * 9], [["a", "b"] * 9]).frames) > 1


def named(predictions: list[Any], truth: list[Any]) -> list[str]:
    """Names of predicted labels, as a square matching gives them: leftovers share a place."""
    places: dict[Any, Any] = match([predictions], [truth]).matching
    unused = [one for one in dict.fromkeys(truth) if one not in places.values()]
    for label in dict.fromkeys(predictions):
        if label not in places:
            places[label] = unused.pop() if unused else f"cluster {label}"
    return [str(places[label]) for label in predictions]


@given(corpora(lowest=0), excluded)
def test_finch_scores_are_those_of_scikit_learn(sequences, exclude: int | None) -> None:
    predictions, truths = sequences
    pairs = left(predictions, truths, exclude)
    assume(pairs)
    rows = []
    for predicted, truth in pairs:
        sides = [str(label) for label in truth], named(predicted, truth)
        union = jaccard_score(*sides, average=None, zero_division=0)
        rows.append(
            (
                f1_score(*sides, average="macro", zero_division=0),
                union.sum() / len(set(predicted)),
                union.sum() / 5,
            )
        )
    scores = evaluate(predictions, truths, "video", exclude=exclude)
    asked = evaluate(predictions, truths, "video", exclude=exclude, n_actions=5)
    found = scores["finch_f1"], scores["finch_iou"], asked["finch_iou"]
    assert found == pytest.approx(np.mean(rows, axis=0), abs=1e-12)


def test_finch_scores_of_labels_that_are_left_over() -> None:
    """A cluster without a class and a class without a cluster are one label of the mean."""
    frames = match([list("xxyz")], [list("aaaa")]).frames
    assert finch_f1(frames) == pytest.approx((2 * 2 / 6) / 3)
    assert finch_iou(frames) == pytest.approx((2 / 4) / 3)
    frames = match([list("xxxx")], [list("aabc")]).frames
    assert finch_f1(frames) == pytest.approx((2 * 2 / 6) / 3)
    assert finch_iou(frames) == pytest.approx(2 / 4)
    frames = match([list("xxxxy")], [list("aaaba")]).frames
    assert finch_f1(frames) == pytest.approx((2 * 3 / 8) / 2)
    assert finch_f1(frames, by_name=True) == pytest.approx((2 * 3 / 8) / 3)
    assert finch_iou(frames) == pytest.approx((3 / 5) / 2)
    frames = match([[7, 7, -1, -1]], [list("aaaa")]).frames
    assert finch_f1(frames) == pytest.approx((2 * 2 / 6) / 2), "unassigned is a label"
    assert finch_iou(frames) == pytest.approx((2 / 4) / 2)


def hvq_jsd_by_histograms(pairs: list[Any]) -> float:
    distances = []
    for pair in pairs:
        n_frames = len(pair[0])
        edges = [*range(0, n_frames, 20), n_frames]
        counts = [
            np.histogram([len(list(run)) for _, run in itertools.groupby(side)], edges)[0]
            for side in pair
        ]
        distances.append(jensenshannon(*counts, base=2))
    return float(np.mean(distances))


@given(corpora(), excluded, st.sampled_from(["activity", "video", "corpus"]), st.integers(1, 9))
def test_hvq_jsd_agrees_with_histograms(sequences, exclude, matching: str, times: int) -> None:
    predictions, truths = ([np.repeat(one, times).tolist() for one in side] for side in sequences)
    pairs = left(predictions, truths, exclude)
    assume(pairs)
    scores = evaluate(predictions, truths, matching, exclude=exclude)
    # SciPy loses half of the digits near 0.
    assert scores["hvq_jsd"] == pytest.approx(hvq_jsd_by_histograms(pairs), abs=1e-7)


@pytest.mark.parametrize(("n_frames", "distance"), [(40, 0.0), (41, 1.0)])
def test_the_last_bin_ends_with_the_recording(n_frames: int, distance: float) -> None:
    """All of 40 frames lie between 20 and 40; 41 frames have a bin more, from 40."""
    matched = match([["a"] * n_frames, list("b" * 25)], [["x"] * n_frames, list("y" * 25)])
    assert hvq_jsd(matched.frames) == 0
    predicted = ["a"] * 20 + ["b"] * (n_frames - 20)
    assert hvq_jsd(match([predicted], [["x"] * n_frames]).frames) == pytest.approx(distance)


def test_hvq_weights_activities_by_their_frames(rng: np.random.Generator) -> None:
    predictions, truths = noisy_corpus(rng, n_recordings=5)
    activities = ["tea", "egg", "tea", "tea", "egg"]
    scores = evaluate(predictions, truths, activities=activities)
    total = sum(map(len, truths))
    expected = 0.0
    for activity in ("tea", "egg"):
        own = [i for i, one in enumerate(activities) if one == activity]
        frames = sum(len(truths[i]) for i in own)
        pairs = [(predictions[i], truths[i]) for i in own]
        expected += frames / total * hvq_jsd_by_histograms(pairs)
    assert scores.frame_weighted_mean["hvq_jsd"] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_figures_of_the_releases_own_code(case: dict[str, Any]) -> None:
    figures = FIGURES[case["name"]]
    sequences = case["predictions"], case["ground_truth"]
    scores = evaluate(*sequences, exclude=case["exclude"])
    drawn = figures["cte_f1"]
    error = drawn["sd_of_a_draw"] / math.sqrt(drawn["draws"])
    assert abs(scores["cte_f1"] - drawn["mean"]) < 3 * error
    assert scores["hvq_jsd"] == pytest.approx(figures["hvq_jsd"], abs=1e-9)
    by_video = evaluate(*sequences, "video", exclude=case["exclude"])
    for name in ("finch_f1", "finch_iou", "hvq_jsd"):
        assert by_video[name] == pytest.approx(figures[name], abs=1e-9)


def test_each_activity_has_its_own_number_of_actions(rng: np.random.Generator) -> None:
    predictions, truths = noisy_corpus(rng, n_recordings=4)
    activities = ["tea", "egg", "tea", "egg"]
    counts = {"tea": 4, "egg": 7}
    scores = evaluate(predictions, truths, activities=np.array(activities), n_actions=counts)
    corpus = evaluate(predictions, truths, "corpus", activities=activities, n_actions=counts)
    frames = match(predictions, truths).frames
    assert corpus["cte_f1"] == cte_f1(frames, 11)
    assert corpus["finch_iou"] == finch_iou(frames, 11)
    for activity, own in (("tea", [0, 2]), ("egg", [1, 3])):
        sequences = [predictions[i] for i in own], [truths[i] for i in own]
        alone = evaluate(*sequences, n_actions=counts[activity])
        assert scores.per_activity[activity] == dict(alone)
        assert scores.per_recording[own[0]] == alone.per_recording[0]


@pytest.mark.parametrize(
    ("n_actions", "sentence"),
    [
        (0, "n_actions must be an integer of at least 1, but is 0"),
        ({"tea": 2}, "n_actions must have a number for each name in activities, .* 'tea'"),
        ({"tea": 2, "egg": 1.5}, "n_actions must be an integer of at least 1, but is 1.5"),
        ({"tea": 2, "egg": None}, "n_actions must be an integer of at least 1, but is None"),
    ],
)
def test_bad_numbers_of_actions_are_named(n_actions, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        evaluate([[0], [1]], [[0], [1]], activities=["tea", "egg"], n_actions=n_actions)
    if isinstance(n_actions, dict):
        with pytest.raises(ArgumentError, match="those in activities not given"):
            evaluate([[0], [1]], [[0], [1]], n_actions=n_actions)
