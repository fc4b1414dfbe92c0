"""asot evaluate: compare predictions with ground truth."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from asot.cli.console import open_results, say, show_files, show_scores
from asot.cli.relabel import show_offered
from asot.errors import ConfigurationError
from asot.runs.corrections import take_truth
from asot.runs.people import offered_names
from asot.runs.scores import score
from asot.text import listing, plural
from asot.timeline.segments import BACKGROUND, UNSEEN


def run(
    results: Path,
    *,
    data: Path | None = None,
    truth: list[Path] | None = None,
    frame_rate: float | None = None,
    from_zero: bool = False,
    tier: str | None = None,
    by_name: bool = False,
    published: bool = False,
) -> None:
    """Compare predictions with the ground truth, and write scores.json beside them.

    Labels that were corrected become the ground truth with --truth, in place of those that their
    recordings had before. Clusters have no names, so a one-to-one matching to the classes comes
    first: one for each activity, one for each recording, and one for everything.

    truth: Corrected labels, which become the ground truth: corrections from the page, of one
        person or of several, of which only segments that somebody looked at count; labels of
        other tools, as asot import reads them; or folders of these.
    from_zero: The times of --truth count from the first frame, as with asot export --from_zero.
    tier: Whose labels of --truth to read, where there are several: a tier of ELAN, a subject or
        observation of BORIS, a column of Datavyu, an annotator of Label Studio or of a table.
    by_name: Also compare without a matching: an action is right where the class has the name that
        asot relabel gave the action.
    """
    folder, place = open_results(results, data)
    if truth:
        labels = take_truth(folder, truth, place, frame_rate, from_zero, tier)
        counts = Counter(one for own in labels.values() for one in own)
        total, unseen, other = counts.total(), counts.pop(UNSEEN, 0), counts.pop(BACKGROUND, 0)
        said = f"{plural(len(counts), 'label')} on {counts.total() / total:.0%} of the frames"
        if unseen:
            said += f"; background on {other / total:.0%}" if other else ""
            said += f"; nobody looked at the other {unseen / total:.0%}, which do not count"
        else:
            said += "; the others count as background" if other else ""
        count = plural(len(labels), "recording")
        say(f"The labels of {count} were read as the ground truth: {said}.")
        before = [one for one in folder.models() if one not in labels and folder.has_truth(one)]
        if before:
            say(
                f"{listing(before)} {'keeps' if len(before) == 1 else 'keep'} the labels that were "
                f"given before: remove {folder.truth_path('')} to leave them out."
            )
    elif tier is not None:
        raise ConfigurationError("--tier needs --truth.", setting="tier")
    scored = score(folder, place, by_name)
    show_scores(folder, scored, published)
    offered = offered_names(folder, scored)
    if offered:
        say(f"Matched with actions that have no name: {show_offered(offered)}.")
        say(f"To name them so:   asot relabel {shlex.quote(str(results))} --names_from_truth")
        say()
    show_files((folder.root / "scores.json", "all scores, and which action is which class"))
