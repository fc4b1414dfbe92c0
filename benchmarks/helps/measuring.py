"""Measuring, cell by cell: a set, a variant, a seed. What is in the file is not measured again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asot import ActionSegmenter
from asot.errors import DataError
from asot.files import write_json
from asot.metrics import evaluate
from benchmarks.helps.sets import Group, facts
from benchmarks.helps.variants import VARIANTS, Case

SCORES = ("mof", "miou", "f1@25", "f1@50", "boundary_f1")


def read_report(path: Path | None) -> dict[str, Any]:
    """The figures so far: ``{"sets": facts, "cells": {set: {variant: {seed: scores}}}}``.

    And ``{"ranking": {set: {seed: ...}}}``, if it was asked for.
    """
    if path is None or not path.exists():
        return {"sets": {}, "cells": {}}
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(report, dict) or not {"sets", "cells"} <= set(report):
        raise DataError(f"{path} holds no figures of this benchmark: choose another --out.")
    return report


def measure(
    report: dict[str, Any],
    sets: dict[str, list[Group]],
    variants: Sequence[str],
    seeds: int,
    path: Path | None,
    told: Callable[[str], None],
) -> None:
    """Fill in the cells that are missing, and write the file after each.

    Parameters
    ----------
    report : dict
        As ``read_report`` gives it; filled in place.
    sets : dict
        Groups by set.
    variants : sequence of str
        Of ``VARIANTS``.
    seeds : int
        How many; 0, 1, ...
    path : Path or None
        Where the report is kept.
    told : callable
        Gets a line for each new cell.
    """
    for name, groups in sets.items():
        report["sets"][name] = facts(groups)
        cells = report["cells"].setdefault(name, {})
        for seed in range(seeds):
            cases = [Case(one.features, one.n_actions, seed) for one in groups]
            for variant in variants:
                figures = cells.setdefault(variant, {})
                if str(seed) in figures:
                    continue
                figures[str(seed)] = one = _scores(variant, groups, cases)
                told(f"{name} {variant} {seed}: " + " ".join(f"{100 * one[s]:.1f}" for s in SCORES))
                if path is not None:
                    write_json(path, report)


def _scores(variant: str, groups: Sequence[Group], cases: Sequence[Case]) -> dict[str, Any]:
    """Means over the groups of a set, with the seconds; one matching for each group.

    And what a team found of each group.
    """
    before = time.perf_counter()
    done = [VARIANTS[variant].segment(case) for case in cases]
    seconds = time.perf_counter() - before
    each = [one.labels_ if isinstance(one, ActionSegmenter) else one for one in done]
    found = [
        evaluate(labels, group.ground_truth) for labels, group in zip(each, groups, strict=True)
    ]
    scores = {name: float(np.mean([one[name] for one in found])) for name in SCORES}
    used = [len(np.unique(np.concatenate(labels))) for labels in each]
    counts = [1 + np.count_nonzero(np.diff(one)) for labels in each for one in labels]
    more: dict[str, Any] = {"used": float(np.mean(used)), "segments": float(np.mean(counts))}
    teams = [one for one in done if isinstance(one, ActionSegmenter) and one.evidence_.choice]
    if teams:
        more["found"] = [found_settings(one) for one in teams]
    # Of variants made of the default's learners, the first to be measured includes its fit.
    return scores | more | ({} if VARIANTS[variant].revotes else {"seconds": seconds})


def found_settings(segmenter: ActionSegmenter) -> dict[str, Any]:
    """What a fitted team found, and how right it holds itself to be."""
    evidence = segmenter.evidence_
    radius = None if evidence.radius is None else evidence.radius.chosen
    assert evidence.choice is not None
    about = {"n_actions": segmenter.n_actions_, "radius": radius}
    trust = {} if evidence.trust is None else evidence.trust.to_dict()
    return about | {"choice": evidence.choice.chosen} | trust
