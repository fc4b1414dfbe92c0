"""What each part of the default is worth, as one command.

    python -m benchmarks.helps [--sets NAME ...] [--variants [NAME ...]] [--seeds N] [--ranking]
                               [--out FILE.json]

Sets that are here take part: of seglearn, tsseg and aeon (``pip install --no-deps tsseg aeon``,
which carry recordings), of ``../shared`` beside the repository, and simulated from label sequences
there. No label is seen but by the scores. Figures in FILE.json are kept and not measured again;
``--variants`` without a name measures nothing but the ranking, or prints what is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.machine import machine, share_threads


def main(words: Sequence[str] | None = None) -> None:
    from benchmarks.helps.sets import GENERATED, SETS
    from benchmarks.helps.variants import VARIANTS

    parser = argparse.ArgumentParser(prog="python -m benchmarks.helps", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name, known, default in (
        ("sets", SETS | GENERATED, SETS),
        ("variants", VARIANTS, VARIANTS),
    ):
        parser.add_argument(
            f"--{name}",
            nargs="*" if name == "variants" else "+",
            choices=known,
            default=list(default),
            metavar="NAME",
            help=f"of {', '.join(known)}",
        )
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, ... (3)")
    parser.add_argument(
        "--ranking", action="store_true", help="how the score without labels ranks segmentations"
    )
    parser.add_argument("--out", type=Path, help="the figures, as JSON; gone on with if it exists")
    options = parser.parse_args(words)
    if options.seeds < 1:
        parser.error(f"--seeds must be at least 1, but is {options.seeds}.")

    from asot.errors import AsotError
    from benchmarks.helps.measuring import measure, read_report
    from benchmarks.helps.ranking import measure_ranking
    from benchmarks.helps.sets import read_sets, tell_absent
    from benchmarks.helps.tables import tables

    try:
        report = read_report(options.out)
        sets, absent = read_sets(options.sets)
        tell_absent(absent)
        report["machine"] = machine()
        told = partial(print, file=sys.stderr, flush=True)
        measure(report, sets, options.variants, options.seeds, options.out, told)
        if options.ranking:
            measure_ranking(report, sets, options.seeds, options.out, told)
    except AsotError as error:
        parser.exit(1, f"{error}\n")
    print(tables(report))


if __name__ == "__main__":
    # One thread, so that the seconds say something on a machine that others use.
    share_threads(1)
    main()
