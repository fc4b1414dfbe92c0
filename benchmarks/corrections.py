"""What corrected segments are worth: scores against their number, as one command.

    python -m benchmarks.corrections [--sets NAME ...] [--seeds N] [--draws N] [--out FILE.json]
                                     [--plot FILE.png]

A person who knows the truth looks at whole predicted segments, and says the right action of each of
their frames. Which ones is asked by doubt, frames times (1 - mean confidence), or at random; after
each number of segments the methods learn, and doubt is that of their result. All frames count,
corrected ones too; "others" are the frames that nobody looked at. The sets are those of
``benchmarks.helps``. Figures in FILE.json are kept and not measured again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from asot import ActionSegmenter
from asot.discover.prototypes import window_mean
from asot.errors import AsotError
from asot.files import write_json
from asot.metrics import evaluate
from asot.model.corrected import UNKNOWN, learn_corrected
from asot.model.features import prepare
from asot.model.team import Learner, TeamModel
from asot.timeline.segments import run_lengths
from benchmarks.helps.measuring import read_report
from benchmarks.helps.sets import GENERATED, SETS, Group, read_sets
from benchmarks.machine import machine

Labels = list[NDArray[np.int64]]
Sure = list[NDArray[np.float32]]
# Scores by name after each of COUNTS; None where no frame is left to score.
Curve = list[dict[str, float | None]]
COUNTS = (0, 2, 5, 10, 20, 40)
SCORES = ("mof", "miou", "f1@25")
JUDGED = "watch", "salads", "coffee"


@dataclass(frozen=True)
class Remembering(Learner):
    """A learner that answers a recording once, as its own answers never change."""

    answers: dict[tuple[str, int], Any]

    def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """As any learner, once."""
        return self._answer("labels", features)

    def embedding(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """As any learner, once."""
        return self._answer("embedding", features)

    def _answer(self, what: str, features: NDArray[np.float32]) -> Any:
        key = what, features.__array_interface__["data"][0]
        if key not in self.answers:
            self.answers[key] = getattr(super(), what)(features)
        return self.answers[key]


class Case:
    """Recordings, their truth, and a team that was fitted without any label."""

    def __init__(self, group: Group, seed: int) -> None:
        classes = np.unique(np.concatenate(group.ground_truth))
        self.truth = [np.searchsorted(classes, one) for one in group.ground_truth]
        self.n_actions = len(classes)
        fitted = ActionSegmenter(self.n_actions, random_state=seed).fit(group.features)
        self.features = [prepare(one, True) for one in group.features]
        learners = [Remembering(**vars(one), answers={}) for one in fitted.model_.learners]
        self.team: TeamModel = replace(fitted.model_, learners=learners)

    def nothing(self) -> Labels:
        """What is known before anybody looked."""
        return [np.full_like(one, UNKNOWN) for one in self.truth]

    @cached_property
    def first(self) -> tuple[Labels, Sure]:
        """The result without any correction."""
        return self.decoded(self.team, self.nothing())

    def decoded(self, team: TeamModel, known: Labels) -> tuple[Labels, Sure]:
        """A team's labels of the recordings, and how sure they are."""
        pairs = zip(self.features, known, strict=True)
        found = [team.decode(torch.from_numpy(frames), own) for frames, own in pairs]
        labels = [one.labels.numpy() for one in found]
        sure = [
            one.assignment.numpy()[np.arange(len(own)), own]
            for one, own in zip(found, labels, strict=True)
        ]
        return labels, sure


Method = Callable[[Case, Labels], tuple[Labels, Sure]]


def learnt(case: Case, known: Labels) -> tuple[Labels, Sure]:
    """The library's: the vote is moved."""
    arguments = case.team, case.features, known, case.n_actions
    return case.decoded(learn_corrected(*arguments, matched=True), known)


def pasted(case: Case, known: Labels) -> tuple[Labels, Sure]:
    """Corrected frames over the prediction, whose actions get the classes they share most with."""
    labels, sure = case.first
    shared = np.zeros((case.n_actions, case.n_actions))
    for own, said in zip(labels, known, strict=True):
        np.add.at(shared, (own[said >= 0], said[said >= 0]), 1)
    from scipy.optimize import linear_sum_assignment

    number = linear_sum_assignment(-shared)[1]
    pairs = zip(labels, known, strict=True)
    return [np.where(said >= 0, said, number[own]) for own, said in pairs], sure


def classified(case: Case, known: Labels, *, decode: bool) -> tuple[Labels, Sure]:
    """Logistic regression on smoothed frames, on the corrected ones alone."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    radius = case.team.recipe.transport_eval.radius
    half = max(1, round(int(radius) / 2))
    rows = np.concatenate([window_mean(one, half) for one in case.features])
    rows, said = StandardScaler().fit_transform(rows), np.concatenate(known)
    shares = np.zeros((len(rows), case.n_actions))
    classes = np.unique(said[said >= 0])
    shares[:, classes] = 1.0
    if len(classes) > 1:
        own = np.flatnonzero(said >= 0)
        own = own[:: max(1, len(own) // 5_000)]
        model = LogisticRegression(max_iter=300).fit(rows[own], said[own])
        shares[:, classes] = model.predict_proba(rows)
    each = np.split(shares, np.cumsum([len(one) for one in known])[:-1])
    labels = [one.argmax(axis=1) for one in each]
    if decode:
        solved = partial(case.team.decoding.solve, recipe=case.team.recipe)
        triples = zip(each, case.features, known, strict=True)
        labels = [solved(own, frames, known=said).labels.numpy() for own, frames, said in triples]
    found = [np.where(said >= 0, said, own) for own, said in zip(labels, known, strict=True)]
    return found, [one.max(axis=1).astype(np.float32) for one in each]


# By title: the method, and whether its own result says what is asked next, or that of the first.
METHODS: dict[str, tuple[Method, str]] = {
    "learnt, by doubt": (learnt, "doubt"),
    "learnt, all asked at once by doubt": (learnt, "at once"),
    "learnt, at random": (learnt, "random"),
    "only pasted, by doubt": (pasted, "doubt"),
    "only pasted, at random": (pasted, "random"),
    "classifier, as asked of the first": (partial(classified, decode=False), "as learnt"),
    "the same, decoded": (partial(classified, decode=True), "as learnt"),
}


def segments(labels: Labels, sure: Sure, known: Labels) -> Iterator[tuple[float, int, int, int]]:
    """Doubt, recording, start and end of the predicted segments that are mostly unseen."""
    for index, (own, confidence, said) in enumerate(zip(labels, sure, known, strict=True)):
        for start, end, _ in zip(*run_lengths(own), strict=True):
            free = said[start:end] == UNKNOWN
            if free.mean() >= 0.5:
                yield float((1.0 - confidence[start:end])[free].sum()), index, start, end


def look(case: Case, found: tuple[Labels, Sure], known: Labels, count: int, rng: Any) -> Labels:
    """What is known after ``count`` more segments: by doubt, or at random with an ``rng``."""
    there = list(segments(*found, known))
    order = np.argsort([-one[0] for one in there]) if rng is None else rng.permutation(len(there))
    known = [one.copy() for one in known]
    for _, index, start, end in (there[place] for place in order[:count].tolist()):
        own = known[index][start:end]
        own[own == UNKNOWN] = case.truth[index][start:end][own == UNKNOWN]
    return known


def curve(case: Case, title: str, draw: int = 0) -> Curve:
    """The scores after each number of corrected segments."""
    method, how = METHODS[title]
    rng = np.random.default_rng(draw) if how == "random" else None
    asked, known = case.first, case.nothing()
    rows = [scores(case, asked[0], known)]
    for before, count in pairwise(COUNTS):
        if how == "at once":
            known = look(case, case.first, case.nothing(), count, None)
        else:
            known = look(case, asked, known, count - before, rng)
        result = method(case, known)
        asked = learnt(case, known) if how == "as learnt" else result
        rows.append(scores(case, result[0], known))
    return rows


def scores(case: Case, labels: Labels, known: Labels) -> dict[str, float | None]:
    """In percent, of all frames; MoF of the frames that nobody looked at, by the same matching."""
    found = evaluate(labels, case.truth)
    numbers = np.full(max(int(one.max()) for one in labels) + 1, UNKNOWN)
    for action, number in cast(dict[int, int], found.matching).items():
        if action < len(numbers):
            numbers[action] = number
    joined, truth = numbers[np.concatenate(labels)], np.concatenate(case.truth)
    free = np.concatenate(known) == UNKNOWN
    others = 100 * float((joined == truth)[free].mean()) if free.any() else None
    return {name: 100 * float(found[name]) for name in SCORES} | {"others": others}


def measure(
    report: dict[str, Any], sets: dict[str, list[Group]], seeds: int, draws: int, path: Path | None
) -> None:
    """Fill in the curves that are missing, by set, title and seed; write the file after each."""
    for name, groups in sets.items():
        cells = report["cells"].setdefault(name, {})
        for seed in range(seeds):
            missing = [one for one in METHODS if str(seed) not in cells.get(one, {})]
            cases = [Case(one, seed) for one in groups] if missing else []
            for title in missing:
                times = draws if METHODS[title][1] == "random" else 1
                found = [curve(case, title, draw) for case in cases for draw in range(times)]
                mean = mean_of(found)
                cells.setdefault(title, {})[str(seed)] = mean
                print(f"{name} {title} {seed}: {_row(mean)}", file=sys.stderr, flush=True)
                if path is not None:
                    write_json(path, report)


def table(report: dict[str, Any], name: str | None) -> str:
    """MoF / mIoU / f1@25 / MoF of the others, means over seeds: of a set, or of all of them."""
    head = f"| {name or 'mean of the sets'} | " + " | ".join(map(str, COUNTS)) + " |"
    lines = [head, "| --- " * (len(COUNTS) + 1) + "|"]
    lines += [f"| {title} | {_row(mean_curve(report, title, name))} |" for title in METHODS]
    return "\n".join(lines)


def mean_curve(report: dict[str, Any], title: str, name: str | None) -> Curve:
    """The mean over seeds of a set, or the mean of all sets."""
    named = [name] if name else list(report["cells"])
    curves = [one for each in named for one in report["cells"][each].get(title, {}).values()]
    return mean_of(curves)


def mean_of(curves: Sequence[Curve]) -> Curve:
    """The mean of curves, of those in which there are frames to score."""
    rows: Curve = []
    for each in zip(*curves, strict=True):
        known = {name: [one[name] for one in each if one[name] is not None] for name in each[0]}
        rows.append({name: float(np.mean(own)) if own else None for name, own in known.items()})
    return rows


def _row(rows: Curve) -> str:
    def shown(row: dict[str, float | None]) -> str:
        return " / ".join("-" if one is None else f"{one:.1f}" for one in row.values())

    return " | ".join(map(shown, rows))


def plot(report: dict[str, Any], path: Path) -> None:
    """Draw MoF against the number of corrected segments, a panel a set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(report["cells"]), 4), layout="constrained")
    panels = figure.subplots(1, len(report["cells"]), squeeze=False)[0]
    for panel, name in zip(panels, report["cells"], strict=True):
        for title in METHODS:
            panel.plot(COUNTS, [one["mof"] for one in mean_curve(report, title, name)], label=title)
        panel.set(title=name, xlabel="corrected segments", ylabel="MoF, %")
    panels[-1].legend(fontsize="small")
    figure.savefig(path)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corrections", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    known = SETS | GENERATED
    parser.add_argument("--sets", nargs="+", choices=known, default=JUDGED, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, ... (3)")
    parser.add_argument("--draws", type=int, default=4, help="random orders for each seed (4)")
    parser.add_argument("--out", type=Path, help="the figures, as JSON; gone on with if it exists")
    parser.add_argument("--plot", type=Path, help="the curves, as a picture")
    options = parser.parse_args(words)
    try:
        report = read_report(options.out)
        sets, absent = read_sets(options.sets)
        for name, reason in absent.items():
            print(f"without {name}: {reason}", file=sys.stderr)
        report["machine"] = machine()
        measure(report, sets, options.seeds, options.draws, options.out)
    except AsotError as error:
        parser.exit(1, f"{error}\n")
    print("\n\n".join(table(report, name) for name in (*report["cells"], None)))
    if options.plot:
        plot(report, options.plot)


if __name__ == "__main__":
    main()
