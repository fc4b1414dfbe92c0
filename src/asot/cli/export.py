"""asot export: segments on to other tools."""

from __future__ import annotations

import logging
from pathlib import Path

from asot.cli.console import open_results, say, show_files
from asot.errors import ArgumentError, AsotError, ConfigurationError, DataError, MissingExtraError
from asot.export import FORMATS, export
from asot.runs.corrections import timelines
from asot.runs.people import gather_corrections
from asot.text import plural

logger = logging.getLogger(__name__)


def run(
    results: Path,
    *,
    to: list[str],
    out: Path | None = None,
    from_zero: bool = False,
    frame_rate: float | None = None,
    data: Path | None = None,
    corrections: list[Path] | None = None,
    model: str | None = None,
) -> None:
    """Write the segments in the formats of other tools: {formats}.

    What is corrected there comes back with asot import RESULTS FILES, from {read}.

    to: Formats, by commas or blanks; or all. Those that do not fit the recordings are left
        out, with a warning.
    out: Where to write; RESULTS/exports unless given.
    from_zero: Count time from the first frame, where a video's own clock starts later.
    corrections: Files that the page downloads, of one person or of several, to write the segments
        as asot relabel would; nothing is stored.
    model: Whose actions --corrections are of, where there are several models (activities).
    """
    wanted = [name for word in to for name in word.replace(" ", "").split(",") if name]
    unknown = [name for name in wanted if name not in (*FORMATS, "all")]
    everything = "all" in wanted
    if everything:
        wanted = list(FORMATS)
    if unknown or not wanted:
        named = ", ".join(unknown) or "nothing"
        raise ConfigurationError(f"--to must name formats of {', '.join(FORMATS)}, not {named}.")
    out = out or results / "exports"
    folder, moved = open_results(results, data)
    given = gather_corrections(folder, corrections, model) if corrections else None
    found = timelines(folder, moved, frame_rate, given)
    files: list[tuple[Path, str]] = []
    refused: dict[str, AsotError] = {}
    for name in dict.fromkeys(wanted):
        try:
            written = export(found, name, out / name, from_zero=from_zero)
        except (ArgumentError, DataError, MissingExtraError) as error:
            refused[name] = error
            continue
        files.append((out / name, f"{FORMATS[name].summary}; {plural(len(written), 'file')}"))
    sentences = [f"{name}: {error}" for name, error in refused.items()]
    if not files:
        lacking = (one for one in refused.values() if isinstance(one, MissingExtraError))
        raise next(lacking, DataError("; ".join(sentences)))
    show_files(*files)
    # What is asked for by name, and does not fit these recordings, is worth a warning.
    for sentence in sentences:
        if everything:
            say(f"Left out: {sentence}")
        else:
            logger.warning("left out: %s", sentence)


run.__doc__ = (run.__doc__ or "").format(
    formats="; ".join(f"{one.name} ({one.summary})" for one in FORMATS.values()),
    read=", ".join(one.name for one in FORMATS.values() if one.reads),
)
