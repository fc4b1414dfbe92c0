"""asot relabel: give the actions their names."""

from __future__ import annotations

from pathlib import Path

from asot.cli.console import open_results, progress, say, show_files
from asot.cli.summary import show_actions
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.corrections import relabel
from asot.runs.page import rewrite_page


def run(results: Path, names: Path, *, model: str | None = None, data: Path | None = None) -> None:
    """Give the actions the names, merges and backgrounds from the page.

    The segment table and the page are written anew with them. The labels of the frames stay as
    they are: relabel again to change names. A plain {"action 1": "pour", "action 2": "stir"} does
    as well; a bare "0" means the label 0, which is action 1.

    names: The file that the page downloads.
    model: Whose actions, where there are several models (activities).
    """
    folder, place = open_results(results, data)
    given = relabel(folder, names, model, place)
    files = [(folder.root / "segments.csv", "the segments, under these names")]
    with progress(PAGE_STAGES) as bars:
        files += [(page, "the page") for page in rewrite_page(folder, results, place, bars)]
    say(
        f"Named: {len(given.names)}. Merged into others: {len(given.merged)}. "
        f"Background, which is left out below and in exports: {len(given.background)}."
    )
    show_actions(folder, place)
    show_files(*files)
