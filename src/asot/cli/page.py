"""asot page: write the page of a segmentation."""

from __future__ import annotations

import shlex
from pathlib import Path

from asot.cli.console import open_results, progress, say
from asot.errors import ConfigurationError
from asot.progress import PAGE as PAGE_STAGES
from asot.progress import SHARE
from asot.runs.page import PAGE, Content, earlier_groups, named_predictions, write_page
from asot.runs.sharing import COPIES, LONGEST, MEGABYTE, plan_share, write_share
from asot.text import plural

MOST_IN_ONE = 300  # megabytes


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
    share: Path | None = None,
    reply_to: str | None = None,
    max_mb: float | None = None,
    longest: int = LONGEST,
) -> None:
    """Write the page of a segmentation.

    It shows every recording with its timeline, the actions with examples and boxes to name them,
    and an overview. It needs no network, and no program but a browser.

    out: Where to write; RESULTS/page unless given.
    open: Show the page in the browser.
    other: Other predictions of the same recordings to show beneath: NAME=FOLDER ...
    share: Make the page for a colleague instead: FILE.html, FILE.zip or a folder, with videos that
        play in every browser, and no word of this machine. Given again, it goes on.
    reply_to: With --share, whom names and corrections are to be sent to: 'Ada <ada@lab.org>'.
    max_mb: With --share, the megabytes that it should not exceed.
    longest: With --share, pixels of the longer side of its videos, at most.
    """
    folder, place = open_results(results, data)
    others = named_predictions(other or [])
    if share is not None:
        if out is not None or embed:
            wrong = "embed" if embed else "out"
            message = (
                f"--{wrong} must be left out with --share, which says what is written, and where."
            )
            raise ConfigurationError(message, setting=wrong)
        groups = earlier_groups(results / PAGE)
        content = Content.of(folder, place, others, videos, skeleton, groups=groups)
        shown = _share(content, share, results / COPIES, longest, max_mb, reply_to or "")
        if open:
            _open(shown)
        return
    for option, given in (("reply_to", reply_to), ("max_mb", max_mb)):
        if given is not None:
            message = f"--{option} goes with --share, which makes the page for somebody else."
            raise ConfigurationError(message, setting=option)
    out = out or results / PAGE
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
        _open(pages[0])


def _open(page: Path) -> None:
    import webbrowser

    webbrowser.open(page.resolve().as_uri())


def _share(
    content: Content, target: Path, copies: Path, longest: int, max_mb: float | None, reply_to: str
) -> Path:
    """Write a share, and say how large its videos were and are."""
    sharing, plan = plan_share(
        content, target, copies=copies, longest=longest, max_mb=max_mb, reply_to=reply_to
    )
    if plan.videos:
        count, pixels = plural(len(plan.videos), "video"), f"{sharing.longest} pixels"
        say(f"{count}, {_megabytes(plan.before)}; copies are at most {pixels} long or high.")
    with progress(SHARE) as bars:
        shared = write_share(content, sharing, plan, bars)
    say(f"{shared.path}: {_megabytes(shared.after)}")
    if max_mb is not None and shared.after > max_mb * MEGABYTE:
        cure = "--longest takes fewer pixels, and results of fewer recordings need less"
        say(f"That is more than --max_mb {max_mb:g}: {cure}.")
    if shared.path.suffix == ".html" and shared.after > MOST_IN_ONE * MEGABYTE:
        say("Browsers may not open one file of this size: a .zip or a folder is better.")
    say("It plays where it is opened, with nothing installed. Files from the page come back with:")
    say(f"    asot relabel {shlex.quote(str(copies.parent))} corrections.json")
    return shared.path / "index.html" if shared.path.is_dir() else shared.path


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:,.1f} MB"
