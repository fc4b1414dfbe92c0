"""The figures as Markdown: a row a set, a row a variant, and where each change comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.discover.verdict import HIGHEST, LOWEST
from benchmarks.helps.ranking import SCORINGS, SHOWN, TODAYS, ranked
from benchmarks.helps.sets import GENERATED, SETS
from benchmarks.helps.variants import VARIANTS

ACROSS = ("default", "kmeans", "kmeans-raw", "paper")
SCALES = {
    "default": "1, .8, .6 and .45",
    "one-scale": "1",
    "scales-0.7": "1 and .7",
    "scales-0.5": "1 and .5",
}
Cells = dict[str, dict[str, Any]]
Rows = list[list[str]]


def tables(report: dict[str, Any]) -> str:
    """All tables, in percent.

    Parameters
    ----------
    report : dict
        As ``measuring.read_report`` gives it.
    """
    parts = []
    if any(report["cells"].values()):
        parts.append(sets_table(report))
    if any("default" in one for one in report["cells"].values()):
        parts += [_left_out_scales(report), _variants(report), _by_set(report)]
        parts += [_trust(report), _numbers(report)]
    if report.get("ranking"):
        parts += _ranking(report)
    return "\n\n".join(filter(None, parts))


def left_out(figures: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each row, the column that is best on the mean of the other rows."""
    return (figures.sum(axis=0) - figures).argmax(axis=1)


def sets_table(report: dict[str, Any]) -> str:
    """The default beside k-means and the paper's network, and the means over the sets."""
    columns = ["default", "k-means", "k-means, raw", "the paper's network"]
    about = ["recordings", "K", "frames", "segments"]
    head = ["MoF / mIoU / f1@25", *about, *columns, "the default less the better"]
    rows, found = [], []
    for name in _present(report):
        facts, cells = report["sets"][name], report["cells"][name]
        figures = [_scored(cells.get(variant, {})) for variant in ACROSS]
        default, kmeans, _, paper = figures
        gain = default - np.maximum(kmeans, paper)
        found.append([*figures, gain])
        numbers = [_number(facts[one]) for one in ("recordings", "n_actions", "frames", "segments")]
        compared = _slashed(gain[:, 0], "+.1f")
        rows.append([_title(name), *numbers, *map(_with_spread, figures), compared])
    if len(found) > 1:
        *means, gain = np.mean(found, axis=0)
        rows.append(["mean", *[""] * 4, *map(_with_spread, means), _slashed(gain[:, 0], "+.1f")])
    below = [sum(gain[0, 0] < -points for *_, gain in found) for points in (2, 5)]
    told = f"MoF more than 2 below the better: {below[0]} of {len(found)}, more than 5: {below[1]}."
    return f"{_markdown(head, rows)}\n\n{told}"


def _left_out_scales(report: dict[str, Any]) -> str:
    """For each set, the scales of the team that the other sets choose, and what the set gets."""
    names, seeds = _common(report, *SCALES)
    if len(names) < 2:
        return ""
    figures = np.array([_table(report, one, names, seeds).mean(axis=1) for one in SCALES])
    chosen = left_out(figures.mean(axis=2).T)
    taken = figures[chosen, np.arange(len(names))]
    titles = [list(SCALES.values())[at] for at in chosen]
    rows = [[_title(name), title] for name, title in zip(names, titles, strict=True)]
    values = _with_mean(taken), _with_mean(taken - figures[0])
    rows.append(["mean", ""])
    for row, own, less in zip(rows, *values, strict=True):
        row += [_slashed(own, ".1f"), _slashed(less, "+.1f")]
    head = ["", "scales chosen by the other sets", "MoF / mIoU / f1@25", "less the default"]
    return _markdown(head, rows)


def _trust(report: dict[str, Any]) -> str:
    """The estimated MoF beside the true one, and with the estimate's constants fitted elsewhere."""
    names, parts, figures, words = [], [], [], []
    for name in _present(report):
        cells = [one for one in report["cells"][name].get("default", {}).values() if "found" in one]
        # Nothing is known of a single recording in which no action comes again.
        found = [one for cell in cells for one in cell["found"] if "estimate" in one]
        if not found:
            continue
        names.append(name)
        own = [one["borne_out"] * np.array([1, one["agreement"]]) for one in found]
        parts.append(np.mean(own, axis=0))
        estimate = np.mean([one["estimate"] for one in found])
        figures.append([estimate, np.nan, np.mean([cell["mof"] for cell in cells])])
        words.append([_counted([one[key] for one in found]) for key in ("verdict", "choice")])
        radii = [one["radius"] for one in found]
        words[-1].append(" to ".join(map(str, sorted({min(radii), max(radii)}))))
    if len(names) < 2:
        return ""
    values, terms = np.array(figures), np.array(parts)
    for at in range(len(names) if len(names) > terms.shape[1] + 1 else 0):
        others = np.arange(len(names)) != at
        fitted = np.linalg.lstsq(terms[others], values[others, 2], rcond=None)[0]
        values[at, 1] = np.clip(terms[at] @ fitted, LOWEST, HIGHEST)
    rows = [
        [_title(name), *(_slashed([100 * one], ".1f") for one in row), *said]
        for name, row, said in zip(names, values, words, strict=True)
    ]
    rho = [_slashed([_spearman(values[:, at], values[:, 2])], ".2f") for at in (0, 1)]
    rows.append(["rank correlation with the true", *rho, *[""] * 4])
    head = ["MoF", "estimated", "estimated, fitted to the other sets", "true", "verdicts"]
    return _markdown([*head, "candidates chosen", "radii"], rows)


def _numbers(report: dict[str, Any]) -> str:
    """The numbers of actions found, and what finding them costs."""
    rows, within, costs = [], [], []
    names, _ = _common(report, "auto")
    for name in names:
        cells, true = report["cells"][name], report["sets"][name]["each"]
        seeds = [seed for seed in cells["auto"] if seed in cells["default"]]
        found = np.array([[one["n_actions"] for one in cells["auto"][s]["found"]] for s in seeds])
        within.append(np.mean(np.abs(found - true) <= 2))
        change = _table(report, "auto", [name], seeds) - _table(report, "default", [name], seeds)
        costs.append(change.mean(axis=(0, 1)))
        numbers = ", ".join(_number(one) for one in found.mean(axis=1))
        shares = f"{100 * within[-1]:.0f} %"
        rows.append([_title(name), numbers, _number(np.mean(true)), shares])
    if not rows:
        return ""
    close = np.mean(np.abs(costs)[:, 0] <= 4)
    rows.append(["mean", "", "", f"{100 * np.mean(within):.0f} %"])
    for row, cost in zip(rows, _with_mean(np.array(costs)), strict=True):
        row.append(_slashed(cost, "+.1f"))
    rows.append(["within 4 MoF", *[""] * 3, f"{100 * close:.0f} % of the sets"])
    head = ["number of actions", "found, by seed", "true", "within 2", "K found less K given"]
    return _markdown(head, rows)


def _ranking(report: dict[str, Any]) -> list[str]:
    """How the score ranks segmentations by set, and its variants chosen leaving one set out."""
    names = [name for name in _present(report) if name in report["ranking"]]
    figures = np.array(
        [[ranked(report["ranking"][name], one) for one in SCORINGS] for name in names]
    )
    titles, todays = list(SCORINGS), list(SCORINGS).index(TODAYS)
    chosen = left_out(figures[:, :, 0]) if len(names) > 1 else np.full(len(names), todays)
    rows = [[_title(name)] for name in names] + [["mean"]]
    taken = figures[np.arange(len(names)), chosen]
    values = _with_mean(figures[:, todays]), _with_mean(taken)
    for row, own, other in zip(rows, *values, strict=True):
        row += [f"{own[0]:.2f}", *(f"{one:.1f}" for one in own[1:])]
        row += [f"{other[0]:.2f}", f"{other[1]:.1f}"]
    for row, name, at in zip(rows[:-1], names, chosen, strict=True):
        default = _scored(report["cells"].get(name, {}).get("default", {}))[:, 0].mean()
        row += [titles[at], _slashed([default], ".1f")]
    rows[-1] += ["", ""]
    head = ["mean of the three", "rank correlation", "highest gain", "best", "mean"]
    head += ["rank correlation, left out", "highest gain, left out", "chosen by the others"]
    by_variant = [
        [title, f"{mean[0]:.2f}", f"{mean[1]:.1f}", str(np.count_nonzero(chosen == at))]
        for at, (title, mean) in enumerate(zip(titles, figures.mean(axis=0), strict=True))
    ]
    columns = ["the score", "rank correlation", "highest gain", "sets that get it, left out"]
    return [_markdown([*head, "the default"], rows), _markdown(columns, by_variant)]


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
    known = [name for name in (*SETS, *GENERATED) if name in report["sets"]]
    return known + [name for name in report["sets"] if name not in known]


def _common(report: dict[str, Any], *variants: str) -> tuple[list[str], list[str]]:
    """Sets that have the variants and the default, and the seeds that all of these have of all."""
    every = {
        name: set.intersection(*(set(cells.get(one, {})) for one in ("default", *variants)))
        for name in _present(report)
        for cells in [report["cells"].get(name, {})]
    }
    names = [name for name, seeds in every.items() if seeds]
    seeds = sorted(set.intersection(*(every[name] for name in names))) if names else []
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


def _scored(cells: Cells) -> NDArray[np.float64]:
    """Mean and standard deviation over seeds of each score, (3, 2), percent."""
    if not cells:
        return np.full((len(SHOWN), 2), np.nan)
    scores = np.array([[100 * one[key] for key in SHOWN] for one in cells.values()])
    return np.stack([scores.mean(axis=0), _spread(scores)], axis=1)


def _with_spread(figures: NDArray[np.float64]) -> str:
    if np.isnan(figures[:, 0]).any():
        return "-"
    return " / ".join(
        f"{mean:.1f}" + ("" if np.isnan(spread) else f"±{spread:.1f}") for mean, spread in figures
    )


def _with_mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([rows, rows.mean(axis=0)])


def _spearman(a: ArrayLike, b: ArrayLike) -> float:
    from scipy.stats import spearmanr

    return float("nan") if np.isnan(a).any() else float(spearmanr(a, b)[0])


def _counted(words: Sequence[str]) -> str:
    counts = Counter(words).most_common()
    return ", ".join(one if len(counts) == 1 else f"{one} {count}" for one, count in counts)


def _title(name: str) -> str:
    known = SETS | GENERATED
    return known[name].title if name in known else name


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def _slashed(values: Sequence[float] | NDArray[np.float64], form: str) -> str:
    return "-" if np.isnan(values).any() else " / ".join(format(one, form) for one in values)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
