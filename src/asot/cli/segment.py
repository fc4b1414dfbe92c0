"""asot segment: from recordings to a timeline in one go."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from jsonargparse import Namespace

from asot.cli.console import progress, say, show_share
from asot.cli.features import EVERY, add_feature_options, feature_settings, refuse_unconcerned
from asot.cli.summary import show_outcome, show_segmented
from asot.errors import AsotError, ConfigurationError, require_integer
from asot.figures.verdicts import verdict_preliminary
from asot.model.recipe import load_recipe
from asot.progress import LEARNING, READING
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.learn import holds_corrected
from asot.runs.page import PAGE, write_page
from asot.runs.predictions import PredictionFolder
from asot.runs.segment import data_folder, earlier_settings, segment
from asot.shards import Shard
from asot.workers import Workers

RECIPE = "default"


def run(
    recordings: list[str],
    *,
    out: Path,
    n_actions: int | Literal["auto"] | None = None,
    model: Path | None = None,
    corrected: list[Path] | None = None,
    background: bool = False,
    sub_actions: int | None = None,
    embed: bool = False,
    recipe: str = RECIPE,
    seed: int = 0,
    videos: Path | None = None,
    skeleton: Path | None = None,
    shard: str | None = None,
    workers: Workers,
    options: Annotated[Namespace, add_feature_options],
) -> None:
    """Find the actions in recordings.

    Features are made of them (asot extract), the actions learnt, every recording segmented (asot
    train), and a page to look at written (asot page). RECORDINGS are videos, sensor logs, poses or
    arrays, folders of these, or a folder that asot extract filled. The same command goes on where
    it was interrupted. With --model, recordings are segmented into the actions of an earlier run.
    Example: asot segment videos/ --out results

    n_actions: How many actions to look for; found from the recordings unless given.
    model: Folder of an earlier asot segment or asot train, to apply; for arrays and features also
        a model's file from ActionSegmenter.save.
    corrected: Corrections of the results in --model, from which it learns before it is applied:
        files that the page downloads, or that folder again for those that asot relabel stored.
    recipe: Settings of the learning: the name of a recipe, or a YAML file.
    background: Leave frames without an action where no other recording shows anything similar.
    sub_actions: How many steps to look for within each action, at most; none unless given.
    """
    if model is not None and n_actions is not None:
        rule = "--n_actions must be left out with --model, which has its own."
        raise ConfigurationError(rule, setting="n_actions")
    if model is not None and sub_actions is not None:
        rule = (
            "--sub_actions must be left out with --model: steps are learnt with the actions, so "
            "that a model has them or has none. Give --sub_actions with the recordings that it "
            "was trained on, and another --out."
        )
        raise ConfigurationError(rule, setting="sub_actions")
    if corrected and model is None:
        rule = "--corrected needs --model, the folder of the results that were corrected."
        raise ConfigurationError(rule, setting="corrected")
    if corrected and shard is not None:
        rule = "--shard must be left out with --corrected, whose learning cannot be shared out."
        raise ConfigurationError(rule, setting="shard")
    if isinstance(n_actions, int):
        require_integer("--n_actions", n_actions, at_least=1)

    earlier = None if model is None else earlier_settings(model, options.backbone)
    features = feature_settings(options, earlier)
    settings = load_recipe(recipe)
    settings = replace(settings, n_actions=n_actions or settings.n_actions or "auto")
    if background:
        settings = replace(settings, background=True)
    if sub_actions is not None:
        settings = replace(settings, sub_actions=sub_actions)
    settings.check()
    refuse_unconcerned(options, recordings)
    if options.frame_rate not in (None, EVERY) and data_folder(recordings) is not None:
        dataset = replace(settings.dataset, frame_rate=float(options.frame_rate))
        settings = replace(settings, dataset=dataset)

    def show_first(folder: PredictionFolder, n_learners: int) -> None:
        notice = verdict_preliminary(n_learners)
        try:
            pages = write_page(folder, out / PAGE, notice=notice)
        except AsotError as error:
            say(f"No first page: {error}")
        else:
            say(f"A first page, to look at meanwhile: {pages[0]}\n{notice.sentence}")

    with progress((*READING, *LEARNING, *PAGE_STAGES)) as bars:
        segmented = segment(
            recordings,
            out,
            settings,
            features,
            kind=options.kind,
            seed=seed,
            model=model,
            corrected=corrected or (),
            videos=videos,
            skeleton=skeleton,
            progress=bars,
            told=lambda outcome: show_outcome(outcome, out / "data"),
            # A page in one file holds its videos, which takes longer than a first look is worth.
            first=None if embed else show_first,
            shard=None if shard is None else Shard.of(shard),
        )
        if segmented.share is not None:
            show_share(shard, segmented.share)
            say(
                "The same command shares out what comes next; without --shard it does all the rest."
            )
            return
        page: Any = {"embed": embed, "keep": True, "progress": bars}
        pages = write_page(segmented.folder, out / PAGE, **page)
    show_segmented(segmented, out, pages)
    if model is not None and not corrected and holds_corrected(model):
        place = shlex.quote(str(model))
        say(f"Learn from {place} as people corrected it: --model {place} --corrected {place}")
