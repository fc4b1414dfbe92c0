"""Agreement of people: as other implementations and the published example have it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from asot.errors import ArgumentError
from asot.metrics import cohen_kappa, krippendorff_alpha

N = math.nan


def test_kappa_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    for n_labels in (2, 3, 5):
        one = rng.integers(-1, n_labels, 60)
        other = np.where(rng.random(60) < 0.5, one, rng.integers(-1, n_labels + 1, 60))
        assert cohen_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
        unseen = rng.random(60) < 0.2
        partly = np.where(unseen, N, one)
        expected = cohen_kappa_score(one[~unseen], other[~unseen])
        assert cohen_kappa(partly, other) == pytest.approx(expected)


def test_alpha_of_the_published_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's alpha-reliability", C: 0.743; the digits are
    # those of the package krippendorff 0.9.
    people = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
    assert krippendorff_alpha(people) == pytest.approx(0.743421052631579)


def test_names_and_order_of_labels_and_people_decide_nothing(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 4, (3, 50)).astype(float)
    labels[rng.random((3, 50)) < 0.3] = N
    alpha = krippendorff_alpha(labels)
    assert krippendorff_alpha(7 - 2 * labels[::-1]) == pytest.approx(alpha)
    lonely = np.full((3, 5), N)
    lonely[1] = 9
    assert krippendorff_alpha(np.hstack([labels, lonely])) == pytest.approx(alpha)
    assert cohen_kappa(labels[0], labels[1]) == pytest.approx(cohen_kappa(labels[1], labels[0]))


def test_where_chance_always_agrees_nothing_is_said() -> None:
    assert math.isnan(cohen_kappa([1, 1], [1, 1]))
    assert math.isnan(cohen_kappa([1, N], [N, 1]))
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([[1, N], [N, 1]]))
    assert krippendorff_alpha([[1, 2], [1, 2]]) == cohen_kappa([1, 2], [1, 2]) == 1
    with pytest.raises(ArgumentError, match=r"two axes, people and frames"):
        krippendorff_alpha([1, 2])
