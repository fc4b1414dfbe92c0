"""How often the steps within actions are found, where actions are known.

    python -m benchmarks.sub_actions [--seeds N]

Generated recordings of four actions in a fixed order, of three, two, one and one step: each step is
a point in 16 dimensions, around that of its action, and noise is correlated in time. The table has,
for each true number of steps, how many actions were divided into how many, and the mean adjusted
Rand index of the frames of those with several, undivided ones counted as 0.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import adjusted_rand_score

from asot.data.frames import standardise
from asot.discover.steps import label_steps, learn_steps
from asot.simulation import make_recordings

PARTS = (3, 2, 1, 1)
MOST = 4
HEAD = (
    "| recordings | noise | 1 step | 2 steps | 3 steps | Rand index |",
    "|---|---|---|---|---|---|",
)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sub_actions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args(words)
    for line in HEAD:
        print(line)
    for count in (8, 20):
        for noise in (0.5, 1.0, 2.0):
            print(f"| {count} | {noise} | {measure(count, noise, options.seeds)} |", flush=True)


def measure(count: int, noise: float, seeds: int) -> str:
    """Return how many actions of each number of steps were divided into how many, and how well."""
    found: dict[int, Counter[int]] = {number: Counter() for number in PARTS}
    indices = []
    action = np.repeat(np.arange(len(PARTS)), PARTS)
    for seed in range(seeds):
        made = make_recordings(count, sum(PARTS), noise=noise, random_state=seed)
        places = 2 * np.random.default_rng(seed).normal(size=(len(PARTS), 16))
        labels = [action[one] for one in made.truths]
        features = [
            standardise(rows + places[own]) for rows, own in zip(made.features, labels, strict=True)
        ]
        learnt = learn_steps(features, labels, len(PARTS), MOST, seed=seed)
        steps = [label_steps(learnt, *pair) for pair in zip(features, labels, strict=True)]
        for place, (number, one) in enumerate(zip(PARTS, learnt, strict=True)):
            found[number][1 if one is None else len(one.centres)] += 1
            if number > 1:
                true, given = (
                    np.concatenate([a[b == place] for a, b in zip(some, labels, strict=True)])
                    for some in (made.truths, steps)
                )
                indices.append(adjusted_rand_score(true, given))
    counted = [
        ", ".join(f"{times} into {number}" for number, times in sorted(found[parts].items()))
        for parts in sorted(found)
    ]
    return " | ".join([*counted, f"{np.mean(indices):.2f}"])


if __name__ == "__main__":
    main()
