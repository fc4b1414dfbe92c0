"""Sentences on what was compared and how, for the terminal, the page and ``stats.json``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from asot.groups.comparison import LEVEL, WHOLE, ActionTest, Comparison
from asot.groups.design import MEASURES, Design
from asot.groups.testing import find_test
from asot.text import plural

CORRECTIONS = {
    "fdr": "at a false discovery rate of {:.0%} (Benjamini and Hochberg)",
    "holm": "at a chance of {:.0%} of any false discovery (Holm)",
}


def measure_words(measure: str, unit: str) -> str:
    """Return a measure in words; ``unit`` is that of the lengths, s or frames.

    Examples
    --------
    >>> measure_words("rate", "s"), measure_words("duration", "s")
    ('bouts per minute', 'mean length of a bout (s)')
    """
    words = MEASURES[measure][1].format("minute" if unit == "s" else "1,000 frames")
    return f"{words} ({unit})" if measure == "duration" else words


def chance_words(p: float) -> str:
    """Return a p-value as text.

    Examples
    --------
    >>> chance_words(0.00001), chance_words(0.0123)
    ('p < 0.001', 'p = 0.012')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def how_tested(design: Design, comparison: Comparison, unit: str) -> Iterator[str]:
    """Say what a unit was, which test was made of what, and how it was corrected."""
    if design.subject:
        pairs = ", which is in each of the groups" if design.paired else ""
        yield (
            f"The unit is a subject (the column {design.subject!r}){pairs}: its value is the mean "
            "of its recordings, so that nobody counts more than once."
        )
    n_groups = max((len(one.groups) for one in comparison.tests), default=0)
    if not n_groups:
        return
    words = ", ".join(measure_words(one, unit) for one in design.measures)
    sides = ", two-sided" if n_groups == 2 else ""
    corrected = CORRECTIONS[design.correction].format(LEVEL)
    test = find_test(design.test, design.paired, n_groups).name
    yield (
        f"Tested for each action: {words}; by {test}{sides}, {_made(comparison)}, all corrected "
        f"together {corrected}."
    )
    if comparison.pairs:
        test = find_test(design.test, design.paired, 2).name
        yield (
            f"Pairs of groups by {test}, corrected together in the same way; a pair differs only "
            "where the groups do."
        )


def what_differs(comparison: Comparison, several: bool) -> Iterator[str]:
    """Say how many tests found a difference, and whether the groups differ as a whole.

    ``several`` says that there are several models, which then are named.
    """
    found = [one for one in comparison.tests if one.differs]
    if comparison.tests:
        actions = len({(one.model, one.action) for one in found})
        number = f"{actions} actions differ" if actions > 1 else f"{actions or 'No'} action differs"
        tests = f", in {len(found)} of {_made(comparison)}" if found else f" ({_made(comparison)})"
        yield f"{number} between the groups{tests}."
    for one in comparison.overall:
        where = f"{one.model}: " if several else ""
        verdict = "differ" if one.p <= LEVEL else "no difference was found in"
        what = WHOLE[one.what]
        said = f"the groups {verdict} in {what}" if one.p <= LEVEL else f"{verdict} {what}"
        numbers = f"{chance_words(one.p)}, R² = {one.r_squared:.2f}"
        text = f"As a whole, {said} (permutation test on its own, {numbers})."
        yield where + text


def _made(comparison: Comparison) -> str:
    """Count the tests of which there is a p-value, in words."""
    return plural(sum(not math.isnan(one.p) for one in comparison.tests), "test")


def how_different(one: ActionTest) -> str:
    """Give the effect size of a test with its interval, and where two differ, which has more."""
    size = f"{one.effect} {one.size:.2f} [{one.low:.2f}, {one.high:.2f}]"
    if len(one.groups) > 2 or not one.differs:
        return size
    more, less = one.groups if one.size >= 0 else one.groups[::-1]
    return f"{more} > {less}, {size}"
