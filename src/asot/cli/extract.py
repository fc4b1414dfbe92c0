"""asot extract: make features of videos, sensor logs or poses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from jsonargparse import Namespace

from asot.cli.console import progress, say, show_share
from asot.cli.features import add_feature_options, feature_settings, refuse_unconcerned
from asot.cli.summary import show_outcome
from asot.errors import ConfigurationError, DataError, UnfinishedError
from asot.inputs.companions import find_companions, note_companions
from asot.inputs.extract import extract, survey
from asot.inputs.find import find_inputs, take_shard
from asot.inputs.taken import unread
from asot.progress import READING
from asot.shards import Shard, ShardResult
from asot.workers import Workers


def run(
    recordings: list[str],
    *,
    out: Path | None = None,
    dry_run: bool = False,
    shard: str | None = None,
    videos: Path | None = None,
    skeleton: Path | None = None,
    workers: Workers,
    options: Annotated[Namespace, add_feature_options],
) -> None:
    """Make features of recordings, in a folder that asot train takes.

    Videos go through a network; sensor logs (CSV, TSV, Parquet, NumPy) and poses (DeepLabCut,
    SLEAP) through sliding windows. Features keep the true time of each frame. Finished
    recordings are not read again; files that cannot be used are listed at the end and stop nothing.

    out: The data folder to fill.
    dry_run: Print what every file is taken for, and do nothing else.
    """
    share = None if shard is None else Shard.of(shard)
    video, series = feature_settings(options)
    if out is None and not dry_run:
        raise ConfigurationError("--out must be given, or --dry_run.", setting="out")

    refuse_unconcerned(options, recordings)
    everyone = find_inputs(recordings, options.kind)
    inputs = take_shard(everyone, share)
    if not inputs:
        say(f"The shard {shard} has no recording: there are fewer than shards.")
        return
    companions = find_companions(videos, skeleton, everyone, series)
    with progress(READING) as bars:
        if out is None or dry_run:
            outcome = survey(inputs, series, bars)
        else:
            outcome = extract(inputs, out, video, series, bars, shared_with=everyone, keep=True)
            names = [one.name for one in inputs]
            for name, sentence in note_companions(companions, out, names).items():
                outcome.remarks[name] = [*outcome.remarks.get(name, ()), sentence]
    show_outcome(outcome, None if dry_run else out)
    if share is not None and out is not None:
        left = len(unread(everyone, out))
        show_share(shard, ShardResult("recordings", len(inputs), left, len(everyone)))
    if outcome.failed:
        failed = f"{len(outcome.failed)} of {len(inputs)} recordings"
        kind = UnfinishedError if outcome.missing else DataError
        raise kind(f"{failed} could not be used; they are listed above.")
