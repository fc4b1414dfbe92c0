"""The likeness of actions and segments, on made segments whose likeness is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import threadpoolctl  # type: ignore[import-untyped]
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist

from asot.page import Alike
from asot.runs import alike
from asot.runs.alike import Survey
from asot.runs.likeness import find_pairs, grow_tree, lay_out, main_axes, two_kinds

Rows = NDArray[np.float64]


@pytest.fixture(autouse=True)
def plain_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests that look at no map the second that it takes."""
    monkeypatch.setattr(alike, "lay_out", lambda rows, _: (rows[:, :2], "PCA"))


def surveyed(
    rows: Rows,
    actions: NDArray[np.int64],
    shares: Rows | None = None,
    described: Sequence[tuple[int, int]] = (),
) -> Alike:
    """Survey segments of ten frames, one a row, of two recordings."""
    n_actions = int(actions.max()) + 1
    survey = Survey(n_actions)

    def segments() -> Iterator[tuple[str, int, int, int, Rows]]:
        for at, (row, action) in enumerate(zip(rows, actions.tolist(), strict=True)):
            yield f"r{at % 2}", 10 * at, 10 * at + 10, action, row

    for _, *segment in segments():
        survey.add(*segment)
    soft = np.eye(n_actions) if shares is None else shares
    survey.add_shares(np.repeat(actions, 10), soft[np.repeat(actions, 10)].astype(np.float32))
    for segment in segments():
        survey.place(*segment)
    return survey.alike(described)


def clouds(rng: np.random.Generator, sizes: list[int], width: int = 40) -> Rows:
    """Draw rows about centres that are far from each other."""
    centres = 6 * np.eye(len(sizes), width)
    return np.concatenate(
        [rng.normal(centre, 1.0, (n, width)) for n, centre in zip(sizes, centres, strict=True)]
    )


def test_the_tree_is_that_of_scipy(rng: np.random.Generator) -> None:
    centres = rng.normal(size=(7, 5))
    tree, apart = grow_tree(centres, np.eye(7))
    expected = linkage(pdist(centres) / pdist(centres).max(), "average", optimal_ordering=True)
    np.testing.assert_allclose(tree, expected)
    # Actions that are taken for each other are closer, and join first.
    shared = 0.02 * np.ones((7, 7))
    far = np.unravel_index(apart.argmax(), apart.shape)
    shared[far] = shared[far[::-1]] = 0.999
    nearer, closer = grow_tree(centres, shared)
    assert set(nearer[0, :2].astype(int)) == set(map(int, far))
    assert closer[far] == closer[closer > 0].min()
    assert grow_tree(centres[:1], np.eye(1))[0].shape == (0, 4)


def test_an_action_cut_in_two_at_random_may_be_one(rng: np.random.Generator) -> None:
    rows = clouds(rng, [30, 30, 20])
    actions = np.repeat([0, 1, 2], [30, 30, 20])
    found = 0
    for _ in range(12):
        actions[:30] = np.where(np.arange(30) < 12, 3, 0)[rng.permutation(30)]
        own = [rows[actions == action] for action in range(4)]
        apart = grow_tree(np.array([one.mean(axis=0) for one in own]), np.eye(4))[1]
        pairs = find_pairs(own, apart, np.eye(4), (), rng)
        assert all(one.actions == (0, 3) and one.same and one.closest for one in pairs)
        found += len(pairs)
    # By chance halves differ, p below 0.05, 1 in 20 times; 6 of 12 are once in some 70,000.
    assert found > 6


def test_actions_that_share_frames_may_be_one_unless_they_are_two_clouds(
    rng: np.random.Generator,
) -> None:
    rows = clouds(rng, [60, 30])
    # The first cloud is cut along its middle, so that its halves can be told apart.
    actions = np.where(rows[:, 3] > 0, 2, 0)
    actions[60:] = 1
    shares = np.array([[0.8, 0.1, 0.1], [0.3, 0.7, 0.0], [0.2, 0.0, 0.8]])
    assert surveyed(rows, actions).pairs == []
    (pair,) = surveyed(rows, actions, shares).pairs
    assert set(pair.actions) == {0, 2}
    assert not pair.same
    assert max(pair.shared) == pytest.approx(0.2)
    # What a model told comes first, whatever speaks against it.
    told = surveyed(rows, actions, shares, described=[(1, 0), (5, 0)]).pairs
    assert [(set(one.actions), one.described) for one in told] == [({0, 1}, True), ({0, 2}, False)]


def test_at_most_a_handful_of_pairs(rng: np.random.Generator) -> None:
    rows = [rng.normal(size=(9, 3)) for _ in range(9)]
    told = [(a, a + 1) for a in range(8)]
    assert len(find_pairs(rows, np.ones((9, 9)), np.eye(9), told, rng)) == 5


def test_one_cloud_is_rarely_two_kinds(rng: np.random.Generator) -> None:
    shapes = {
        "normal": lambda: rng.normal(size=(24, 6)) * [3, 2, 1, 1, 1, 1],
        "even": lambda: np.c_[rng.uniform(-6, 6, (24, 1)), rng.normal(size=(24, 3))],
    }
    for name, draw in shapes.items():
        found = sum(two_kinds(draw(), rng) is not None for _ in range(60))
        # At a rate of 1 in 100 more than 6 of 60 are once in some 100,000 sets.
        assert found <= 6, name


def test_two_clouds_are_two_kinds_of_which_the_second_is_smaller(rng: np.random.Generator) -> None:
    rows = clouds(rng, [30, 20, 40])
    found = surveyed(rows, np.repeat([0, 0, 1], [30, 20, 40]))
    assert set(found.kinds) == {0}
    second = [one.start // 10 for one in found.spots if one.kind]
    assert second == list(range(30, 50))
    first, other = found.kinds[0]
    assert len(first) == len(other) == 2
    assert all(one.start < 300 for one in first)
    assert all(300 <= one.start < 500 for one in other)
    assert two_kinds(rows[:11], rng) is None


def test_the_map_keeps_neighbours_together(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = clouds(rng, [20, 20, 20, 20], width=10)
    rows = rows @ main_axes(rows, 32)

    def apart(places: Rows) -> bool:
        """Tell whether the nearest point is of the same cloud for nearly all points."""
        distances = np.square(places[:, None] - places).sum(axis=2) + 1e9 * np.eye(len(places))
        return bool(np.mean(distances.argmin(axis=1) // 20 == np.arange(80) // 20) > 0.95)

    pytest.importorskip("sklearn")
    # Those that t-SNE does not place lie beside their like.
    monkeypatch.setattr("asot.runs.likeness.LEARNT", 50)
    places, method = lay_out(rows, rng)
    assert (places.shape, method, apart(places)) == ((80, 2), "t-SNE", True)
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    places, method = lay_out(rows, rng)
    np.testing.assert_array_equal(places, rows[:, :2])
    assert method == "PCA"
    assert lay_out(rows[:, :1], rng)[0].shape == (80, 2)
    assert lay_out(np.zeros((50, 3)), rng)[1] == "PCA"


def test_a_map_does_not_hang_on_the_number_of_threads(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    threads = set[int]()

    def place(model: object, rows: Rows) -> Rows:
        threads.update(one["num_threads"] for one in threadpoolctl.threadpool_info())
        return rows[:, :2]

    monkeypatch.setattr("sklearn.manifold.TSNE.fit_transform", place)
    with threadpoolctl.threadpool_limits(3):
        lay_out(rng.normal(size=(80, 3)), rng)
    assert threads == {1}


def test_of_very_many_segments_a_part_is_shown(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "MOST_SPOTS", 50)
    monkeypatch.setattr(alike, "SAMPLE", 30)
    monkeypatch.setattr(alike, "FEWEST", 10)
    found = surveyed(rng.normal(size=(400, 3)), np.arange(400) % 2)
    assert found.n_segments == 400
    assert 20 < len(found.spots) < 90
    assert Survey(3).alike() == Alike()
