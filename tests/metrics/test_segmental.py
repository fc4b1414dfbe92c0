"""Segment scores, against plain loops, brute force, SciPy and torchmetrics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torchmetrics.functional.text import edit_distance

from asot.errors import ArgumentError
from asot.metrics import boundary_f1, edit, evaluate, jsd, levenshtein, match, segmental_f1
from asot.metrics.scores import count_matches
from tests.metrics import sequences as loops

exclusions = st.sets(st.integers(0, 3), max_size=2)
points = st.lists(st.integers(0, 20), max_size=6, unique=True).map(sorted)


def translated(predictions: loops.Sequences, matching: dict) -> loops.Sequences:
    return [[matching.get(label, 100 + label) for label in labels] for labels in predictions]


@given(loops.corpora(), exclusions)
def test_scores_agree_with_plain_loops(sequences, exclude: set[int]) -> None:
    predictions, truths = sequences
    assume(any(label not in exclude for truth in truths for label in truth))
    matched = match(predictions, truths, exclude=exclude)
    sides = loops.with_holes(translated(predictions, matched.matching), truths, exclude)
    for overlap in (0.1, 0.25, 0.5, 1.0):
        expected = loops.segmental_f1(*sides, overlap)
        assert segmental_f1(matched.frames, overlap) == pytest.approx(expected, abs=1e-12)
    assert edit(matched.frames) == pytest.approx(loops.edit(*sides), abs=1e-12)
    assert jsd(matched.frames) == pytest.approx(loops.jsd(*sides), abs=1e-7)


@given(loops.corpora(), exclusions, st.none() | st.floats(0, 40))
def test_boundary_f1_agrees_with_plain_loops(sequences, exclude: set[int], tolerance) -> None:
    predictions, truths = sequences
    assume(any(label not in exclude for truth in truths for label in truth))
    matched = match(predictions, truths, exclude=exclude)
    sides = loops.with_holes(predictions, truths, exclude)
    counts = loops.boundary_counts(*sides, tolerance)
    total = sum(len(p) + len(t) for p, t, _ in counts)
    expected = 2 * sum(count_matches(*c) for c in counts) / total if total else 1.0
    assert boundary_f1(matched.frames, tolerance) == pytest.approx(expected, abs=1e-12)


@given(points, points, st.integers(0, 8))
def test_boundaries_are_matched_as_many_as_possible(first, second, tolerance: int) -> None:
    short, long = sorted((first, second), key=len)
    best = max(
        sum(abs(a - b) <= tolerance for a, b in zip(short, chosen, strict=True))
        for chosen in itertools.permutations(long, len(short))
    )
    assert count_matches(first, second, tolerance) == best


@given(st.lists(st.integers(0, 4), max_size=8), st.lists(st.integers(0, 4), max_size=8))
def test_levenshtein_agrees_with_its_definition(first, second) -> None:
    assert levenshtein(first, second) == loops.distance(first, second)


def test_levenshtein_agrees_with_torchmetrics(rng: np.random.Generator) -> None:
    for _ in range(10):
        words = ["".join(rng.choice(list("abcd"), size=rng.integers(1, 30))) for _ in range(2)]
        assert levenshtein(*map(list, words)) == int(edit_distance([words[0]], [words[1]]))


@pytest.mark.parametrize(("shared", "union"), [(1, 10), (3, 30), (7, 70), (1, 4), (25, 50)])
def test_an_overlap_at_the_threshold_is_a_hit(shared: int, union: int) -> None:
    """One predicted and one true segment of the label, with an IoU of exactly the threshold."""
    predicted = ["a"] * shared + ["b"] * (union - shared)
    frames = match([predicted], [["a"] * union], by="name").frames
    assert segmental_f1(frames, shared / union) == pytest.approx(2 / 3)
    assert segmental_f1(frames, shared / union + 1e-9) == 0


def test_a_true_segment_is_claimed_once() -> None:
    frames = match([[0, 0, 0, 0, 1, 0, 0, 0]], [["a"] * 8]).frames
    assert segmental_f1(frames, 0.1) == pytest.approx(2 / 4)


def test_a_taken_partner_does_not_bar_a_free_one() -> None:
    predicted = "aaaaaa" + "x" + "aaaaaaa" + "yyyyyy"
    truth = "aaaaaaaaaa" + "bb" + "aaaaaaaa"
    frames = match([list(predicted)], [list(truth)], by="name").frames
    assert segmental_f1(frames, 0.1) == pytest.approx(2 * 2 / (4 + 3))


def test_the_best_partner_is_claimed() -> None:
    predicted = "a" * 15 + "x" + "a" * 5
    truth = "a" * 10 + "b" + "a" * 10
    frames = match([list(predicted)], [list(truth)], by="name").frames
    assert segmental_f1(frames, 0.1) == pytest.approx(2 * 2 / (3 + 3))


def test_scores_agree_with_plain_loops_on_long_recordings(rng: np.random.Generator) -> None:
    predictions, truths = loops.noisy_corpus(rng, n_recordings=4)
    matched = match(predictions, truths, exclude=1)
    sides = loops.with_holes(translated(predictions, matched.matching), truths, {1})
    assert segmental_f1(matched.frames, 0.1) == pytest.approx(loops.segmental_f1(*sides, 0.1))
    assert edit(matched.frames) == pytest.approx(loops.edit(*sides), abs=1e-12)
    assert jsd(matched.frames) == pytest.approx(loops.jsd(*sides), abs=1e-7)


@pytest.mark.parametrize(("predicted", "true", "distance"), [(20, 39, 0), (19, 20, 1), (40, 39, 1)])
def test_lengths_are_binned_by_twenty_frames(predicted: int, true: int, distance: int) -> None:
    """All predicted segments have one length, all true ones another."""
    n_frames = predicted * true
    labels = [np.arange(n_frames) // length for length in (predicted, true)]
    assert jsd(match([labels[0]], [labels[1]]).frames) == pytest.approx(distance, abs=1e-12)


def test_boundaries_of_two_recordings_never_meet() -> None:
    frames = match([[0] * 9 + [1], [0] * 10], [["a"] * 10, ["a"] + ["b"] * 9]).frames
    assert boundary_f1(frames, tolerance=100) == 0


@pytest.mark.parametrize(("shift", "score"), [(5, 1), (6, 0)])
def test_the_tolerance_is_a_twentieth_of_the_mean_segment(shift: int, score: float) -> None:
    frames = match([[0] * (80 + shift) + [1] * (120 - shift)], [["a"] * 80 + ["b"] * 120]).frames
    assert boundary_f1(frames) == score


def test_the_last_segment_may_be_a_single_frame() -> None:
    scores = evaluate([[0, 0, 0, 1]], [["a", "a", "a", "b"]])
    assert [scores[name] for name in ("f1@10", "f1@25", "f1@50", "edit")] == [1, 1, 1, 1]


def test_a_recording_of_one_frame() -> None:
    scores = evaluate([[4]], [["a"]])
    for name in scores:
        assert scores[name] == (0 if name in ("jsd", "hvq_jsd", "cte_f1") else 1), name


def test_a_hole_parts_segments_on_both_sides() -> None:
    """Without the hole there would be one segment of each label; a hole makes no boundary."""
    truth = ["a"] * 4 + ["background"] * 4 + ["a"] * 4
    frames = match([[0] * 12], [truth], exclude="background").frames
    assert segmental_f1(frames, 0.5) == 1
    assert edit(frames) == 1
    assert boundary_f1(frames) == 1
    frames = match([[0] * 8 + [1] * 4], [truth], exclude="background").frames
    assert segmental_f1(frames, 0.5) == pytest.approx(2 / 4)
    assert edit(frames) == 0.5
    assert boundary_f1(frames) == 1


def test_recordings_are_never_joined() -> None:
    together = match([[0, 0], [0, 0]], [["a", "a"], ["a", "b"]]).frames
    assert segmental_f1(together, 0.5) == pytest.approx(2 * 2 / (2 + 3))
    assert boundary_f1(match([[0, 0], [1, 1]], [["a"] * 2, ["b"] * 2]).frames) == 1


def test_boundaries_of_one_side_alone_score_nothing() -> None:
    assert boundary_f1(match([[0, 1]], [["a", "a"]]).frames) == 0
    assert boundary_f1(match([[0, 0]], [["a", "b"]]).frames) == 0


@pytest.mark.parametrize("overlap", [0, -0.1, 1.1, float("nan")])
def test_overlap_outside_its_range_is_refused(overlap: float) -> None:
    with pytest.raises(ArgumentError, match="overlap"):
        segmental_f1(match([[0]], [[0]]).frames, overlap)


@pytest.mark.parametrize("tolerance", [-1, float("inf"), float("nan")])
def test_tolerance_outside_its_range_is_refused(tolerance: float) -> None:
    with pytest.raises(ArgumentError, match="tolerance"):
        evaluate([[0]], [[0]], tolerance=tolerance)
