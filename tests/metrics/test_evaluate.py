"""The evaluation as a whole: scopes, averages, invariances, the result."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from asot.errors import ArgumentError
from asot.metrics import contingency, evaluate, pair
from tests.metrics import sequences as loops
from tests.metrics.sequences import corpora, noisy_corpus

NAMES = [
    *("mof", "miou", "f1_macro"),
    *("f1@10", "f1@25", "f1@50", "edit", "jsd", "boundary_f1", "legacy_f1"),
    *("cte_f1", "finch_f1", "finch_iou", "hvq_jsd"),
]
# Of recordings laid end to end; they can exceed 1, and miss it for a perfect prediction.
JOINED = ("legacy_f1", "cte_f1")
matchings = st.sampled_from(["activity", "video", "corpus"])
PERFECT = {name: 0.0 if name.endswith("jsd") else 1.0 for name in NAMES if name not in JOINED}


def proper(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if name not in JOINED}


def mean(parts: list[dict[str, float]], weights: list[int] | None = None) -> dict[str, float]:
    return {n: float(np.average([p[n] for p in parts], weights=weights)) for n in parts[0]}


@given(corpora(), matchings)
def test_scores_have_their_names_and_stay_in_range(sequences, matching: str) -> None:
    scores = evaluate(*sequences, matching=matching)
    assert list(scores) == NAMES
    assert all(0 <= value <= 1 for value in proper(scores).values())
    assert min(scores[name] for name in JOINED) >= 0


@given(corpora(), matchings, st.permutations(range(-1, 4)))
def test_renamed_truth_is_found_perfectly(sequences, matching: str, names) -> None:
    _, truths = sequences
    predictions = [[names[label] + 7 for label in truth] for truth in truths]
    scores = evaluate(predictions, truths, matching=matching)
    assert proper(scores) == pytest.approx(PERFECT, abs=1e-12)


@given(corpora(lowest=0), matchings, st.permutations([3, 11, 4, 900, 0]))
def test_names_of_clusters_do_not_matter(sequences, matching: str, names) -> None:
    predictions, truths = sequences
    renamed = [[names[label] for label in labels] for labels in predictions]
    as_strings = [[f"cluster {name}" for name in labels] for labels in renamed]
    expected = evaluate(predictions, truths, matching=matching)
    for other in (renamed, as_strings):
        assert dict(evaluate(other, truths, matching=matching)) == dict(expected)


@given(corpora(), matchings, st.randoms(use_true_random=False))
def test_order_of_recordings_does_not_matter(sequences, matching: str, random) -> None:
    predictions, truths = sequences
    paired = pair(predictions, truths)
    table = contingency(paired.frames, len(paired.clusters), len(paired.classes)).tolist()
    # Clusters that share the same frames with every class are told apart by order alone.
    assume(len(set(map(tuple, table))) == len(table))
    order = list(range(len(truths)))
    random.shuffle(order)
    found = evaluate([predictions[i] for i in order], [truths[i] for i in order], matching=matching)
    expected = proper(evaluate(predictions, truths, matching=matching))
    assert proper(found) == pytest.approx(expected, abs=1e-12)


@given(corpora())
def test_video_is_the_mean_of_evaluations_of_each_recording(sequences) -> None:
    """Exactly, and so with the same choice among matchings that are equally good."""
    predictions, truths = sequences
    alone = [evaluate([p], [t]) for p, t in zip(predictions, truths, strict=True)]
    scores = evaluate(predictions, truths, matching="video")
    assert scores.matching == [s.matching for s in alone]
    assert scores.per_recording == [dict(s) for s in alone]
    assert dict(scores) == pytest.approx(mean([dict(s) for s in alone]), abs=1e-12)


@given(corpora(), corpora())
def test_other_activities_leave_no_trace(tea, coffee) -> None:
    activities = ["tea"] * len(tea[0]) + ["coffee"] * len(coffee[0])
    scores = evaluate(tea[0] + coffee[0], tea[1] + coffee[1], activities=activities)
    parts = {"tea": evaluate(*tea), "coffee": evaluate(*coffee)}
    assert scores.matching == {name: part.matching for name, part in parts.items()}
    assert scores.per_activity == {name: dict(part) for name, part in parts.items()}


def test_each_activity_has_its_own_matching(rng: np.random.Generator) -> None:
    tea, coffee = noisy_corpus(rng, n_recordings=2), noisy_corpus(rng, n_recordings=3)
    predictions, truths = tea[0] + coffee[0], tea[1] + coffee[1]
    activities = ["tea"] * 2 + ["coffee"] * 3
    scores = evaluate(predictions, truths, activities=activities)
    parts = {"tea": evaluate(*tea), "coffee": evaluate(*coffee)}
    both = [dict(part) for part in parts.values()]
    assert dict(scores) == scores.unweighted_mean == pytest.approx(mean(both), abs=1e-12)
    weights = [parts["tea"].n_frames, parts["coffee"].n_frames]
    assert scores.frame_weighted_mean == pytest.approx(mean(both, weights), abs=1e-12)
    assert scores.per_recording == parts["tea"].per_recording + parts["coffee"].per_recording


def test_activities_may_alternate(rng: np.random.Generator) -> None:
    predictions, truths = noisy_corpus(rng, n_recordings=4)
    mixed = evaluate(predictions, truths, activities=["a", "b", "a", "b"])
    first = evaluate(predictions[::2], truths[::2])
    assert mixed.per_activity is not None
    assert mixed.per_activity["a"] == dict(first)


@pytest.mark.parametrize("matching", ["video", "corpus"])
def test_activities_add_averages_under_other_matchings(rng, matching: str) -> None:
    predictions, truths = noisy_corpus(rng, n_recordings=5)
    activities = ["tea", "tea", "coffee", "coffee", "coffee"]
    scores = evaluate(predictions, truths, matching=matching, activities=activities)
    plain = evaluate(predictions, truths, matching=matching)
    assert dict(scores) == dict(plain)
    assert scores.matching == plain.matching
    assert scores.per_activity is not None
    assert list(scores.per_activity) == ["tea", "coffee"]
    assert scores.unweighted_mean == pytest.approx(mean(list(scores.per_activity.values())))
    if matching == "video":
        assert scores.per_activity["coffee"] == pytest.approx(mean(scores.per_recording[2:]))


def test_corpus_matches_across_activities() -> None:
    """Cluster 0 is "a" in one activity and "b" in the other; one matching cannot have both."""
    arguments = ([[0, 0, 0], [0, 0]], [["a"] * 3, ["b"] * 2])
    activities = ["tea", "coffee"]
    assert evaluate(*arguments, "activity", activities=activities)["mof"] == 1
    corpus = evaluate(*arguments, "corpus", activities=activities)
    assert corpus["mof"] == pytest.approx(3 / 5)
    assert corpus.unweighted_mean["mof"] == pytest.approx(1 / 2)
    assert corpus.frame_weighted_mean["mof"] == pytest.approx(3 / 5)


@pytest.mark.parametrize("matching", ["activity", "video", "corpus"])
def test_a_recording_without_frames_is_left_out_and_said_so(matching: str, caplog) -> None:
    predictions, truths = [[0, 0, 1], [5, 5], [0, 1]], [[3, 3, 4], [-1, -1], [3, 4]]
    with caplog.at_level(logging.WARNING):
        scores = evaluate(predictions, truths, matching, exclude=-1, activities=["a", "b", "a"])
    assert "[1]" in caplog.text
    assert scores.left_out == (1,)
    assert "recordings [1]" in repr(scores)
    assert scores.per_recording[1] is None
    assert list(scores.per_activity) == ["a"]
    assert proper(scores) == PERFECT
    assert scores.n_frames == 5
    if matching == "video":
        assert scores.matching == [{0: 3, 1: 4}, None, {0: 3, 1: 4}]


@pytest.mark.parametrize("matching", ["activity", "video", "corpus"])
@pytest.mark.parametrize("activities", [None, ["tea", "coffee"] * 3])
def test_all_of_it_can_be_written_as_json(rng, matching: str, activities) -> None:
    scores = evaluate(*noisy_corpus(rng), matching, exclude=[1, 2], activities=activities)
    plain = scores.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["scores"] == dict(scores)
    assert plain["scope"] == matching


def test_the_table_shows_every_score_and_both_means(rng: np.random.Generator) -> None:
    text = repr(evaluate(*noisy_corpus(rng, 2), activities=["tea", "coffee"]))
    assert [line.split()[0] for line in text.splitlines()[2:]] == NAMES
    assert "unweighted mean" in text
    assert "frame-weighted mean" in text
    assert "weighted" not in repr(evaluate([[0]], [["a"]]))


def test_a_prediction_without_any_assignment_scores_nothing() -> None:
    scores = evaluate([[-1, -1, -1]], [["a", "a", "b"]])
    assert scores.matching == {}
    names = ("mof", "miou", "f1_macro", "f1@10", "edit", "boundary_f1", *JOINED)
    assert all(scores[name] == 0 for name in (*names, "finch_f1", "finch_iou"))


@given(corpora(), st.sampled_from([None, 0, 3]))
def test_by_name_a_label_is_its_namesake(sequences, exclude: int | None) -> None:
    """The sequences need no translation: every score is that of the labels as they are."""
    predictions, truths = sequences
    outside = {exclude} if exclude is not None else set()
    assume(any(label not in outside for truth in truths for label in truth))
    scores = evaluate(predictions, truths, "name", exclude=exclude)
    sides = loops.with_holes(predictions, truths, outside)
    assert scores["f1@25"] == pytest.approx(loops.segmental_f1(*sides, 0.25))
    assert scores["edit"] == pytest.approx(loops.edit(*sides), abs=1e-12)
    true, predicted = (
        [str(label) for labels in side for label in labels if label != loops.HOLE]
        for side in reversed(sides)
    )
    assert scores["mof"] == pytest.approx(accuracy_score(true, predicted))
    known = sorted(set(true))
    options = {"average": "macro", "zero_division": 0}
    assert scores["f1_macro"] == pytest.approx(f1_score(true, predicted, labels=known, **options))
    assert scores["miou"] == pytest.approx(jaccard_score(true, predicted, labels=known, **options))
    assert scores["finch_f1"] == pytest.approx(f1_score(true, predicted, **options))
    assert set(scores.matching) == set(map(int, known)) & set(map(int, predicted))
    assert all(label == own for label, own in scores.matching.items())
    words = [[f"class {label}" for label in labels] for labels in predictions]
    classes = [[f"class {label}" for label in labels] for labels in truths]
    left_out = None if exclude is None else f"class {exclude}"
    assert dict(evaluate(words, classes, "name", exclude=left_out)) == dict(scores)


def test_by_name_recordings_are_pooled_and_activities_averaged() -> None:
    """What would be matched perfectly is wrong by name, and one matching holds for all."""
    predictions = [["stir", "stir", "wait"], ["pour"]]
    truths = [["pour", "stir", "stir"], ["pour"]]
    scores = evaluate(predictions, truths, "name", activities=["tea", "egg"])
    assert scores.scope == "name"
    assert scores.matching == {"stir": "stir", "pour": "pour"}
    assert scores["mof"] == pytest.approx(2 / 4)
    assert scores.unweighted_mean["mof"] == pytest.approx((1 / 3 + 1) / 2)
    assert scores.frame_weighted_mean["mof"] == pytest.approx(2 / 4)
    assert [one["mof"] for one in scores.per_recording] == pytest.approx([1 / 3, 1])
    assert scores["f1@25"] == pytest.approx(2 * 2 / (3 + 3)), "an unknown name is a false positive"
    assert evaluate([["b", "a"]], [["a", "b"]], "name")["mof"] == 0


def test_tolerance_is_that_of_the_boundaries() -> None:
    arguments = ([[0] * 7 + [1] * 3], [["a"] * 5 + ["b"] * 5])
    assert evaluate(*arguments)["boundary_f1"] == 0
    assert evaluate(*arguments, tolerance=2)["boundary_f1"] == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"matching": "full"}, "matching must be one of 'activity', 'video', 'corpus', 'name'"),
        ({"activities": ["tea"]}, "each of the 2 recordings, but there are 1"),
        ({"exclude": [0, 1]}, "leave some frames"),
    ],
)
def test_bad_options_are_named(options, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        evaluate([[0], [1]], [[0], [1]], **options)


def test_rests_of_segments_that_nobody_looked_at_are_no_segments(rng: np.random.Generator) -> None:
    # Looked at is one segment, of which the prediction is a little off at either end.
    off, end = rng.integers(1, 6, 2).tolist()
    truth = np.array(["?"] * 20 + ["b"] * 30 + ["?"] * 20)
    predicted = np.repeat([0, 1, 2], [20 + off, 30 - off - end, 20 + end])
    found = evaluate([predicted], [truth], unseen="?")
    assert found["mof"] == (30 - off - end) / 30
    assert all(found[key] == 1 for key in ("f1@50", "edit", "boundary_f1"))
    # Where it is dropped for another reason, each rest is a segment too many.
    dropped = evaluate([predicted], [truth], exclude="?")
    assert dropped["mof"] == found["mof"]
    assert dropped["f1@50"] == 0.5
    assert found.n_frames == dropped.n_frames == 30
    # A segment that is missed is missed, and a rest that is right is right.
    two = np.array(["?"] * 40 + ["a"] * 10 + ["b"] * 10 + ["?"] * 40)
    missed = evaluate([np.zeros(100, dtype=int), [1] * 40 + [2] * 60], [two, two], unseen="?")
    assert missed["edit"] == (0.5 + 0.5) / 2
    assert missed["f1@50"] == 2 * 2 / (2 + 4)
    whole = rng.integers(0, 3, 50)
    classes = rng.choice(["a", "b"], 50)
    assert dict(evaluate([whole], [classes], unseen="?")) == dict(evaluate([whole], [classes]))
