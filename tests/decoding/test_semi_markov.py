"""Decoding, against all the segmentations there are, hidden Markov models, and itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.decoding import NegativeBinomial, decode_segments, segment_confidence
from asot.errors import ArgumentError
from tests.decoding.segmentations import Problem, problems, runs_of


@given(problems())
def test_it_is_the_best_of_all_segmentations(problem: Problem) -> None:
    every = problem.all()
    if not every:
        with pytest.raises(ArgumentError, match="no segmentation of the"):
            decode_segments(problem.scores, **problem.rules)
        return
    labels = decode_segments(problem.scores, **problem.rules)
    assert labels.shape == problem.scores.shape[:1]
    best = max(value for _, value in every)
    np.testing.assert_allclose(problem.value(runs_of(labels)), best, rtol=1e-12, atol=1e-12)


@given(problems(), st.integers(0, 2**32 - 1))
def test_constants_action_numbers_and_the_direction_of_time_change_nothing(
    problem: Problem, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores, rules = problem.scores, problem.rules
    if not problem.all():
        return
    labels = decode_segments(scores, **rules)
    shifted = scores + 100 * rng.normal(size=(len(scores), 1))
    np.testing.assert_array_equal(decode_segments(shifted, **rules), labels)
    old = rng.permutation(scores.shape[1])
    renamed = {
        name: value if np.ndim(value) == 0 else value[..., old] for name, value in rules.items()
    }
    if "transitions" in rules:
        renamed["transitions"] = rules["transitions"][old][:, old]
    np.testing.assert_array_equal(old[decode_segments(scores[:, old], **renamed)], labels)
    backwards = dict(rules)
    for name, other in (("start", "end"), ("end", "start")):
        backwards.pop(name, None)
        if other in rules:
            backwards[name] = rules[other]
    if "transitions" in rules:
        backwards["transitions"] = rules["transitions"].T
    found = decode_segments(scores[::-1], **backwards)[::-1]
    values = [problem.value(runs_of(one)) for one in (found, labels)]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("minimum", [1, 4, [1, 9, 4, 60]])
@pytest.mark.parametrize("broken", [False, True])
def test_without_a_longest_segment_it_is_as_with_one_that_never_counts(
    rng: np.random.Generator, minimum: Any, broken: bool
) -> None:
    scores = rng.normal(size=(200, 4)) + 2 * (np.arange(4) == np.arange(200)[:, None] // 20 % 4)
    if broken:
        # Not of the first, so that there is a segmentation under all rules.
        scores[:, 1:][rng.random((200, 3)) < 0.03] = -np.inf
    table = np.zeros((200, 4))
    rules = {"minimum_duration": minimum, "transitions": np.log(rng.random((4, 4)))}
    labels = decode_segments(scores, **rules)
    np.testing.assert_array_equal(decode_segments(scores, durations=table, **rules), labels)
    for tolerance in (0, 3):
        plain, tabled = (
            segment_confidence(scores, labels, tolerance=tolerance, **rules, **more)
            for more in ({}, {"durations": table})
        )
        np.testing.assert_allclose(plain.frames, tabled.frames, atol=1e-9)
        np.testing.assert_allclose(plain.segments, tabled.segments, atol=1e-9)
        np.testing.assert_allclose(plain.boundaries, tabled.boundaries, atol=1e-9)


def test_geometric_lengths_make_a_hidden_markov_model(rng: np.random.Generator) -> None:
    hmm = pytest.importorskip("hmmlearn.hmm")
    n_frames, mean = 400, 8.0
    model = hmm.GaussianHMM(4, covariance_type="spherical")
    between = rng.random((4, 4)) * (1 - np.eye(4))
    between /= between.sum(axis=1, keepdims=True)
    model.startprob_ = rng.dirichlet(np.ones(4))
    model.transmat_ = (1 - 1 / mean) * np.eye(4) + between / mean
    model.means_ = 1.5 * np.arange(4)[:, None]
    model.covars_ = np.ones(4)
    observed, _ = model.sample(n_frames, random_state=int(rng.integers(2**31)))
    scores = -((observed - model.means_.T) ** 2) / 2
    with np.errstate(divide="ignore"):
        rules = {
            "durations": NegativeBinomial(mean, shape=1.0),
            "transitions": np.log(between),
            "start": np.log(model.startprob_),
        }
    labels = decode_segments(scores, **rules)
    np.testing.assert_array_equal(labels, model.decode(observed)[1])
    posterior = segment_confidence(scores, labels, **rules).frames
    np.testing.assert_allclose(posterior, model.predict_proba(observed), atol=1e-9)


def test_a_long_recording_keeps_its_digits(rng: np.random.Generator) -> None:
    truth = np.repeat(rng.integers(0, 20, 100), 50)
    scores = rng.normal(size=(5000, 20)) + 2 * (truth[:, None] == np.arange(20))
    # Multiples of 2^-10, so that the sums with what is common are exact.
    scores = np.round(scores * 1024) / 1024
    common = np.float64(2**36) * rng.integers(-9, 9, (5000, 1))
    labels = decode_segments(scores, minimum_duration=20)
    np.testing.assert_array_equal(decode_segments(scores + common, minimum_duration=20), labels)
    assert (labels == truth).mean() > 0.95
    assert min(end - start for start, end, _ in runs_of(labels)) >= 20
    sure = segment_confidence(scores, labels, minimum_duration=20, tolerance=3)
    np.testing.assert_allclose(sure.frames.sum(axis=1), 1, atol=1e-9)
    assert sure.boundaries.mean() > 0.8


def test_a_recording_shorter_than_the_shortest_segment_is_one(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(6, 3))
    labels = decode_segments(scores, minimum_duration=7)
    assert labels.tolist() == [int(scores.sum(axis=0).argmax())] * 6
    assert decode_segments([[0.0, 1.0]], minimum_duration=[9, 9], maximum_duration=9) == [1]


def test_lengths_of_a_negative_binomial_sum_to_one(rng: np.random.Generator) -> None:
    mean, shape = 1 + 9 * rng.random(5), 0.5 + 5 * rng.random(5)
    lengths = np.arange(1, 1000)
    probability = np.exp(NegativeBinomial(mean, shape).log_probability(lengths))
    np.testing.assert_allclose(probability.sum(axis=0), 1)
    np.testing.assert_allclose(lengths @ probability, mean)
    one = np.exp(NegativeBinomial(1.0, 2.0).log_probability(lengths))
    assert one[0] == 1
    assert one[1:].sum() == 0


FEW = np.zeros((5, 3))


@pytest.mark.parametrize(
    "rules, sentence",
    [
        ({"log_probabilities": np.zeros(3)}, "log_probabilities must be a (frames, actions) array"),
        ({"log_probabilities": np.zeros((0, 3))}, "log_probabilities must be a (frames, actions)"),
        ({"log_probabilities": [[0, np.nan]]}, "log_probabilities must be finite or -inf, but is"),
        ({"log_probabilities": [[0, np.inf]]}, "log_probabilities must be finite or -inf, but is"),
        (
            {"log_probabilities": [[0, 0], [-np.inf, -np.inf]]},
            "log_probabilities must leave each frame an action, but is -inf for all in frame 1.",
        ),
        ({"minimum_duration": 0}, "minimum_duration must be a whole number of frames >= 1, or"),
        ({"minimum_duration": 2.5}, "minimum_duration must be a whole number of frames >= 1, or"),
        ({"minimum_duration": [1, 2]}, "minimum_duration must be a whole number of frames >= 1"),
        (
            {"minimum_duration": [1, 4, 1], "maximum_duration": 3},
            "maximum_duration must be at least minimum_duration, but for action 1 it is 3 and",
        ),
        ({"durations": np.zeros((4, 2))}, "durations must be a table of the shape (lengths,) or"),
        ({"durations": np.ones((4, 3))}, "durations must be log-probabilities, none above 0, but"),
        ({"durations": [0, 0]}, "durations must be log-probabilities, but their type is int64."),
        (
            {"transitions": np.ones((3, 3), dtype=int)},
            "transitions must be booleans (allowed or not) or log-probabilities of the shape "
            "(3, 3), but has the shape (3, 3) and the type int64.",
        ),
        ({"transitions": np.ones((3, 3))}, "transitions must be log-probabilities, none above 0"),
        ({"start": [True, False]}, "start must be booleans (allowed or not) or log-probabilities"),
        ({"end": [0.0, np.nan, 0.0]}, "end must be log-probabilities, none above 0, but is nan at"),
        ({"switch_cost": -1}, "switch_cost must be a finite number >= 0, but is -1."),
        ({"switch_cost": np.nan}, "switch_cost must be a finite number >= 0, but is nan."),
    ],
)
def test_bad_arguments_are_named(rules: dict[str, Any], sentence: str) -> None:
    scores = rules.get("log_probabilities", FEW)
    rest = {name: value for name, value in rules.items() if name != "log_probabilities"}
    with pytest.raises(ArgumentError) as caught:
        decode_segments(scores, **rest)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("mean, shape", [(0.5, 1.0), (2.0, 0.0), ([2.0, np.nan], 1.0), (2, [[1]])])
def test_bad_lengths_are_named(mean: Any, shape: Any) -> None:
    with pytest.raises(ArgumentError, match="must be finite and "):
        NegativeBinomial(mean, shape)


ONLY_0, ONLY_1 = np.array([True, False, False]), np.array([False, True, False])
NONE = np.zeros((3, 3), dtype=bool)


@pytest.mark.parametrize(
    "rules, sentence",
    [
        ({"maximum_duration": 3, "transitions": NONE}, "loosen maximum_duration or transitions."),
        (
            {"start": ONLY_0, "end": ONLY_1, "minimum_duration": 3},
            "loosen minimum_duration or start or end.",
        ),
        ({"durations": np.zeros(3), "transitions": NONE}, "loosen durations or transitions."),
        ({"start": np.zeros(3, dtype=bool)}, "loosen start."),
        (
            {"start": ~(ONLY_0 | True), "end": ~(ONLY_1 | True)},
            "to loosen one is not enough: they are start and end.",
        ),
    ],
)
def test_rules_that_leave_nothing_are_named(rules: dict[str, Any], sentence: str) -> None:
    for call in (decode_segments, lambda *a, **b: segment_confidence(*a, [0] * 5, **b)):
        with pytest.raises(ArgumentError) as caught:
            call(FEW, **rules)
        message = str(caught.value)
        assert message.startswith("no segmentation of the 5 frames obeys all rules")
        assert message.endswith(sentence)


def test_impossible_frames_that_leave_nothing_are_named() -> None:
    scores = np.array([[0, -np.inf], [-np.inf, 0], [0, -np.inf]])
    with pytest.raises(ArgumentError, match="loosen minimum_duration or the -inf in log_probab"):
        decode_segments(scores, minimum_duration=2)
