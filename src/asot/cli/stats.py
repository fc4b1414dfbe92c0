"""asot stats: numbers for a paper, and groups compared."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from asot.cli.console import console, drawing, new_table, open_results, progress, say, show_files
from asot.errors import ConfigurationError
from asot.groups.comparison import Comparison
from asot.groups.design import Design
from asot.groups.words import chance_words, how_different, measure_words
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.group_figures import draw_statistics
from asot.runs.groups import read_groups
from asot.runs.page import rewrite_page
from asot.runs.stats import TABLES, Statistics, collect, taken_columns, write_tables
from asot.text import plural, printable

logger = logging.getLogger(__name__)

STATS = "stats"
MOST_LISTED = 20


def run(
    results: Path,
    *,
    groups: Path | None = None,
    out: Path | None = None,
    group_column: str = "group",
    subject: str | None = None,
    paired: str | None = None,
    test: Literal["rank", "t"] = "rank",
    correction: Literal["fdr", "holm"] = "fdr",
    measures: list[Literal["share", "rate", "duration"]] | None = None,
    figures: int = 30,
    frame_rate: float | None = None,
    data: Path | None = None,
    seed: int = 0,
) -> None:
    """Measure the actions of each recording, and compare groups of recordings.

    It writes tables of counts, lengths, latencies, intervals and transitions; and, with --groups,
    tests with effect sizes, corrected for their number, figures, and a section of the page.

    groups: Table (CSV) with a row for each recording: columns recording and group, and further
        ones, such as subject or sex, which are kept in the tables.
    out: Where to write; RESULTS/stats unless given.
    group_column: The column of --groups with the group.
    subject: Column of --groups with the subject, where several recordings are of one: then a
        subject counts once, by the mean of its recordings.
    paired: The same, where each subject is in all groups, such as before and after.
    test: By ranks (Mann-Whitney, Kruskal-Wallis, Wilcoxon, Friedman), or by means (Welch, and of
        pairs Student).
    correction: For many tests: the rate of false discoveries (Benjamini and Hochberg), or Holm's
        method.
    measures: What to compare, to be chosen before you look; all three unless given.
    figures: Recordings whose timelines are drawn; 0 for no figures at all.
    """
    if groups is None and (subject or paired):
        option = "subject" if subject else "paired"
        raise ConfigurationError(f"--{option} needs --groups.", setting=option)
    if subject and paired:
        raise ConfigurationError(
            "--subject and --paired name the same column: leave --subject out.", setting="subject"
        )
    folder, place = open_results(results, data)
    design = None
    if groups is not None:
        options = Design({}, group_column, paired or subject, bool(paired), test, correction)
        chosen = tuple(dict.fromkeys(measures or options.measures))
        options = Design(**{**vars(options), "measures": chosen, "seed": seed})
        taken = [*taken_columns("s"), *taken_columns("frames")]
        design = read_groups(groups, list(folder.models()), options, taken)
    found = collect(folder, design, place, frame_rate)
    out = out or results / STATS
    written = write_tables(found, out)
    if figures > 0:
        with drawing(), progress(("Drawing",)) as bars:
            draw_statistics(found, out / "figures", figures, bars)
    for sentence in found.sentences:
        say(printable(sentence))
    if found.unit == "frames":
        say("Lengths are in frames, as not all recordings have times: give --frame_rate.")
    if found.comparison is not None:
        show_differences(found, found.comparison)
    files = [(path, TABLES.get(path.stem, "all of it for programs")) for path in written]
    if design is not None:
        with progress(PAGE_STAGES) as bars:
            pages = rewrite_page(folder, results, place, bars, design)
        files += [(page, "the page, under Groups") for page in pages]
    say()
    show_files(*files, (out / "figures", "the pictures, as PDF and PNG"))


def show_differences(found: Statistics, comparison: Comparison) -> None:
    """Print the remarks, and a table of the actions that differ."""
    for sentence in comparison.remarks:
        logger.warning("%s", sentence)
    tests = [one for one in comparison.tests if one.differs]
    if not tests:
        return
    several = len(found.models) > 1
    table = new_table("action", "measure", "corrected p", "which, and how much")
    for one in sorted(tests, key=lambda one: one.p_adjusted)[:MOST_LISTED]:
        action = f"{one.model}: {one.action}" if several else one.action
        cells = measure_words(one.measure, found.unit), chance_words(one.p_adjusted)
        table.add_row(printable(action), *cells, printable(how_different(one)))
    say()
    console().print(table)
    if len(tests) > MOST_LISTED:
        say(f"and {plural(len(tests) - MOST_LISTED, 'more test')}, in tests.csv")
