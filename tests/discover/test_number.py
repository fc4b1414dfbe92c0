"""The number of actions: on generated recordings, and how it is chosen from curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from asot.data import standardise
from asot.discover import number as number_room
from asot.discover.number import (
    NUMBERS,
    RARE,
    TIE,
    TYPICAL,
    adjusted_rand,
    count_pairs,
    find_n_actions,
    score_numbers,
)
from asot.discover.radius import VIEWS, ScaledViews
from asot.simulation import make_recordings


def test_within_two_of_the_truth(seed: int) -> None:
    off = []
    for n_actions in (3, 5, 7):
        recordings = make_recordings(12, n_actions, (100, 140), order="varied", random_state=seed)
        X = [standardise(one) for one in recordings.features]
        evidence = find_n_actions(X, round(120 / n_actions / 3), most=10, seed=seed)
        off.append(abs(evidence.chosen - n_actions))
    # Some few sets of some hundreds have actions that look alike, or in two ways.
    assert np.median(off) <= 2, off
    assert max(off) <= 4, off


def test_the_evidence_goes_together(seed: int) -> None:
    recordings = make_recordings(4, 4, (60, 100), random_state=seed)
    evidence = find_n_actions([standardise(one) for one in recordings.features], 4, seed=seed)
    total = sum(one.n_frames for one in recordings)
    most = min(total // 8, 12 if evidence.chosen < 10 else NUMBERS[-1])
    assert evidence.numbers == [one for one in NUMBERS if one <= most]
    assert evidence.chosen == evidence.numbers[int(np.argmax(evidence.score))], "the best point"
    expected = score_numbers(evidence.numbers, evidence.agreement, evidence.gain, evidence.kinds)
    assert evidence.score == expected
    best = max(evidence.score)
    near = [n for n, s in zip(evidence.numbers, evidence.score, strict=True) if s >= best - TIE]
    assert sorted([evidence.chosen, *evidence.ties]) == near
    assert max(evidence.agreement) <= 1 + 1e-9
    assert 0 <= min(evidence.gain) <= max(evidence.gain) <= 1


def test_the_same_seed_finds_the_same(seed: int) -> None:
    recordings = make_recordings(3, 3, (40, 60), random_state=seed)
    X = [standardise(one) for one in recordings.features]
    heard: list[tuple[object, ...]] = []
    first = find_n_actions(X, 5, most=5, seed=seed, progress=lambda *told: heard.append(told))
    assert find_n_actions(X, 5, most=5, seed=seed) == first
    assert heard == [("Counting the actions", done, 4) for done in (1, 2, 3, 4)]


def test_more_numbers_are_tried_after_those_that_are_usual(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    recordings = make_recordings(3, 3, (60, 80), random_state=seed)
    X = [standardise(one) for one in recordings.features]
    counted: list[list[int]] = []

    def labels(views: ScaledViews, own_seed: int, number: int) -> list[list[np.ndarray]]:
        counted[-1].append(number)
        return found_of(views, own_seed, number)

    found_of = number_room._of_number
    monkeypatch.setattr(number_room, "_of_number", labels)
    evidence = []
    for near in (27, 2):
        counted.append([])
        monkeypatch.setattr(number_room, "NEAR", near)
        evidence.append(find_n_actions(X, 2, seed=seed))
    few, all_of_them = evidence
    assert few.numbers == sorted(counted[0]) == list(range(2, 13))
    assert all_of_them.numbers == sorted(counted[1]), "each once"
    assert all_of_them.numbers == list(NUMBERS)
    assert all_of_them.agreement[:11] == few.agreement
    assert all_of_them.kinds == few.kinds


@pytest.mark.parametrize("lengths", [[1], [2, 1], [9]])
def test_no_room_for_more_than_two(lengths: list[int], rng: np.random.Generator) -> None:
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in lengths]
    evidence = find_n_actions(X, 3)
    assert (evidence.numbers, evidence.chosen) == ([2], 2)
    assert (evidence.kinds is None) == (len(lengths) == 1), "kinds come again in other recordings"


def test_the_number_lies_where_views_agree_and_frames_are_described() -> None:
    numbers = list(range(2, 13))
    flat = [0.5] * len(numbers)

    def best(agreement: list[float], gain: list[float]) -> int:
        return numbers[int(np.argmax(score_numbers(numbers, agreement, gain)))]

    assert best(flat, flat) == TYPICAL
    falls = [0.9 if n <= 5 else 0.4 for n in numbers]
    rises = [min(n, 5) / 5 for n in numbers]
    assert best(falls, rises) in (4, 5)
    assert best(flat, [n / 12 for n in numbers]) > TYPICAL


def test_the_number_is_drawn_to_the_kinds_of_segments() -> None:
    numbers = list(range(2, 13))
    flat = [0.5] * len(numbers)
    chosen = [int(np.argmax(score_numbers(numbers, flat, flat, kinds))) for kinds in (3, 7, 11)]
    assert chosen == sorted(set(chosen))
    without = score_numbers(numbers, flat, flat)
    assert score_numbers(numbers, flat, flat, TYPICAL / RARE)[5] == without[5], "no pull there"


@pytest.mark.parametrize("is_embedded", [True, False])
def test_kinds_are_counted_in_what_recordings_are_embedded_in(
    is_embedded: bool, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    recordings = make_recordings(3, 3, (60, 80), random_state=seed)
    X = [standardise(one) for one in recordings.features]
    rows = [one[:, :1] for one in X] if is_embedded else X
    counted: list[Sequence[np.ndarray]] = []

    def embed(kept: Sequence[np.ndarray], *given: int) -> list[np.ndarray]:
        assert given == (5, seed)
        return [one[:, :1] for one in kept]

    def count(seen: Sequence[np.ndarray], labels: list[np.ndarray]) -> float:
        assert list(map(len, labels)) == list(map(len, X))
        counted.append(seen)
        return 3.0

    monkeypatch.setattr(number_room, "count_kinds", count)
    find_n_actions(X, 5, most=5, seed=seed, embed=embed if is_embedded else None)
    assert len(counted) == len(VIEWS), "once for the segments of each view"
    for seen in counted:
        assert all(np.array_equal(*pair) for pair in zip(seen, rows, strict=True))


def test_noise_has_no_gain(rng: np.random.Generator) -> None:
    X = [rng.normal(size=(200, 4)).astype(np.float32) for _ in range(4)]
    evidence = find_n_actions(X, 8)
    assert max(evidence.gain) < 0.5


def test_the_rand_index_is_that_of_scikit_learn_to_the_bit(rng: np.random.Generator) -> None:
    for _ in range(50):
        size, n_frames = rng.integers(1, 8), rng.integers(1, 400)
        one = rng.integers(size, size=n_frames)
        other = np.where(rng.random(n_frames) < 0.3, rng.integers(size, size=n_frames), one)
        assert adjusted_rand(one, other) == adjusted_rand_score(one, other)
        table = count_pairs(one, other, size)
        assert table.sum() == n_frames
        assert table[one[0], other[0]] == np.sum((one == one[0]) & (other == other[0]))
    assert adjusted_rand(one, one) == 1
