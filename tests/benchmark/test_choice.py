"""Choices: those without ground truth do not change when the scores do."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from asot.benchmark.folder import BenchmarkFolder
from asot.benchmark.summary import MEAN, Chosen, choose, summarise
from tests.benchmark.conftest import EGG, TEA, Write

# Seeds 0 and 2 differ in one of eight frames once their actions are matched; seed 1 is unlike both.
LABELS = ([0, 0, 0, 1, 1, 1, 2, 2], [0, 1, 2, 0, 1, 2, 0, 1], [2, 2, 2, 0, 0, 1, 1, 1])


def chosen(kind: str, folder: BenchmarkFolder, method: str = "paper") -> Chosen | None:
    matching = "video" if method == "twfinch" else "activity"
    cells = [(cell, result) for cell, result in folder.cells() if cell.method == method]
    return choose(kind, cells, folder, matching)


def place(found: Chosen | None) -> tuple[int, int | None] | None:
    return None if found is None else (found.seed, found.candidate.epoch)


def test_the_lowest_objective(write: Write, folder: BenchmarkFolder) -> None:
    for seed, objective in enumerate((0.7, -0.2, 0.1)):
        write("paper", TEA, seed, (0.9, 0.1, 0.5)[seed], objective=objective, n_frames=10 + seed)
    found = chosen("objective", folder)
    assert place(found) == (1, None)
    assert found is not None
    assert (found.n_frames, found.candidate.scores["activity"]["mof"]) == (11, 0.1)
    assert place(chosen("oracle", folder)) == (0, None)


def test_the_lowest_objective_of_all_epochs(write: Write, folder: BenchmarkFolder) -> None:
    write("paper", TEA, 0, [0.1, 0.2, 0.3], objective=[3.0, 0.5, 1.0])
    write("paper", TEA, 1, [0.4, 0.9, 0.5], objective=[3.0, 2.0, 0.8])
    assert place(chosen("objective", folder)) == (0, 2)
    assert place(chosen("oracle", folder)) == (1, 2)


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf")])
def test_an_objective_that_says_nothing_is_not_chosen(
    write: Write, folder: BenchmarkFolder, nothing: float | None
) -> None:
    for seed, objective in enumerate((nothing, 2.0, 1.0)):
        write("paper", TEA, seed, 0.5, objective=objective)
        write("uniform", TEA, seed, 0.5, objective=nothing)
    assert place(chosen("objective", folder)) == (2, None)
    assert chosen("objective", folder, "uniform") is None


def test_one_segmentation_is_no_choice(write: Write, folder: BenchmarkFolder) -> None:
    write("paper", TEA, 0, 0.5, objective=1.0)
    for kind in ("objective", "agreement", "oracle"):
        assert chosen(kind, folder) is None
    write("paper", TEA, 1, 0.5, objective=2.0)
    assert chosen("agreement", folder) is None, "of two each is as like the other"


def test_the_seed_most_like_the_others(write: Write, folder: BenchmarkFolder) -> None:
    for seed, labels in enumerate(LABELS):
        write("paper", TEA, seed, 0.5, labels=labels)
    agreements = [
        sum(best_agreement(own, other) for other in LABELS if other is not own) for own in LABELS
    ]
    assert max(agreements) != agreements[1]
    assert best_agreement(LABELS[0], LABELS[2]) == 7
    found = place(chosen("agreement", folder))
    assert found is not None
    assert agreements[found[0]] == max(agreements)


def best_agreement(one: Sequence[int], other: Sequence[int]) -> int:
    from itertools import permutations

    renamed = ([named[label] for label in one] for named in permutations(range(3)))
    return max(sum(np.equal(labels, other)) for labels in renamed)


def test_two_alike_and_one_apart(write: Write, folder: BenchmarkFolder) -> None:
    # The odd one out has the best scores and the lowest objective, and is not typical.
    for seed, labels in enumerate(([0, 1, 2, 0], [1, 1, 2, 2], [2, 2, 0, 0])):
        mof, objective = (0.9, 0.1) if seed == 0 else (0.1, 0.9)
        write("paper", TEA, seed, mof, objective=objective, labels=labels)
    assert place(chosen("agreement", folder)) == (1, None)
    assert place(chosen("objective", folder)) == place(chosen("oracle", folder)) == (0, None)


def test_agreement_takes_the_last_epoch(write: Write, folder: BenchmarkFolder) -> None:
    for seed, labels in enumerate(LABELS):
        write("paper", TEA, seed, [0.9, 0.1], objective=[0.1, 0.9], labels=labels)
    found = chosen("agreement", folder)
    assert found is not None
    assert found.candidate.epoch == 2


def test_choices_without_ground_truth_do_not_see_the_scores(
    write: Write, folder: BenchmarkFolder, rng: np.random.Generator
) -> None:
    for seed, labels in enumerate(LABELS):
        mofs, objectives = rng.random((2, 2)).tolist()
        write("paper", TEA, seed, mofs, objective=objectives, labels=labels)
    kinds = ("objective", "agreement")
    before = [place(chosen(kind, folder)) for kind in kinds]
    oracles = set()
    for _ in range(8):
        for path in folder.root.rglob("seed-*.json"):
            cell = json.loads(path.read_text())
            for one in cell["candidates"]:
                for found in one["scores"].values():
                    found.update(zip(found, rng.random(len(found)).tolist(), strict=True))
            path.write_text(json.dumps(cell))
        assert [place(chosen(kind, folder)) for kind in kinds] == before
        oracles.add(place(chosen("oracle", folder)))
    assert len(oracles) > 1, "the oracle does"


def test_the_oracle_of_what_is_matched_by_recording(write: Write, folder: BenchmarkFolder) -> None:
    for seed, mof in enumerate((0.2, 0.8, 0.5)):
        write("twfinch", TEA, seed, mof, shared=False)
    assert place(chosen("oracle", folder, "twfinch")) == (1, None)


def test_rows_of_choices(write: Write, folder: BenchmarkFolder) -> None:
    for seed, tea, egg in [(0, 0.2, 0.6), (1, 0.4, 0.3)]:
        write("paper", TEA, seed, tea, objective=float(seed), n_frames=30)
        write("paper", EGG, seed, egg, objective=float(-seed), n_frames=10)
    write("uniform", TEA, 0, 0.1)
    write("uniform", EGG, 0, 0.1)
    rows = {
        (one.choice, one.activity): one
        for one in summarise(folder, ["objective", "oracle"])
        if one.matching == "activity" and one.choice is not None
    }
    assert {one.method for one in rows.values()} == {"paper"}, "a single seed is no choice"
    objective, oracle = rows["objective", MEAN], rows["oracle", MEAN]
    assert objective.scores["mof"] == pytest.approx((0.2 + 0.3) / 2)
    assert oracle.scores["mof"] == pytest.approx((0.4 + 0.6) / 2)
    weighted = rows["objective", "(frame-weighted mean)"]
    assert weighted.scores["mof"] == pytest.approx(0.75 * 0.2 + 0.25 * 0.3)
    assert rows["objective", TEA].chosen == "seed 0"
    assert objective.chosen == f"{EGG}: seed 1; {TEA}: seed 0"
    assert all(one.deviations is None and one.seeds == () for one in rows.values())
