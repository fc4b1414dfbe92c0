"""The benchmark as one command.

    python -m benchmarks [--only solver|scaling|streaming|training|extraction] [--quick]
                         [--threads N] [--repeats R] [--release PATH] [--data DIR [--activity NAME]]
                         [--video FILE] [--out FILE.json]
    python -m benchmarks --only scores --release PATH --data DIR [--activity NAME] [--seeds N]
    python -m benchmarks --only memory [--quick]

The second trains the authors' release, by its own script, and scores its labels; the third trains
on 250 and on 2,000 recordings, for hours.
Others take part where they can be imported: ``pip install ott-jax POT fugw``. None is needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCORES = "scores"  # of the release, which is no question of time: measured where it is asked for
MEMORY = "memory"  # takes hours: measured where it is asked for
PARTS = ("solver", "scaling", "streaming", "training", "extraction")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=(*PARTS, SCORES, MEMORY))
    parser.add_argument("--quick", action="store_true", help="a few small problems: a minute")
    parser.add_argument("--threads", type=_count, help="for everybody; all cores unless given")
    parser.add_argument("--repeats", type=_count, default=15, help="rounds of the solvers")
    parser.add_argument("--release", type=Path, help="a checkout of the authors' release")
    parser.add_argument(
        "--data", type=Path, help="data in Breakfast's layout, to train on beside --release"
    )
    parser.add_argument("--activity", default="coffee", help="of --data")
    parser.add_argument("--epochs", type=_count, default=5, help="of the training beside --release")
    parser.add_argument("--seeds", type=_count, default=8, help="of --only scores: 0 to N - 1")
    parser.add_argument("--video", type=Path, help="to extract features of; a small clip else")
    parser.add_argument("--out", type=Path, help="where to write all figures as JSON")
    options = parser.parse_args(words)
    if options.data and not options.release:
        parser.error("--data is what the authors' script is timed on: give --release too")
    if options.only == SCORES and not options.data:
        parser.error("--only scores trains the authors' release: give --release and --data")
    if options.release and not (options.release / "src" / "asot.py").is_file():
        parser.error(f"--release {options.release} is no checkout: it has no src/asot.py")

    from benchmarks.machine import share_threads

    share_threads(options.threads)
    from asot.errors import AsotError
    from asot.files import write_json

    try:
        report = run(options)
    except AsotError as error:
        parser.exit(1, f"{error}\n")
    if options.out:
        write_json(options.out, report)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """All that was asked for, told as it comes."""
    import torch

    from asot.errors import DataError, MissingExtraError
    from benchmarks import tables
    from benchmarks.machine import machine

    if options.threads:
        torch.set_num_threads(options.threads)
    report: dict[str, Any] = {"machine": machine()}
    tables.show_machine(report["machine"])
    wanted = (options.only,) if options.only else PARTS
    if "solver" in wanted:
        report["solver"] = _solver(options, "cpu")
        if torch.cuda.is_available():
            report["card"] = _solver(options, "cuda")
    if "scaling" in wanted:
        from benchmarks.scaling import measure_scaling

        report["scaling"] = measure_scaling(min(options.repeats, 5), options.quick)
        tables.show_scaling(report["scaling"])
    if "streaming" in wanted:
        from benchmarks.streaming import measure_streaming

        report["streaming"] = measure_streaming(options.quick)
        tables.show_streaming(report["streaming"])
    if "training" in wanted:
        from benchmarks.training import measure_training

        report["training"] = measure_training(options.quick)
        tables.show_training(report["training"])
        if options.data:
            from benchmarks.script import measure_script

            report["script"] = measure_script(
                options.release, options.data, options.activity, options.epochs
            )
            tables.show_script(report["script"])
    if SCORES in wanted:
        from benchmarks.script import measure_scores

        report[SCORES] = measure_scores(
            options.release, options.data, options.activity, options.seeds
        )
        tables.show_scores(report[SCORES])
    if MEMORY in wanted:
        from benchmarks.memory import measure_memory

        report[MEMORY] = measure_memory(*(((8, 24), 200) if options.quick else ((250, 2_000),)))
        tables.show_memory(report[MEMORY])
    if "extraction" in wanted:
        try:
            from benchmarks.extraction import measure_extraction

            rounds = min(options.repeats, 5)
            report["extraction"] = measure_extraction(options.quick, rounds, options.video)
            tables.show_extraction(report["extraction"])
        except (DataError, MissingExtraError) as error:
            if options.only:
                raise
            tables.CONSOLE.print(f"without extraction: {error}")
    return report


def _solver(options: argparse.Namespace, device: str) -> dict[str, Any]:
    from benchmarks import tables
    from benchmarks.grid import enter, summary, time_shape
    from benchmarks.problem import CARD, GRID, QUICK

    entries = enter(options.release, device)
    for name, reason in entries.absent.items():
        tables.CONSOLE.print(f"without {name}: {reason}")
    shapes = QUICK if options.quick else {"cpu": GRID, "cuda": CARD}[device]
    results = []
    for shape in shapes:
        results.append(time_shape(shape, entries, options.repeats))
        tables.show_shape(results[-1])
    floors, ours = summary(results, "times_the_floor"), summary(results, "times_ours")
    tables.show_solver(results, entries.ours)
    tables.show_summary(floors, ours, entries.ours)
    return {
        "ours": entries.ours,
        "absent": entries.absent,
        "shapes": results,
        "times_the_floor": floors,
        "times_ours": ours,
    }


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, but is {value}")
    return value


if __name__ == "__main__":
    main()
