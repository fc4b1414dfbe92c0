"""asot page: write the page of a segmentation."""

from __future__ import annotations

from pathlib import Path

from asot.cli.console import open_results, progress, say
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.page import PAGE, named_predictions, write_page


def run(
    results: Path,
    *,
    out: Path | None = None,
    embed: bool = False,
    open: bool = False,
    data: Path | None = None,
    other: list[str] | None = None,
    videos: Path | None = None,
    skeleton: Path | None = None,
) -> None:
    """Write the page of a segmentation.

    It shows every recording with its timeline, the actions with examples and boxes to name them,
    and an overview. It needs no network, and no program but a browser.

    out: Where to write; RESULTS/page unless given.
    open: Show the page in the browser.
    other: Other predictions of the same recordings to show beneath: NAME=FOLDER ...
    """
    out = out or results / PAGE
    folder, place = open_results(results, data)
    others = named_predictions(other or [])
    with progress(PAGE_STAGES) as bars:
        pages = write_page(
            folder,
            out,
            embed=embed,
            data=place,
            others=others,
            videos=videos,
            skeleton=skeleton,
            progress=bars,
        )
    for page in pages:
        say(str(page))
    if open:
        import webbrowser

        webbrowser.open(pages[0].resolve().as_uri())
