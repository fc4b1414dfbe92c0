"""Methods beside the paper's network, on the sets of ``benchmarks.helps``, as one command.

    python -m benchmarks.descendants --methods NAME ... [--sets NAME ...] [--settings paper ours]
                                     [--seeds N] --out FILE.jsonl

Each cell (settings, set, method, seed) is a line of FILE.jsonl; those that are there are not
measured again, so that a run goes on where it was stopped, and several may share a file. Settings
are "paper", the recipe of that name, or "ours": a single network with the default recipe's numbers,
radius and order prior found from the recordings. One matching for all recordings of a group. The
paper's network is always measured too. Without ``--methods``, what is there is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import share_threads

SETTINGS = ("paper", "ours")
SCORES = ("mof", "miou", "f1@25")
FIRST = "paper"
# Of sets whose columns fall into groups; the method "views" has a row on these alone.
VIEWS: dict[str, list[Any]] = {
    # accelerations, angular velocities
    "watch": [
        [column for column in range(36) if (column % 6 < 3) is first] for first in (True, False)
    ],
    "motions": [3, 3],  # accelerations, angular velocities
    "gestures": [15, 15],  # positions, velocities
    "elders": [3, 7],  # accelerations, the tag's radio
}
Cell = tuple[str, str, str, int]


def recipe_for(settings: str, group: Any, seed: int) -> Any:
    """Return the recipe of "paper" or of "ours", settled for the recordings of a group."""
    from asot.model.automatic import settle
    from asot.model.features import PreparedFeatures
    from asot.model.recipe import Recipe, load_recipe

    if settings == "paper":
        return load_recipe("paper")
    alone = replace(Recipe(), team=0)
    features = PreparedFeatures(group.features, alone.dataset.standardise)
    return settle(alone, features, group.n_actions, seed=seed)[0]


def measure(cell: Cell, groups: Sequence[Any]) -> dict[str, float]:
    """Fit a method to each group; return the means of its scores, and its seconds of processor."""
    from asot.benchmark.methods import find_method
    from asot.metrics import evaluate

    settings, name, method, seed = cell
    seconds, found = 0.0, []
    for group in groups:
        recipe = recipe_for(settings, group, seed)
        before = time.process_time()
        made = find_method(method).make(recipe, group.n_actions, seed, False)
        if method == "views":
            made.set_params(views=VIEWS[name])
        labels = made.fit_predict(group.features)
        seconds += time.process_time() - before
        found.append(evaluate(labels, group.ground_truth))
    means = {name: float(np.mean([one[name] for one in found])) for name in SCORES}
    return means | {"cpu_seconds": seconds}


def read_cells(path: Path) -> dict[Cell, dict[str, Any]]:
    """Read what was measured; a line that a killed run cut short is measured again."""
    cells: dict[Cell, dict[str, Any]] = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            one = json.loads(line)
        except ValueError:
            continue
        cells[one["settings"], one["set"], one["method"], one["seed"]] = one
    return cells


def tables(cells: dict[Cell, dict[str, Any]]) -> Iterator[str]:
    """Make a table for each of the settings: means over the sets, and gains in MoF by set.

    A method is compared with ``FIRST`` on the sets and seeds that both have.
    """
    for settings in dict.fromkeys(cell[0] for cell in cells):
        here = {cell[1:]: one for cell, one in cells.items() if cell[0] == settings}
        sets = list(dict.fromkeys(name for name, _, _ in here))
        titles = [
            "method", "sets", "MoF / mIoU / f1@25", "gain", "sets better : worse", "times the CPU",
            *sets,
        ]  # fmt: skip
        yield f"settings: {settings}\n"
        yield "| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|"
        for method in dict.fromkeys(name for _, name, _ in here):
            yield _row(here, sets, method)
        yield ""


def _row(here: dict[Any, dict[str, Any]], sets: Sequence[str], method: str) -> str:
    scores, gains, times = [], {}, []
    for name in sets:
        seeds = [s for n, m, s in here if (n, m) == (name, method) and (n, FIRST, s) in here]
        if seeds:
            own, first = (
                np.array([[here[name, one, seed][score] for score in SCORES] for seed in seeds])
                for one in (method, FIRST)
            )
            scores.append(own.mean(axis=0))
            gains[name] = 100 * (own - first).mean(axis=0)
            times.append([sum(here[name, one, s]["cpu_seconds"] for s in seeds) for one in
                          (method, FIRST)])  # fmt: skip
    if not gains:
        return f"| {method} |" + " |" * (5 + len(sets))
    slower = np.divide(*np.sum(times, axis=0))
    better = sum(one[0] > 0 for one in gains.values())
    worse = sum(one[0] < 0 for one in gains.values())
    return "| " + " | ".join(
        [
            method,
            str(len(gains)),
            " / ".join(f"{100 * one:.1f}" for one in np.mean(scores, axis=0)),
            " / ".join(f"{one:+.1f}" for one in np.mean(list(gains.values()), axis=0)),
            f"{better} : {worse}",
            f"{slower:.1f}",
            *(f"{gains[name][0]:+.1f}" if name in gains else "" for name in sets),
        ]
    ) + " |"  # fmt: skip


def main(words: Sequence[str] | None = None) -> None:
    from asot.benchmark.methods import find_method
    from asot.errors import AsotError
    from asot.model.network import warm_up
    from benchmarks.helps.sets import GENERATED, SETS, read_sets

    parser = argparse.ArgumentParser(prog="python -m benchmarks.descendants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--methods", nargs="*", default=[], metavar="NAME", help="of asot benchmark"
    )
    parser.add_argument("--sets", nargs="+", choices=SETS | GENERATED, default=list(SETS))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5, help="0, 1, ... (5)")
    parser.add_argument("--out", type=Path, required=True, help="the cells, a line each")
    options = parser.parse_args(words)
    try:
        methods = list(dict.fromkeys([FIRST, *options.methods])) if options.methods else []
        for method in methods:
            find_method(method)
        sets, absent = read_sets(options.sets if methods else [])
    except AsotError as error:
        parser.exit(1, f"{error}\n")
    for name, reason in absent.items():
        print(f"without {name}: {reason}", file=sys.stderr)
    cells = read_cells(options.out)
    if methods:
        warm_up()
    for seed in range(options.seeds):
        for name, groups in sets.items():
            for settings in options.settings:
                for method in methods:
                    cell = settings, name, method, seed
                    if cell in cells or (method == "views" and name not in VIEWS):
                        continue
                    one: dict[str, Any] = {"settings": settings, "set": name}
                    one |= {"method": method, "seed": seed} | measure(cell, groups)
                    cells[cell] = one
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(one) + "\n")
                    shown = " / ".join(f"{100 * one[score]:.1f}" for score in SCORES)
                    told = f"{name} {settings} {method} {seed}: {shown}, {one['cpu_seconds']:.1f} s"
                    print(told, file=sys.stderr, flush=True)
    print("\n".join(tables(cells)))


if __name__ == "__main__":
    # One thread, so that the seconds say something on a machine that others use.
    share_threads(1)
    main()
