"""The kinds of segments: links by their definition, and communities where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from asot.discover import kinds
from asot.discover.kinds import RESOLUTION, count_kinds, find_communities, link_segments
from asot.timeline.segments import run_lengths

Arrays = list[np.ndarray]


def drawn(
    rng: np.random.Generator, n_actions: int, n_recordings: int = 5, noise: float = 0.1
) -> tuple[Arrays, Arrays]:
    """Frames, and labels, of recordings in which each action comes twice."""
    centres = 3 * rng.normal(size=(n_actions, 8))
    labels = []
    for _ in range(n_recordings):
        order = [rng.permutation(n_actions) for _ in range(2)]
        if order[0][-1] == order[1][0]:
            order[1] = order[1][::-1]
        labels.append(np.repeat(np.concatenate(order), rng.integers(4, 9, 2 * n_actions)))
    frames = [centres[one] + noise * rng.normal(size=(len(one), 8)) for one in labels]
    return [one.astype(np.float32) for one in frames], labels


def modularity(links: np.ndarray, groups: np.ndarray) -> float:
    same = groups[:, None] == groups
    by_chance = np.outer(links.sum(axis=1), links.sum(axis=1)) / links.sum()
    return float(((links - RESOLUTION * by_chance) * same).sum() / links.sum())


@pytest.mark.parametrize("n_actions", [3, 5, 8])
def test_kinds_are_the_actions_where_these_lie_apart(
    n_actions: int, rng: np.random.Generator
) -> None:
    frames, labels = drawn(rng, n_actions, n_recordings=10)
    assert count_kinds(frames, labels) == pytest.approx(n_actions, abs=1)
    # What actions are called, and in which unit columns are, changes nothing.
    renamed = [n_actions - 1 - one for one in labels]
    scaled = [(4 * one).astype(np.float32) for one in frames]
    assert count_kinds(scaled, renamed) == pytest.approx(count_kinds(frames, labels))


def test_segments_link_with_the_nearest_in_each_other_recording(rng: np.random.Generator) -> None:
    frames, labels = drawn(rng, 3, n_recordings=3, noise=3.0)
    links = link_segments(frames, labels)
    means: Arrays = []
    owners: list[int] = []
    residuals: Arrays = []
    for index, (rows, own) in enumerate(zip(frames, labels, strict=True)):
        for start, end in zip(*run_lengths(own)[:2], strict=True):
            means.append(rows[start:end].mean(axis=0, dtype=float))
            owners.append(index)
            residuals.append(rows[start:end] - means[-1])
    within = (np.concatenate(residuals) ** 2).mean(axis=0)
    spread = np.sqrt(within + kinds.RIDGE * np.var(means, axis=0).mean())
    expected = np.zeros((len(means), len(means)))
    for a, owner in enumerate(owners):
        for other in {0, 1, 2} - {owner}:
            rest = [b for b in range(len(means)) if owners[b] == other]
            away = [(((means[a] - means[b]) / spread) ** 2).sum() for b in rest]
            nearest = rest[int(np.argmin(away))]
            expected[a, nearest] += 1
            expected[nearest, a] += 1
    np.testing.assert_array_equal(links, expected)


def test_communities_have_more_links_inside_than_others(rng: np.random.Generator) -> None:
    planted = np.sort(rng.integers(4, size=60))
    chance = np.where(planted[:, None] == planted, 0.5, 0.03)
    links = np.triu(rng.random((60, 60)) < chance, 1).astype(float)
    links += links.T
    found = find_communities(links)
    assert modularity(links, found) >= modularity(links, planted) - 0.03  # it is greedy
    assert modularity(links, found) > modularity(links, rng.permutation(found))


def test_cliques_are_told_apart() -> None:
    links = np.kron(np.eye(3), 1 - np.eye(5))
    for a in (0, 5, 10):
        b = (a + 5) % 15
        links[a, b] = links[b, a] = 1
    found = find_communities(links)
    assert found.tolist() == np.repeat(found[::5], 5).tolist()
    assert len(np.unique(found)) == 3
    assert find_communities(np.zeros((4, 4))).tolist() == [0, 1, 2, 3], "nothing is linked"


def test_of_many_segments_the_first_recordings_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    frames, labels = drawn(rng, 4)
    monkeypatch.setattr(kinds, "MOST_SEGMENTS", 3)
    assert count_kinds(frames, labels) == count_kinds(frames[:2], labels[:2])


def test_frames_that_are_all_the_same_are_counted(rng: np.random.Generator) -> None:
    labels = drawn(rng, 3)[1]
    frames = [np.zeros((len(one), 2), np.float32) for one in labels]
    assert np.isfinite(count_kinds(frames, labels))
