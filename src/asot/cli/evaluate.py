"""asot evaluate: compare predictions with ground truth."""

from __future__ import annotations

from pathlib import Path

from asot.cli.console import open_results, say, show_files, show_scores
from asot.errors import ConfigurationError
from asot.runs.corrections import take_truth
from asot.runs.predictions import score
from asot.text import listing, plural
from asot.timeline.segments import BACKGROUND


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

    Labels that were corrected in another tool become the ground truth with --truth. Clusters have
    no names, so a one-to-one matching to the classes comes first: one for each activity, one for
    each recording, and one for everything.

    truth: Corrected labels, which become the ground truth: CSV, ELAN, BORIS, Label Studio or text
        with a label a line and frame, as asot export writes them; Datavyu's, and tables of any
        tool with a start, an end and a label; or folders of these.
    from_zero: The times of --truth count from the first frame, as with asot export --from_zero.
    tier: Whose labels of --truth to read, where there are several: a tier of ELAN, a subject or
        observation of BORIS, a column of Datavyu, an annotator of Label Studio or of a table.
    by_name: Also compare without a matching: an action is right where the class has the name that
        asot relabel gave the action.
    """
    folder, place = open_results(results, data)
    if truth:
        labels = take_truth(folder, truth, place, frame_rate, from_zero, tier)
        frames = [one for own in labels.values() for one in own]
        share = 1 - frames.count(BACKGROUND) / len(frames)
        say(
            f"The labels of {plural(len(labels), 'recording')} were read as the ground truth: "
            f"{plural(len(set(frames) - {BACKGROUND}), 'label')} on {share:.0%} of the frames"
            + ("." if share == 1 else "; the others count as background.")
        )
        before = [one for one in folder.models() if one not in labels and folder.has_truth(one)]
        if before:
            say(
                f"{listing(before)} {'keeps' if len(before) == 1 else 'keep'} the labels that were "
                f"given before: remove {folder.truth_path('')} to leave them out."
            )
    elif tier is not None:
        raise ConfigurationError("--tier needs --truth.", setting="tier")
    show_scores(folder, score(folder, place, by_name), published)
    show_files((folder.root / "scores.json", "all scores, and which action is which class"))
