"""Sets nobody tuned anything for: those that are here, changed as a real set could differ.

    python -m benchmarks.helps.altered [--changes NAME ...] [--draw N] [--each N] [--out FILE.json]

For each change a few sets are drawn, cut to some thousand frames and changed; the default, k-means
and the paper's network segment them, K given. Another ``--draw`` makes other ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.errors import AsotError
from asot.timeline.segments import run_lengths
from benchmarks.helps.measuring import measure, read_report
from benchmarks.helps.sets import SETS, Group, read_sets, tell_absent
from benchmarks.helps.tables import sets_table
from benchmarks.machine import share_threads

FRAMES, RECORDINGS = 6_000, 90  # of a set, about
Segments = list[tuple[int, NDArray[np.float32]]]  # of a recording: class, frames
Rng = np.random.Generator
Change = Callable[[Group, Rng], Group]


def cut(group: Group, rng: Rng) -> Group:
    """Take recordings until there are enough frames, of the last what fits."""
    left, features, truth = FRAMES, [], []
    for at in rng.permutation(len(group.features)):
        if left < 100:
            break
        features.append(group.features[at][:left])
        truth.append(group.ground_truth[at][:left])
        left -= len(features[-1])
    return Group(features, truth)


def parts(group: Group) -> list[Segments]:
    """Cut recordings into segments."""
    found = []
    for rows, labels in zip(group.features, group.ground_truth, strict=True):
        ends = run_lengths(labels)[1]
        own = np.split(rows, ends[:-1])
        found.append([(int(labels[end - 1]), one) for end, one in zip(ends, own, strict=True)])
    return found


def joined(recordings: list[Segments]) -> Group:
    """Lay segments end to end."""
    kept = [one for one in recordings if sum(len(rows) for _, rows in one) > 5]
    features = [np.concatenate([rows for _, rows in one]) for one in kept]
    truth = [np.repeat([k for k, _ in one], [len(rows) for _, rows in one]) for one in kept]
    return Group(features, truth)


def lasting(rows: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Cut a segment short, or let it go on to and fro."""
    length = max(2, round(len(rows) * factor))
    there_and_back = np.concatenate([rows, rows[::-1]])
    return there_and_back[np.arange(length) % len(there_and_back)]


def some_classes(group: Group, rng: Rng) -> Group:
    classes = np.unique(np.concatenate(group.ground_truth))
    kept = rng.choice(classes, max(2, round(0.6 * len(classes))), replace=False)
    return joined([[one for one in own if one[0] in kept] for own in parts(group)])


def one_long_class(group: Group, rng: Rng) -> Group:
    labels = np.concatenate(group.ground_truth)
    most = rng.choice(np.unique(labels))
    share = (labels == most).mean()
    factors = {True: 0.65 / share, False: 0.35 / (1 - share)}
    return joined([[(k, lasting(s, factors[k == most])) for k, s in own] for own in parts(group)])


def heavy_tails(group: Group, rng: Rng) -> Group:
    return joined(
        [[(k, lasting(s, 10 ** rng.uniform(-1, 0.7))) for k, s in own] for own in parts(group)]
    )


def pieces(group: Group, rng: Rng) -> Group:
    """Split each segment in five, in any order."""
    found = []
    for own in parts(group):
        small = [(k, one) for k, s in own for one in np.array_split(s, min(5, len(s)))]
        found.append([small[at] for at in rng.permutation(len(small))])
    return joined(found)


def long_ones(group: Group, rng: Rng) -> Group:
    """Join all segments of a class in a recording."""
    found = []
    for own in parts(group):
        order = rng.permutation(max(k for k, _ in own) + 1)
        found.append(sorted(own, key=lambda one: order[one[0]]))
    return joined(found)


def no_order(group: Group, rng: Rng) -> Group:
    return joined([[own[at] for at in rng.permutation(len(own))] for own in parts(group)])


def same_order(group: Group, rng: Rng) -> Group:
    order = rng.permutation(1 + max(one.max() for one in group.ground_truth))
    return joined([sorted(own, key=lambda one: order[one[0]]) for own in parts(group)])


def two_recordings(group: Group, rng: Rng) -> Group:
    every = [one for own in parts(group) for one in own]
    middle = len(every) // 2
    return joined([every[:middle], every[middle:]])


def one_recording(group: Group, rng: Rng) -> Group:
    return joined([[one for own in parts(group) for one in own]])


def many_short(group: Group, rng: Rng) -> Group:
    """Make a recording of every three segments."""
    every = [one for own in parts(group) for one in own]
    return joined([every[at : at + 3] for at in range(0, len(every), 3)])


def unequal(group: Group, rng: Rng) -> Group:
    every = [one for own in parts(group) for one in own]
    ends = np.cumsum(2 ** rng.uniform(0, 6, len(every))).astype(int)
    starts = [0, *ends[ends < len(every)].tolist(), len(every)]
    return joined([every[a:b] for a, b in pairwise(starts)])


def of_frames(change: Callable[[NDArray[np.float32], Rng], NDArray[np.float32]]) -> Change:
    """Change each recording's standardised frames, with the same draws for all."""

    def changed(group: Group, rng: Rng) -> Group:
        seed = int(rng.integers(2**31))
        each = []
        for rows in group.features:
            spread = rows.std(axis=0)
            own = (rows - rows.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
            each.append(change(own, np.random.default_rng(seed)).astype(np.float32))
        return Group(each, group.ground_truth)

    return changed


def half_columns(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    width = rows.shape[1]
    return rows[:, rng.permutation(width)[: max(2, width // 2)]]


def noise_columns(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    return np.hstack([rows, rng.normal(size=rows.shape)])


def slow_columns(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Add a third as many columns that wander."""
    shape = len(rows), max(1, rows.shape[1] // 3)
    return np.hstack([rows, np.cumsum(rng.normal(size=shape), axis=0)])


def near_constant(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Add as many columns that are constant but for a few frames."""
    return np.hstack([rows, rng.random(rows.shape) < 3 / len(rows)])


def copies(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Add two columns six times each."""
    two = rows[:, rng.permutation(rows.shape[1])[:2]]
    return np.hstack([rows, np.tile(two, 6)])


def drifting(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Let all columns wander by as much as they vary."""
    walk = np.cumsum(rng.normal(size=rows.shape), axis=0)
    return rows + (walk - walk.mean(axis=0)) / walk.std(axis=0)


def spikes(rows: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    return rows + 20 * rng.normal(size=rows.shape) * (rng.random((len(rows), 1)) < 0.01)


def of_times(choose: Callable[[int, Rng], NDArray[np.int64]]) -> Change:
    """Take some frames of each recording, some more than once."""

    def changed(group: Group, rng: Rng) -> Group:
        at = [choose(len(one), rng) for one in group.features]
        features = [one[t] for one, t in zip(group.features, at, strict=True)]
        features = [one + 0.02 * one.std(axis=0) * rng.normal(size=one.shape) for one in features]
        truth = [one[t] for one, t in zip(group.ground_truth, at, strict=True)]
        return Group([one.astype(np.float32) for one in features], truth)

    return changed


CHANGES: dict[str, Change] = {
    "none": lambda group, rng: group,
    "some classes": some_classes,
    "one class 65 %": one_long_class,
    "heavy tails": heavy_tails,
    "pieces": pieces,
    "long segments": long_ones,
    "no order": no_order,
    "same order": same_order,
    "two recordings": two_recordings,
    "one recording": one_recording,
    "many short": many_short,
    "unequal": unequal,
    "half the columns": of_frames(half_columns),
    "columns of noise": of_frames(noise_columns),
    "columns that wander": of_frames(slow_columns),
    "near-constant": of_frames(near_constant),
    "copies": of_frames(copies),
    "3 levels": of_frames(lambda rows, rng: np.sign(rows) * (np.abs(rows) > 0.5)),
    "binary": of_frames(lambda rows, rng: rows > rng.normal(size=rows.shape[1]) / 2),
    "exponentials": of_frames(lambda rows, rng: np.exp(1.5 * rows)),
    "softmax": of_frames(lambda rows, rng: np.exp(2 * rows) / np.exp(2 * rows).sum(1)[:, None]),
    "drift": of_frames(drifting),
    "spikes": of_frames(spikes),
    "every third": of_times(lambda length, rng: np.arange(0, length, 3)),
    "repeated": of_times(lambda length, rng: np.repeat(np.arange(length), rng.poisson(3, length))),
}


def draw(change: str, groups: list[Group], rng: Rng) -> Group:
    """Change some recordings of a set, until two classes are left."""
    group = groups[int(rng.integers(len(groups)))]
    while True:
        changed = CHANGES[change](cut(group, rng), rng)
        if sum(map(len, changed.features)) > FRAMES or len(changed.features) > RECORDINGS:
            some = changed.features[:RECORDINGS], changed.ground_truth[:RECORDINGS]
            changed = cut(Group(*some), rng)
        if changed.n_actions > 1:
            return changed


def altered_sets(
    present: dict[str, list[Group]], changes: Sequence[str], number: int, each: int
) -> dict[str, list[Group]]:
    """Some of the sets for each change, changed: the same for a number, of the same sets."""
    found = {}
    for change in changes:
        rng = np.random.default_rng([number, list(CHANGES).index(change)])
        for name in rng.choice(list(present), min(each, len(present)), replace=False):
            found[f"{name}, {change}, {number}"] = [draw(change, present[name], rng)]
    return found


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.helps.altered")
    parser.add_argument("--changes", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--draw", type=int, default=0, help="which sets are drawn (0)")
    parser.add_argument("--each", type=int, default=3, help="sets for each change (3)")
    parser.add_argument("--out", type=Path, help="the figures, as JSON; gone on with if it exists")
    options = parser.parse_args(words)
    try:
        report = read_report(options.out)
        present, absent = read_sets(list(SETS))
        tell_absent(absent)
        sets = altered_sets(present, options.changes, options.draw, options.each)
        told = partial(print, file=sys.stderr, flush=True)
        measure(report, sets, ("kmeans", "paper", "default"), 1, options.out, told)
    except AsotError as error:
        parser.exit(1, f"{error}\n")
    print(sets_table(report))


if __name__ == "__main__":
    share_threads(1)
    main()
