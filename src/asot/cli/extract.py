"""asot extract: make features of videos, sensor logs or poses."""

from __future__ import annotations

from collections.abc import Sequence

from asot.cli.features import add_feature_options, feature_settings
from asot.cli.parsing import Parser, out_folder

USAGE = "RECORDINGS... --out DIR [options]"
SUMMARY = (
    "Make features of recordings, in a folder that asot train takes: of videos with a network, of "
    "sensor logs (CSV, TSV, Parquet, NumPy) and poses (DeepLabCut, SLEAP) with sliding windows. "
    "Features keep the true time of each frame. What is finished is not done again; what cannot be "
    "read is listed at the end and stops nothing."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("extract", SUMMARY, USAGE)
    parser.add_argument("recordings", type=str, nargs="+", help="Files, or folders of them.")
    parser.add_argument("--out", type=str, required=True, help="The data folder to fill.")
    parser.add_argument(
        "--shard",
        type=str,
        help="i/n: every n-th recording from the i-th on, for n machines at once.",
    )
    add_feature_options(parser)
    values = parser.parse(words)
    out = out_folder(values.out)
    video, series = feature_settings(values)
    from asot.cli.console import progress, say
    from asot.cli.outcome import show_outcome
    from asot.errors import DataError
    from asot.inputs.extract import extract
    from asot.inputs.find import find_inputs, take_shard

    inputs = take_shard(find_inputs(values.recordings), values.shard)
    if not inputs:
        say(f"The shard {values.shard} has no recording: there are fewer than shards.")
        return
    with progress() as told:
        outcome = extract(inputs, out, video, series, told)
    show_outcome(outcome, out)
    if outcome.failed:
        failed = f"{len(outcome.failed)} of {len(inputs)} recordings"
        raise DataError(f"{failed} could not be used; they are listed above.")
