"""asot export: segments on to other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser, out_folder
from asot.errors import ArgumentError, ConfigurationError, DataError, MissingExtraError

USAGE = "RESULTS --to FORMAT[,FORMAT...] [--out DIR]"
SUMMARY = (
    "Write the segments in the formats of other tools: {formats}. What is corrected there comes "
    "back as ground truth with asot evaluate RESULTS --truth FILES, from {read}."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    from asot.export import FORMATS

    summary = SUMMARY.format(
        formats="; ".join(f"{one.name} ({one.summary})" for one in FORMATS.values()),
        read=", ".join(one.name for one in FORMATS.values() if one.reads),
    )
    parser = Parser("export", summary, USAGE)
    parser.add_argument("results", type=str, help="Folder of asot segment, train or predict.")
    parser.add_argument(
        "--to", type=str, nargs="+", required=True, help="Formats, by commas or blanks; or all."
    )
    parser.add_argument("--out", type=str, help="Where to write; RESULTS/exports unless given.")
    parser.add_argument(
        "--from_zero",
        action="store_true",
        help="Count time from the first frame, where a video's own clock starts later.",
    )
    parser.add_argument(
        "--frame_rate", type=float, help="Frames a second, where the recordings have no times."
    )
    parser.add_argument(
        "--data", type=str, help="Folder of the data set, where it is no longer where it was."
    )
    values = parser.parse(words)
    wanted = [name for word in values.to for name in word.replace(" ", "").split(",") if name]
    everything = wanted == ["all"]
    if everything:
        wanted = list(FORMATS)
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise ConfigurationError(
            f"--to must name formats of {', '.join(FORMATS)}, not {', '.join(unknown) or 'none'}."
        )
    rate = values.frame_rate
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigurationError(f"--frame_rate must be above 0, not {rate}.")
    results = Path(values.results)
    out = out_folder(values.out or str(results / "exports"))
    from asot.cli.console import say, show_files
    from asot.data import find_dataset
    from asot.export import export
    from asot.runs.corrections import timelines
    from asot.runs.predictions import find_predictions
    from asot.text import plural

    data = find_dataset(values.data) if values.data else None
    found = timelines(find_predictions(results), data, rate)
    files: list[tuple[Path, str]] = []
    refused: list[str] = []
    for name in dict.fromkeys(wanted):
        place = out / name
        try:
            written = export(found, name, place, from_zero=values.from_zero)
        except (ArgumentError, DataError, MissingExtraError) as error:
            refused.append(f"{name}: {error}")
            continue
        files.append((place, f"{FORMATS[name].summary}; {plural(len(written), 'file')}"))
    if files:
        show_files(files)
    # Where everything is asked for, what does not fit these recordings is left out.
    if refused and not (everything and files):
        raise DataError("; ".join(refused))
    for sentence in refused:
        say(f"Left out: {sentence}")
