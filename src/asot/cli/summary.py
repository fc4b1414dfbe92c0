"""Summaries of extracted or segmented recordings, and hints on what to look at first."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from asot.cli.console import console, new_table, say, show_files, step_files
from asot.figures.evidence import findings
from asot.figures.evidence_file import EVIDENCE_FILE, ModelEvidence, read_evidence
from asot.figures.verdicts import VerdictText
from asot.inputs.extract import Extraction
from asot.inputs.taken import FILE as RECORDINGS
from asot.inputs.taken import Taken
from asot.runs.corrections import timelines
from asot.runs.predictions import PredictionFolder
from asot.runs.segment import Segmented
from asot.runs.verdicts import verdict_of
from asot.text import in_use, listing, plural, printable
from asot.timeline.segments import STEP_TABLE, Timeline

# Recordings of this mean confidence, or less, are worth a look.
UNSURE = 0.6
MOST_LISTED = 20
FOUND = ("Time scale", "Order", "Number of actions", "Background")  # the page has the rest


def show_outcome(outcome: Extraction, data: Path | None) -> None:
    """Print what the files were taken for, the remarks, and the failures.

    ``data`` is the folder of the features; None where none were made.
    """
    groups: dict[tuple[str, str, int | None], list[Taken]] = {}
    for one in outcome.taken:
        if one.recording not in outcome.failed:
            groups.setdefault(_alike(one), []).append(one)
    headings = ("recordings", "taken for", "a second", "seconds", "columns")
    rows = []
    for (kind, columns, _), own in groups.items():
        spans = (
            _span([one.rate for one in own], ".3g"),
            _span([one.duration_s for one in own], ",.1f"),
        )
        rows.append((listing([one.recording for one in own]), kind, *spans, columns))
    show_table("What was read", headings, rows)
    if data is not None:
        kept = f", {len(outcome.kept)} from before" if outcome.kept else ""
        say(f"Features of {plural(outcome.usable, 'recording')} in {data / 'features'}{kept}.")
        say(f"What every file was taken for: {data / RECORDINGS}")
    for title, said in (("Remarks", outcome.remarks), ("Left out", outcome.failed)):
        named: dict[str, list[str]] = {}
        for name, sentences in said.items():
            for sentence in [sentences] if isinstance(sentences, str) else sentences:
                named.setdefault(sentence, []).append(name)
        found = [(_names(names), printable(sentence)) for sentence, names in named.items()]
        if found:
            say()
            show_table(f"{title} ({sum(map(len, named.values()))})", ("recording", "what"), found)


def _alike(one: Taken) -> tuple[str, str, int | None]:
    """Return what recordings of one make share: kind, columns, and the magnitude of the rate."""
    columns = listing(one.columns, 6).replace("'", "")
    left = f" (not {listing(one.left_out, 6)})" if one.left_out else ""
    return one.kind, columns + left, round(math.log2(one.rate)) if one.rate else None


def _span(found: Sequence[float | None], digits: str) -> str:
    """Return the least and the greatest of numbers, as far as known."""
    known = [one for one in found if one is not None]
    shown = [format(one, digits) for one in (min(known), max(known))] if known else []
    return " to ".join(dict.fromkeys(shown))


def _names(names: Sequence[str]) -> str:
    return printable(names[0]) if len(names) == 1 else listing(names)


def show_table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], most: int = MOST_LISTED
) -> None:
    """Print the first rows of a table below its title, and the number of others."""
    say(title, style="bold")
    table = new_table(*headings)
    for row in rows[:most]:
        table.add_row(*row)
    console().print(table)
    if len(rows) > most:
        say(f"and {len(rows) - most} more")


def show_segmented(segmented: Segmented, out: Path, pages: Sequence[Path]) -> None:
    """Print how right it is, the actions, what was found, and the files with the results."""
    folder = segmented.folder
    found = show_verdicts(folder, out / "run")
    shown = show_actions(folder)
    for evidence in found.values():
        for one in findings(evidence):
            if one.heading in FOUND:
                say(f"{one.heading}: {one.sentence}")
        say()
    failed = [] if segmented.outcome is None else list(segmented.outcome.failed)
    if failed:
        say(f"Left out, as listed above: {listing(failed)}.")
    show_files(
        *((page, "the page: look at this first, name the actions there") for page in pages),
        (folder.root / "segments.csv", "the segments: recording, start, end, action"),
        *step_files(folder),
    )
    say()
    place = shlex.quote(str(out))
    say(f"From the page, back:   asot relabel {place} corrections.json")
    # Label Studio's tasks are videos.
    of_videos = shown[0].media is not None
    formats = "elan,boris,labelstudio,csv" if of_videos else "elan,boris,csv"
    say(f"To other tools:        asot export {place} --to {formats}")
    say(f"Other recordings:      asot segment OTHERS --model {place} --out OTHER_RESULTS")


def show_verdicts(folder: PredictionFolder, run: Path) -> dict[str, ModelEvidence]:
    """Print how right the results of each model are, and return the evidence in a run's folder."""
    found = read_evidence(run / EVIDENCE_FILE)
    told: dict[VerdictText, list[str]] = {}
    for model in dict.fromkeys(folder.models().values()):
        verdict = verdict_of(folder, model, found.get(model), run.is_dir())
        told.setdefault(verdict, []).append(model)
    for verdict, models in told.items():
        of_which = f"{_names(models)}: " if len(told) > 1 else ""
        say(f"{of_which}{verdict.sentence}", style="bold")
        say(verdict.advice)
        say()
    return found


def show_actions(folder: PredictionFolder, data: Path | None = None) -> list[Timeline]:
    """Print a table of the actions, and the recordings that are worth a look; return them all."""
    found = timelines(folder, data)
    in_seconds = all(one.times is not None for one in found)
    counts: dict[str, list[float]] = {}
    steps: dict[str, int] = {}
    seen: dict[str, set[str]] = {}
    unsure, total = [], 0.0
    for one in found:
        frames, sure = 0, 0.0
        total += one.seconds[-1] - one.seconds[0] if in_seconds else one.n_frames
        for row in one.rows:
            start, end = row.start_frame, row.end_frame
            frames, sure = frames + end - start, sure + (end - start) * (row.confidence or 0.0)
            length: float = end - start
            if in_seconds and row.start_s is not None and row.end_s is not None:
                length = row.end_s - row.start_s
            counts.setdefault(row.action, []).append(length)
            seen.setdefault(row.action, set()).add(one.recording)
        for part in one.steps:
            steps[part.action] = max(steps.get(part.action, 0), part.step)
        if frames and sure <= UNSURE * frames:
            unsure.append((sure / frames, one.recording))
    headings = ["action", "segments", f"mean, {'s' if in_seconds else 'frames'}", "of all time"]
    headings.append("in recordings")
    divided = (folder.root / STEP_TABLE).is_file()
    if divided:
        headings.append("steps")
    table = new_table(*headings, right=headings[1:])
    for action, lengths in sorted(counts.items(), key=lambda item: -sum(item[1])):
        mean, share = sum(lengths) / len(lengths), sum(lengths) / total
        recordings = f"{len(seen[action]):,} of {len(found):,}"
        cells = [f"{len(lengths):,}", f"{mean:,.1f}", f"{100 * share:.0f} %", recordings]
        if divided:
            cells.append(str(steps.get(action, "–")))
        table.add_row(printable(action), *cells)
    console().print(table)
    for mean, name in sorted(unsure)[:3]:
        say(f"Look at {printable(name)}: its frames are {100 * mean:.0f} % sure on average.")
    n_actions = len(found[0].labels)
    if len(counts) < n_actions and len(set(folder.models().values())) == 1:
        say(f"{in_use(len(counts), n_actions)}.")
    say()
    return found
