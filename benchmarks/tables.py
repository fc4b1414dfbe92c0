"""The figures as tables on the terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from asot.metrics import SCORE_TITLES

# Tables that are piped into a file are not to be squeezed into 80 columns.
CONSOLE = Console(width=None if sys.stdout.isatty() else 150)


def show_machine(machine: dict[str, Any]) -> None:
    """One line of hardware and versions."""
    facts = (f"{name} {value}" for name, value in machine.items() if value is not None)
    CONSOLE.print(", ".join(facts), highlight=False)


def show_shape(one: dict[str, Any]) -> None:
    """A line for a shape as soon as it is measured."""
    times = ", ".join(f"{name} {value:.3f}" for name, value in one["milliseconds"].items())
    CONSOLE.print(f"{_shape(one)}: {times} ms", highlight=False)
    for name, reason in one["failed"].items():
        CONSOLE.print(f"  without {name}: {reason}", highlight=False)


def show_solver(results: list[dict[str, Any]], ours: str) -> None:
    """Times as ratios to the floor and to ours; J beside ours.

    "single" is ours to the fresh floor, both called once after all others, with cold caches.
    """
    others = dict.fromkeys(name for one in results for name in one["milliseconds"])
    names = [name for name in others if name not in ("floor", "fresh_floor", ours)]
    columns = ["B x N x K", "floor ms", f"{ours} ms", f"{ours} / floor", "/ fresh floor", "single"]
    times = Table(*columns, *(f"{name} / {ours}" for name in names), title="Solver, medians")
    values = Table("B x N x K", f"J of {ours}", *(f"J of {name}, less" for name in names))
    for one in results:
        ratios, reached = one["times_ours"], one["objective"]
        least = reached.get(ours)
        times.add_row(
            _shape(one),
            _of(one["milliseconds"].get("floor"), ".3f"),
            _of(one["milliseconds"].get(ours), ".3f"),
            _of(one["times_the_floor"].get(ours), ".2f"),
            _of(_ratio(one["milliseconds"], ours, "fresh_floor"), ".2f"),
            _of(_ratio(one["single_call_ms"], ours, "fresh_floor"), ".2f"),
            *(_of(ratios.get(name), ".1f") for name in names),
        )
        beside = [None if least is None else reached.get(name) for name in names]
        values.add_row(
            _shape(one),
            _of(least, ".6f"),
            *(_of(None if value is None else value - least, "+.0e") for value in beside),
        )
    for table in (times, values):
        table.columns[0].no_wrap = True
        CONSOLE.print(table)


def _ratio(times: dict[str, float], name: str, to: str) -> float | None:
    return times[name] / times[to] if name in times and to in times else None


def _shape(one: dict[str, Any]) -> str:
    return " x ".join(map(str, one["shape"]))


def show_summary(floor: dict[str, Any], ours: dict[str, Any], name: str) -> None:
    """Least, mean and greatest ratios over all shapes."""
    table = Table("ratio", "least", "geometric mean", "greatest", title="Over all shapes")
    rows = {f"{name} / floor": floor[name]} if name in floor else {}
    rows |= {
        f"{other} / {name}": ratios
        for other, ratios in ours.items()
        if other not in (name, "floor", "fresh_floor")
    }
    for title, one in rows.items():
        values = (one["least"], one["geometric_mean"], one["greatest"])
        table.add_row(title, *(f"{value:.2f}" for value in values))
    CONSOLE.print(table)


def show_scaling(report: dict[str, Any]) -> None:
    """The exponents of growth, and the memory."""
    for name, exponent in report["exponents"].items():
        times = ", ".join(
            f"{size}: {value:.1f} ms" for size, value in report["milliseconds"][name].items()
        )
        CONSOLE.print(f"time grows as {name}^{exponent:.2f} ({times})", highlight=False)
    if "peak_memory" in report:
        memory = report["peak_memory"]
        CONSOLE.print(
            f"{memory['n_frames']:,} x 20: {_of(memory['costs'], '.2f')} sizes of the cost, "
            "beside the cost",
            highlight=False,
        )


def show_memory(report: dict[str, Any]) -> None:
    """Peak memory, open files and time by the number of recordings, and the ratio of peaks."""
    for name, sizes in report.items():
        for size, one in sizes.items():
            if size == "ratio":
                line = f"peak memory of many recordings is {one:.2f} times that of few"
            else:
                line = f"{size:,} recordings: {one['peak_mb']:,.0f} MB, "
                line += f"{one['open_files']} open files, {one['cpu_s']:,.0f} s of CPU"
            CONSOLE.print(f"{name}: {line}", highlight=False)


def show_streaming(report: dict[str, Any]) -> None:
    """Times of single pushes, and agreement with the offline labels by delay."""
    table = Table(
        "K", "radius", "delay", "hop", "frames held", "frames/s", "real time",
        "median us", "99 % us", "worst us", "with a solve us", "late",
        title=f"Frames one by one; real time is {report['real_time']:,.0f} a second",
    )  # fmt: skip
    for one in report["pushes"]:
        times = one["microseconds"]
        table.add_row(
            *(str(one[name]) for name in ("n_actions", "radius", "delay", "hop", "frames_held")),
            f"{one['frames_per_second']:,.0f}",
            f"{one['times_real_time']:.1f} x",
            *(f"{value:,.0f}" for value in times.values()),
            f"{100 * one['share_later_than_a_frame']:.2f} %",
        )
    CONSOLE.print(table)
    for name, reason in report["absent"].items():
        CONSOLE.print(f"without {name}: {reason}", highlight=False)
    delays = report["agreement"][0]["by_delay_in_radii"]
    table = Table(
        "data", "parameters", "radius", "nearest", *(f"delay {d} r" for d in delays),
        title="Frames labelled as offline, percent",
    )  # fmt: skip
    for one in report["agreement"]:
        shares = (one["nearest"], *one["by_delay_in_radii"].values())
        names = (str(one[name]) for name in ("data", "parameters", "radius"))
        table.add_row(*names, *(f"{100 * share:.1f}" for share in shares))
    CONSOLE.print(table)


def show_training(report: dict[str, Any]) -> None:
    """Throughput of training and prediction, and where a step's time goes."""
    table = Table(
        "backend", "epoch s", "steps/s", "frames/s trained", "frames/s predicted",
        title=f"Training and prediction: {report['data']}",
    )  # fmt: skip
    for name, one in report["backends"].items():
        table.add_row(
            name,
            f"{one['epoch_seconds']:.3f}",
            f"{one['steps_per_second']:.0f}",
            f"{one['frames_per_second']:,.0f}",
            f"{one['predicted_frames_per_second']:,.0f}",
        )
    CONSOLE.print(table)
    for name, one in report["backends"].items():
        shares = ", ".join(f"{part} {100 * share:.0f} %" for part, share in one["step"].items())
        CONSOLE.print(f"a step with {name}: {shares}", highlight=False)


def show_script(report: dict[str, Any]) -> None:
    """The authors' training script beside ours, on the same files."""
    table = Table(
        "files", "epoch s, theirs", "ours", "ratio",
        "whole run s, theirs", "ours", "ratio", "processor s, theirs", "ours", "ratio",
        title=f"{report['data']}, {report['epochs']} epochs",
    )  # fmt: skip
    for kind, one in report["files"].items():
        if "failed" in one:
            CONSOLE.print(f"{kind}: {one['failed']}")
            continue
        theirs, ours = one["theirs"], one["ours"]
        table.add_row(
            kind,
            *(f"{part['epoch_seconds']:.3f}" for part in (theirs, ours)),
            f"{one['epoch_ratio']:.1f}",
            f"{theirs['wall_seconds']:.1f}",
            f"{ours['wall_seconds']:.1f}",
            f"{one['wall_ratio']:.1f}",
            f"{theirs['processor_seconds']:.1f}",
            f"{ours['processor_seconds']:.1f}",
            f"{one['processor_ratio']:.1f}",
        )  # fmt: skip
    CONSOLE.print(table)


def show_scores(report: dict[str, Any]) -> None:
    """The scores of the authors' script, by seed, and their mean and sample standard deviation."""
    names = ("mof", "miou", "f1@25", "edit", "legacy_f1", "mof by recording")
    table = Table(
        "seed", *(SCORE_TITLES.get(name, "MoF by recording") for name in names),
        title=f"the release's own script, {report['data']}, {report['epochs']} epochs, percent",
    )  # fmt: skip
    for seed, values in enumerate(report["seeds"]):
        table.add_row(str(seed), *(f"{100 * values[name]:.1f}" for name in names))
    if report["sd"] is not None:
        both = ((report["mean"][name], report["sd"][name]) for name in names)
        table.add_row("mean", *(f"{100 * mean:.1f} ± {100 * sd:.1f}" for mean, sd in both))
    CONSOLE.print(table)


def show_extraction(report: dict[str, Any]) -> None:
    """Milliseconds a frame, and the ratios that were asked for."""
    for rate, one in report["rates"].items():
        table = Table("", "ms a frame", "least", title=f"{report['clip']}, frames a second: {rate}")
        for name, value in one["milliseconds_a_frame"].items():
            least = one["least_milliseconds_a_frame"][name]
            table.add_row(name, f"{value:.2f}", f"{least:.2f}")
        CONSOLE.print(table)
        ratios = ", ".join(f"{name} {v:.1f}" for name, v in one["torch_times_ours"].items())
        CONSOLE.print(
            f"extraction takes {one['times_the_slower_alone']:.2f} of the slower of the two alone, "
            f"{one['times_both_in_turn']:.2f} of both in turn; times ours: {ratios}",
            highlight=False,
        )


def _of(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
