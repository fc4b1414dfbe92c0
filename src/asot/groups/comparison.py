"""Groups compared: a test of each action and measure, all corrected together, and of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from asot.groups.design import FEWEST, MEASURES, Design, Units
from asot.groups.effects import Array, effect_of
from asot.groups.testing import chance, corrected, find_test, least_chance, permuted
from asot.text import listing, plural

LEVEL = 0.05
# What the groups are compared by as a whole.
WHOLE = {
    "shares": "the shares of all actions",
    "transitions": "what follows what, as shares of all transitions",
}


@dataclass(frozen=True, slots=True)
class ActionTest:
    """A test of one action and measure, of all groups or of a pair of them.

    ``n`` are the units of each group that have a value, ``means`` their means. ``p`` is NaN where
    there was nothing to test; ``differs`` is what remains at 5 % after the correction, of a pair
    only where the groups differ as a whole.
    """

    model: str
    action: str
    measure: str
    groups: tuple[str, ...]
    n: tuple[int, ...]
    means: tuple[float, ...]
    test: str
    statistic: float
    p: float
    effect: str
    size: float
    low: float
    high: float
    p_adjusted: float = np.nan
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Overall:
    """A permutation test of all actions together: ``what`` is of :data:`WHOLE`."""

    model: str
    what: str
    groups: tuple[str, ...]
    n: tuple[int, ...]
    r_squared: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """What was tested: each action, pairs of more than two groups, and all actions together.

    ``remarks`` are sentences that people should see before they read p-values.
    """

    tests: list[ActionTest]
    pairs: list[ActionTest]
    overall: list[Overall]
    remarks: list[str]


def compare(
    models: Mapping[str, tuple[Sequence[str], Sequence[Units]]], design: Design
) -> Comparison:
    """Compare the groups of each model, given its actions and the units of each group.

    Actions that occur nowhere are not tested. The p-values of all actions, measures and models are
    corrected together, and those of all pairs of groups together.
    """
    tests: list[ActionTest] = []
    pairs: list[ActionTest] = []
    overall: list[Overall] = []
    remarks: list[str] = []
    for model, (actions, groups) in models.items():
        few = [one.group for one in groups if len(one.names) < FEWEST]
        kept = [one for one in groups if one.group not in few]
        where = f"{model}: " if len(models) > 1 else ""
        if few and groups:
            rule = f"fewer than {FEWEST} {design.unit}s, so nothing is compared with"
            remarks.append(f"{where}{listing(few)} {_has(few)} {rule} {_them(few)}.")
        if len(kept) < 2:
            remarks.append(f"{where}there are no two groups to compare.")
            continue
        tests += _tests(model, actions, kept, design)
        if len(kept) > 2:
            for pair in combinations(kept, 2):
                pairs += _tests(model, actions, pair, design)
        overall += _overall(model, kept, design)
    tests = _adjusted(tests, design)
    found = {(one.model, one.action, one.measure) for one in tests if one.differs}
    pairs = [
        replace(one, differs=one.differs and (one.model, one.action, one.measure) in found)
        for one in _adjusted(pairs, design)
    ]
    for model, (_, groups) in models.items():
        kept = [one for one in groups if len(one.names) >= FEWEST]
        where = f"{model}: " if len(models) > 1 else ""
        remarks += [where + sentence for sentence in _too_small(kept, tests, design)]
    return Comparison(tests, pairs, overall, remarks)


def _tests(
    model: str, actions: Sequence[str], groups: Sequence[Units], design: Design
) -> Iterator[ActionTest]:
    names = tuple(one.group for one in groups)
    procedure = find_test(design.test, design.paired, len(groups))
    used = np.sum([one.values["count"].sum(axis=0) for one in groups], axis=0)
    for place, action in enumerate(actions):
        if not used[place]:
            continue
        for measure in design.measures:
            samples = _known([one.values[MEASURES[measure][0]][:, place] for one in groups], design)
            sizes = tuple(map(len, samples))
            means = tuple(float(one.mean()) if len(one) else np.nan for one in samples)
            statistic, p, size = np.nan, np.nan, (np.nan, np.nan, np.nan)
            if min(sizes) >= FEWEST:
                statistic, p = chance(samples, design.test, design.paired)
                size = effect_of(samples, procedure.size, design.paired, design.seed)
            yield ActionTest(
                *(model, action, measure, names, sizes, means, procedure.name, statistic, p),
                *(procedure.effect, *size),
            )


def _known(columns: Sequence[Array], design: Design) -> list[Array]:
    """Leave out units without a value; of paired units, those that lack one in any group."""
    known = [np.isfinite(one) for one in columns]
    if design.paired:
        known = [np.logical_and.reduce(known)] * len(columns)
    return [one[there] for one, there in zip(columns, known, strict=True)]


def _overall(model: str, groups: Sequence[Units], design: Design) -> Iterator[Overall]:
    names = tuple(one.group for one in groups)
    for what in WHOLE:
        if what == "shares":
            rows = [one.values["share"] for one in groups]
        else:
            counts = [one.transitions.reshape(len(one.names), -1) for one in groups]
            there = [one.sum(axis=1) > 0 for one in counts]
            if design.paired:
                there = [np.logical_and.reduce(there)] * len(groups)
            counts = [one[own] for one, own in zip(counts, there, strict=True)]
            rows = [one / one.sum(axis=1, keepdims=True) for one in counts]
        sizes = tuple(map(len, rows))
        if min(sizes) >= FEWEST:
            found = permuted(np.concatenate(rows), sizes, design.paired, design.seed)
            yield Overall(model, what, names, sizes, *found)


def _adjusted(tests: Sequence[ActionTest], design: Design) -> list[ActionTest]:
    chances = corrected([one.p for one in tests], design.correction)
    return [
        replace(one, p_adjusted=p, differs=p <= LEVEL)
        for one, p in zip(tests, chances, strict=True)
    ]


def _too_small(
    groups: Sequence[Units], tests: Sequence[ActionTest], design: Design
) -> Iterator[str]:
    """Say where tests of ranks cannot find a difference, however large it is."""
    if design.test != "rank" or len(groups) < 2:
        return
    sizes = tuple(len(one.names) for one in groups)
    least = least_chance(sizes, design.paired)
    n_tests = sum(np.isfinite(one.p) for one in tests)
    counts = (
        f"{sizes[0]} pairs" if design.paired else f"{' and '.join(map(str, sizes))} {design.unit}s"
    )
    even = f"{counts} are few: groups that do not overlap at all have p = {least:.2g}"
    if least > LEVEL:
        enough = next(
            n for n in range(2, 99) if least_chance((n,) * len(groups), design.paired) <= LEVEL
        )
        yield (
            f"{even}, so that no difference can ever be found at {LEVEL:.0%}: it takes {enough} in "
            "each."
        )
    elif least * n_tests > LEVEL:
        yield (
            f"{even}, and {min(1, least * n_tests):.2g} after the correction for "
            f"{plural(n_tests, 'test')} where nothing else differs: a single difference cannot be "
            "found, several at once can. Record more, or name fewer measures before you look "
            "(--measures)."
        )


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
