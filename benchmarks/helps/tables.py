"""The figures as Markdown: a row a set, a row a variant, and where each change comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.helps.release import RAW, STANDARDISED, Figures
from benchmarks.helps.sets import GENERATED, SETS
from benchmarks.helps.variants import VARIANTS

SHOWN = ("mof", "miou", "f1@25")
ACROSS = ("default", "kmeans", "kmeans-raw")
Cells = dict[str, dict[str, float]]


def tables(report: dict[str, Any]) -> str:
    """All tables, in percent.

    Parameters
    ----------
    report : dict
        As ``measuring.read_report`` gives it.
    """
    parts = [_sets(report)]
    if any("default" in one for one in report["cells"].values()):
        parts += [_variants(report), _by_set(report)]
    return "\n\n".join(parts)


def _sets(report: dict[str, Any]) -> str:
    """The default beside k-means and the release, and the means over the sets."""
    columns = ["default", "k-means", "k-means, raw", "release", "release, raw"]
    head = ["MoF / mIoU / f1@25", "recordings", "K", "frames", "segments", *columns]
    rows, found = [], []
    for name in _present(report):
        about, cells = report["sets"][name], report["cells"][name]
        figures = [_scored(cells.get(variant, {})) for variant in ACROSS]
        figures += [None if one is None else np.array(one) for one in _released(name)]
        found.append(figures)
        numbers = [_number(about[one]) for one in ("recordings", "n_actions", "frames", "segments")]
        rows.append([(SETS | GENERATED)[name].title, *numbers, *map(_with_spread, figures)])
    if len(found) > 1:
        row = ["mean", *[""] * 4]
        for column in zip(*found, strict=True):
            means = [one[:, 0] for one in column if one is not None]
            whole = len(means) == len(found)
            row.append(_slashed(np.mean(means, axis=0), ".1f") if whole else "-")
        rows.append(row)
    return _markdown(head, rows)


def _released(name: str) -> tuple[Figures | None, Figures | None]:
    return STANDARDISED.get(name), RAW.get(name)


def _variants(report: dict[str, Any]) -> str:
    head = ["", "sets x seeds", "MoF / mIoU / f1@25", "less the default", "sd"]
    rows = []
    for variant, one in VARIANTS.items():
        names, seeds = _common(report, variant)
        if not names:
            continue
        scores = _table(report, variant, names, seeds)
        change = scores - _table(report, "default", names, seeds)
        rows.append(
            [
                one.title,
                f"{len(names)} x {len(seeds)}",
                _slashed(scores.mean(axis=(0, 1)), ".1f"),
                "" if variant == "default" else _slashed(change.mean(axis=(0, 1)), "+.1f"),
                _slashed(_spread((scores if variant == "default" else change).mean(axis=0)), ".1f"),
            ]
        )
    return _markdown(head, rows)


def _by_set(report: dict[str, Any]) -> str:
    """The change in the mean of the three scores, set by set."""
    names = [name for name in _present(report) if "default" in report["cells"][name]]
    rows = []
    for variant, one in VARIANTS.items():
        row = [one.title]
        for name in names:
            cells = report["cells"][name]
            seeds = [seed for seed in cells["default"] if seed in cells.get(variant, {})]
            if not seeds:
                row.append("-")
                continue
            change = _table(report, variant, [name], seeds)
            if variant != "default":
                change = change - _table(report, "default", [name], seeds)
            row.append(format(change.mean(), ".1f" if variant == "default" else "+.1f"))
        if set(row[1:]) != {"-"}:
            rows.append(row)
    return _markdown(["mean of the three", *names], rows)


def _present(report: dict[str, Any]) -> list[str]:
    return [name for name in (*SETS, *GENERATED) if name in report["sets"]]


def _common(report: dict[str, Any], variant: str) -> tuple[list[str], list[str]]:
    """Sets that have the variant and the default, and the seeds that all of these have of both."""
    both = {
        name: set(cells.get("default", {})) & set(cells.get(variant, {}))
        for name in _present(report)
        for cells in [report["cells"][name]]
    }
    names = [name for name, seeds in both.items() if seeds]
    seeds = sorted(set.intersection(*(both[name] for name in names))) if names else []
    return (names, seeds) if seeds else ([], [])


def _table(
    report: dict[str, Any], variant: str, names: Sequence[str], seeds: Sequence[str]
) -> NDArray[np.float64]:
    """Percent, by set, seed and score."""
    cells = report["cells"]
    return np.array(
        [
            [[100 * cells[name][variant][seed][key] for key in SHOWN] for seed in seeds]
            for name in names
        ]
    )


def _spread(by_seed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation over seeds; not a number for one seed."""
    return by_seed.std(axis=0, ddof=1) if len(by_seed) > 1 else np.full(by_seed.shape[1], np.nan)


def _scored(cells: Cells) -> NDArray[np.float64] | None:
    """Mean and standard deviation over seeds of each score, (3, 2), percent."""
    if not cells:
        return None
    scores = np.array([[100 * one[key] for key in SHOWN] for one in cells.values()])
    return np.stack([scores.mean(axis=0), _spread(scores)], axis=1)


def _with_spread(figures: NDArray[np.float64] | None) -> str:
    if figures is None:
        return "-"
    return " / ".join(
        f"{mean:.1f}" + ("" if np.isnan(spread) else f"±{spread:.1f}") for mean, spread in figures
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def _slashed(values: NDArray[np.float64], form: str) -> str:
    return "-" if np.isnan(values).any() else " / ".join(format(one, form) for one in values)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
