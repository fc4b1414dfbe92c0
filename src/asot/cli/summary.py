"""What is shown once recordings are segmented: the actions, what to look at, and where it is."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asot.cli.console import console, new_table, say, show_files
from asot.cli.outcome import show_outcome
from asot.runs.corrections import timelines
from asot.text import plural, printable

if TYPE_CHECKING:
    from asot.runs.predictions import PredictionFolder
    from asot.runs.segment import Segmented

# A recording whose frames are this sure on average, or less, is worth a look.
UNSURE = 0.6


def show_segmented(segmented: Segmented, out: Path, pages: Sequence[Path]) -> None:
    """Print what was found, what to look at, and where the results are."""
    folder = segmented.folder
    if segmented.outcome is not None:
        show_outcome(segmented.outcome, out / "data")
        say()
    show_actions(folder)
    show_evidence(out / "run")
    show_files(
        [
            *((page, "the page: look at this first, name the actions there") for page in pages),
            (folder.root / "segments.csv", "the segments: recording, start, end, action"),
        ]
    )
    say()
    place = shlex.quote(str(out))
    say(f"Names from the page:   asot relabel {place} names.json")
    say(f"To other tools:        asot export {place} --to elan,boris,labelstudio,csv")
    say(f"Other recordings:      asot segment OTHERS --model {place} --out OTHER_RESULTS")


def show_evidence(run: Path) -> None:
    """Print a sentence for each setting that was found from the recordings."""
    from asot.figures.evidence import FILE, findings, read_evidence

    for evidence in read_evidence(run / FILE).values():
        for one in findings(evidence):
            say(f"{one.heading}: {one.sentence}")
        say()


def show_actions(folder: PredictionFolder, data: Path | None = None) -> None:
    """Print a table of the actions, and sentences on what to look at."""
    found = timelines(folder, data)
    in_seconds = all(one.times is not None for one in found)
    counts: dict[str, list[float]] = {}
    seen: dict[str, set[str]] = {}
    for one in found:
        for row in one.rows:
            start, end = (
                (row.start_s, row.end_s)
                if row.start_s is not None and row.end_s is not None and in_seconds
                else (row.start_frame, row.end_frame)
            )
            counts.setdefault(row.action, []).append(end - start)
            seen.setdefault(row.action, set()).add(one.recording)
    total = sum(map(sum, counts.values()))
    unit = "s" if in_seconds else "frames"
    headings = ("action", "segments", f"mean, {unit}", "share", "in recordings")
    table = new_table(*headings, right=headings[1:])
    for action, lengths in sorted(counts.items(), key=lambda item: -sum(item[1])):
        table.add_row(
            printable(action),
            f"{len(lengths):,}",
            f"{sum(lengths) / len(lengths):,.1f}",
            f"{100 * sum(lengths) / total:.0f} %",
            f"{len(seen[action]):,} of {len(found):,}",
        )
    console().print(table)
    unsure = []
    for one in found:
        lengths = [row.end_frame - row.start_frame for row in one.rows]
        sure = [row.confidence or 0.0 for row in one.rows]
        mean = sum(n * c for n, c in zip(lengths, sure, strict=True)) / max(sum(lengths), 1)
        if lengths and mean <= UNSURE:
            unsure.append((mean, one.recording))
    for mean, name in sorted(unsure)[:3]:
        say(f"Look at {printable(name)}: its frames are {100 * mean:.0f} % sure on average.")
    n_actions = folder.assignment(found[0].recording).shape[1]
    if len(counts) < n_actions and len(set(folder.models().values())) == 1:
        say(f"{plural(len(counts), 'action')} of {n_actions} are in use.")
    say()
