"""asot relabel: give the actions their names, and segments their corrections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from asot.cli.console import open_results, progress, say, show_files
from asot.cli.summary import show_actions, show_table
from asot.errors import ConfigurationError
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.edits import DISAGREEMENTS
from asot.runs.page import rewrite_page
from asot.runs.people import AgreementOfPeople, Gathered, name_from_truth, relabel
from asot.text import listing, plural, printable
from asot.timeline.names import default_name

NAMED = 12  # actions in a sentence
SHOWN = 8  # rows of a table of disagreements; the file has them all


def run(
    results: Path,
    names: list[Path] | None = None,
    *,
    names_from_truth: bool = False,
    model: str | None = None,
    data: Path | None = None,
) -> None:
    """Give the actions names, merges and backgrounds, and segments corrections, from the page.

    The segment table and the page are written anew with them. The labels of the frames stay as
    they are: relabel again to change names and corrections, which replaces them. A plain
    {"action 1": "pour", "action 2": "stir"} does as well; a bare "0" means the label 0, which is
    action 1. Of several people's files, what most say holds, and at a tie what the first says;
    where they disagree is listed.

    names: The files that the page downloads, of one person or of several; or folders of these.
    names_from_truth: Give each action without a name that of the class of the ground truth that it
        is matched with.
    model: Whose actions, where there are several models (activities).
    """
    if not names and not names_from_truth:
        rule = "NAMES must be the file from the page; or give --names_from_truth."
        raise ConfigurationError(rule, setting="names")
    folder, place = open_results(results, data)
    found = relabel(folder, names, model, place) if names else None
    offered = name_from_truth(folder, place) if names_from_truth else None
    files = [(folder.root / "segments.csv", "the segments, as named and corrected")]
    with progress(PAGE_STAGES) as bars:
        files += [(page, "the page") for page in rewrite_page(folder, results, place, bars)]
    if found is not None:
        _show(found)
        files.append((folder.root / DISAGREEMENTS, "where people disagree, and what was taken"))
    if offered is not None:
        nothing = "no action without a name is matched with a class whose name is free"
        say(f"From the ground truth: {show_offered(offered) or nothing}.")
    show_actions(folder, place)
    show_files(*files)


def show_offered(offered: dict[str, dict[int, str]]) -> str:
    """Return the names that actions are offered, in words."""
    pairs = [pair for one in offered.values() for pair in one.items()]
    said = [f"{default_name(action)} is {printable(name)}" for action, name in pairs[:NAMED]]
    return ", ".join(said) + (f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else "")


def _show(found: Gathered) -> None:
    """Print what people named and corrected, how far they agree, and where they do not."""
    given, recordings = found.corrections.names, found.corrections.recordings
    say(
        f"Named: {len(given.names)}. Merged into others: {len(given.merged)}. "
        f"Background, which is left out below and in exports: {len(given.background)}."
    )
    count = sum(len(one.segments) for one in recordings.values())
    if count:
        say(f"Corrected: {plural(count, 'segment')} in {plural(len(recordings), 'recording')}.")
    if len(found.people) == 1:
        return
    people = [printable(one) for one in found.people]
    say(_agreement(found.agreement(), people))
    rows = [(default_name(one), *said) for one, said in found.together.renamed.items()]
    if rows:
        show_table("Actions that they do not name alike", ("action", *people, "taken"), rows, SHOWN)
    places = sorted(found.disagreements(), key=lambda one: one.start - one.end)
    if places:
        title = f"Where they disagree ({plural(len(places), 'place')}), the longest first"
        cells = [(one.recording, f"{one.start}-{one.end}", *one.said, one.taken) for one in places]
        shown = [tuple(map(printable, row)) for row in cells]
        show_table(title, ("recording", "frames", *people, "taken"), shown, SHOWN)


def _agreement(found: AgreementOfPeople | None, people: Sequence[str]) -> str:
    """Say how far people agree."""
    if found is None:
        return "No two people looked at the same frame: nothing tells how far they agree."
    measure = "Cohen's kappa" if len(people) == 2 else "Krippendorff's alpha"
    value = "not defined" if math.isnan(found.value) else f"{found.value:.2f}"
    frames, several = plural(found.n_frames, "frame"), listing(people, len(people))
    agree = f"and agree on {found.share:.0%} of them: {measure} is {value}."
    if found.share >= 0.8 and found.value < 0.5:
        why = "nearly all of these frames are of one action, on which chance agrees often"
        agree += f" It is low because {why}."
    return f"Two or more of {several} looked at {frames}, {agree}"
