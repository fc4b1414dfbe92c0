"""What is shown of an extraction: what was made, what was there, and what could not be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asot.cli.console import console, new_table, say
from asot.text import plural, printable

if TYPE_CHECKING:
    from asot.inputs.extract import Extraction

MOST = 20


def show_outcome(outcome: Extraction, data: Path) -> None:
    """Print how many recordings have features, the remarks on them, and the failures."""
    kept = f", {len(outcome.kept)} from before" if outcome.kept else ""
    say(f"Features of {plural(outcome.usable, 'recording')} in {data / 'features'}{kept}.")
    rows = [(name, one) for name, found in outcome.remarks.items() for one in found]
    _table("Remarks", rows)
    _table("Left out", list(outcome.failed.items()))


def _table(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    say()
    say(f"{title} ({len(rows)})", style="bold")
    table = new_table("recording", "what")
    for name, sentence in rows[:MOST]:
        table.add_row(printable(name), printable(sentence))
    console().print(table)
    if len(rows) > MOST:
        say(f"and {len(rows) - MOST} more")
