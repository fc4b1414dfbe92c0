"""asot import: labels of other tools and people, as truth or as corrections."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Literal

from asot.cli.console import console, new_table, open_results, progress, say, show_files
from asot.cli.evaluate import run as evaluate
from asot.errors import ConfigurationError, FileError
from asot.export.formats import READ
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.corrections import Given, given_labels, label_files, timelines, write_truth
from asot.runs.imports import only_changed, take_corrections
from asot.runs.page import rewrite_page
from asot.text import listing, plural, printable
from asot.timeline.corrections import is_corrections


def run(
    results: Path,
    files: list[Path],
    *,
    as_: Literal["truth", "corrections"] = "truth",
    tier: str | None = None,
    changed: bool = False,
    by: str = "",
    from_zero: bool = False,
    frame_rate: float | None = None,
    data: Path | None = None,
) -> None:
    """Read labels of other tools and people: {read}.

    As the truth, they are what the results are compared with, as asot evaluate --truth does. As
    corrections, they lie over the results: a label is the action of that name, "action 3" is
    action 3, "background" is none, and other labels become actions that are added. Segments, page
    and exports follow; frames without a label stay as they are.

    files: Files of these formats, or folders of them. Tables may be of any tool, with a start, an
        end and a label; text has a label a line and frame.
    as_: What the labels are taken for.
    tier: Whose labels to read, where there are several: a tier of ELAN or Praat, a subject or
        observation of BORIS, a column of Datavyu, an annotator of Label Studio or of a table.
    changed: As corrections, take only segments that are not as they were found: of a whole export
        that was corrected here and there, others count as not looked at.
    by: Who made the labels, for corrections.json.
    from_zero: Times in the files count from the first frame, as with asot export --from_zero.
    """
    for option, needs in (("by", by), ("changed", changed)):
        if needs and as_ == "truth":
            raise ConfigurationError(f"--{option} needs --as corrections.", setting=option)
    folder, place = open_results(results, data)
    unknown: list[str] = []
    taken = label_files(files)
    of_page = next((one for one in taken if is_corrections(one)), None)
    if of_page is not None:
        cure = "give it to asot relabel, or to asot evaluate --truth"
        raise FileError.at(of_page, f"is of the page, not of another tool: {cure}")
    given = given_labels(folder, taken, place, frame_rate, from_zero, tier, unknown)
    _show_given(given)
    if unknown:
        names = list(dict.fromkeys(unknown))
        say(f"Left out, as they are not among the results: {listing(names, 10)}.")
    say()
    if as_ == "truth":
        write_truth(folder, given)
        evaluate(results, data=data)
        return
    if changed:
        given, count = only_changed(given, timelines(folder, place, frame_rate))
        differ = "differs" if count == 1 else "differ"
        say(f"{plural(count, 'segment')} {differ} from the results.")
    done = take_corrections(folder, given, place, by)
    if done.added:
        say(f"{plural(len(done.added), 'action')} added: {listing(done.added, 10)}.")
    written = [(folder.root / "segments.csv", "the segments, corrected")]
    with progress(PAGE_STAGES) as bars:
        written += [(page, "the page") for page in rewrite_page(folder, results, place, bars)]
    passed = ((one, "the corrections, to pass on: asot relabel takes them") for one in done.files)
    show_files(*written, *passed)


def _show_given(given: Mapping[str, Given]) -> None:
    """Print what was read of each recording."""
    table = new_table(
        "recording", "from", "segments", "frames", "labels", right=("segments", "frames")
    )
    for name, one in given.items():
        labels = [label for label, _ in groupby(one.labels) if label is not None]
        share = 1 - one.labels.count(None) / len(one.labels)
        kinds = listing(list(dict.fromkeys(labels)), 5)
        cells = (printable(one.file.name), f"{len(labels):,}", f"{share:.0%}", kinds)
        table.add_row(printable(name), *cells)
    console().print(table)


run.__doc__ = (run.__doc__ or "").format(read=", ".join(READ))
