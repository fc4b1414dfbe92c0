"""The matching, against all permutations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix

from asot.errors import ArgumentError
from asot.metrics import contingency, hungarian, match, pair
from tests.metrics.sequences import corpora, noisy_corpus

tables = hnp.arrays(
    np.int64, st.tuples(st.integers(0, 5), st.integers(1, 5)), elements=st.integers(0, 9)
)


@given(tables)
def test_hungarian_is_the_best_of_all_permutations(table: np.ndarray) -> None:
    n_rows, n_columns = table.shape
    best = 0
    # A column number past the last one stands for no match.
    for columns in itertools.permutations(range(n_columns + n_rows), n_rows):
        best = max(best, sum(table[r, c] for r, c in enumerate(columns) if c < n_columns))
        if n_rows > 3 and best == table.max(axis=1).sum():
            break
    found = hungarian(table)
    matched = np.flatnonzero(found >= 0)
    assert len(set(found[matched].tolist())) == len(matched)
    assert table[matched, found[matched]].sum() == best
    assert (table[matched, found[matched]] > 0).all()


@given(tables, st.randoms(use_true_random=False))
def test_ties_are_broken_by_the_contents_of_the_table(table: np.ndarray, random) -> None:
    order = list(range(len(table)))
    random.shuffle(order)

    def matches(rows: np.ndarray) -> list[tuple[list[int], int]]:
        return sorted(zip(rows.tolist(), hungarian(rows).tolist(), strict=True))

    assert matches(table[order]) == matches(table)


def test_contingency_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    predictions, truths = noisy_corpus(rng)
    paired = pair(predictions, truths)
    table = contingency(paired.frames, len(paired.clusters), len(paired.classes))
    true, predicted = np.concatenate(truths), np.concatenate(predictions)
    expected = confusion_matrix(true, predicted, labels=[*paired.classes, *paired.clusters])
    n_classes = len(paired.classes)
    assert table.T.tolist() == expected[:n_classes, n_classes:].tolist()


@given(corpora())
def test_unassigned_and_unmatched_frames_are_never_right(sequences) -> None:
    predictions, truths = sequences
    matched = match(predictions, truths)
    assert -1 not in matched.matching
    frames = matched.frames
    right = [
        matched.matching.get(p) == t
        for labels, truth in zip(predictions, truths, strict=True)
        for p, t in zip(labels, truth, strict=True)
    ]
    assert np.repeat(frames.predicted == frames.truth, frames.length).tolist() == right


def test_lists_arrays_and_tensors_of_any_integer_type_are_the_same() -> None:
    truth = [["stir", "pour", "pour"]]
    expected = match([[4, 2, 2]], truth)
    for labels in (
        np.array([4, 2, 2], dtype=np.uint8),
        torch.tensor([4, 2, 2], dtype=torch.int32),
        (4, 2, 2),
    ):
        found = match([labels], [np.array(truth[0], dtype=object)])
        assert found.matching == expected.matching == {4: "stir", 2: "pour"}
    assert match(torch.tensor([[4, 2, 2]]), truth).matching == expected.matching


def test_exclusion_leaves_holes_that_frames_remember() -> None:
    frames = match([[0, 0, 0, 0], [1, 1]], [[5, -1, 5, 5], [-1, 6]], exclude=-1).frames
    assert frames.length.tolist() == [1, 2, 1]
    assert frames.recording.tolist() == [0, 0, 1]
    assert frames.position.tolist() == [0, 2, 1]
    assert frames.breaks.tolist() == [True, True, True]


def test_matching_by_name() -> None:
    matched = match([["stir", "wait", "pour"]], [["pour", "stir", "pour"]], by="name")
    assert matched.matching == {"stir": "stir", "pour": "pour"}
    assert (matched.frames.predicted == matched.frames.truth).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: match([], []), "at least one recording"),
        (lambda: match([[1]], []), "1 predictions and 0"),
        (lambda: match([[1], [1, 2]], [[1], [1]]), "recording 1 they have 2 and 1 frames"),
        (lambda: match([[1], []], [[1], []]), "recording 1 is empty"),
        (lambda: match([1, 1], [1, 1]), r"recording 0 has shape \(\); put a single"),
        (lambda: match([[1], [0.5]], [[1], [1]]), "recording 1 has labels of type float64"),
        (lambda: match([[1]], [[None]]), "ground_truth .* recording 0 .* object"),
        (lambda: match([[1], [1]], [[1], ["a"]]), "recording 0 and recording 1 differ"),
        (lambda: match([[1]], [[-1]], exclude=-1), "leave some frames"),
        (lambda: match([[1]], [[-1]], exclude="-1"), "exclude .* '-1' is a string"),
        (lambda: match([[1]], [["a"]], exclude=[0]), "exclude .* 0 is no string"),
        (lambda: match([[1]], [[1]], by="shape"), "by must be"),
        (lambda: match([[1]], [["a"]], by="name"), "hold numbers and the ground truth names: give"),
        (lambda: match([["a"]], [[1]], by="name"), "hold names and the ground truth numbers: give"),
        (lambda: hungarian([1, 2]), r"table must have two axes"),
    ],
)
def test_bad_arguments_are_named(call, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        call()
