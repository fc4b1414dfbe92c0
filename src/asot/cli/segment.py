"""asot segment: from recordings to a timeline in one go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from jsonargparse import Namespace

from asot.cli.console import progress
from asot.cli.features import add_feature_options, feature_settings
from asot.cli.summary import show_outcome, show_segmented
from asot.errors import ConfigurationError, require_integer
from asot.model.recipe import load_recipe
from asot.runs.page import PAGE, write_page
from asot.runs.segment import earlier_settings, segment

RECIPE = "default"


def run(
    recordings: list[str],
    *,
    n_actions: int | Literal["auto"] | None = None,
    out: Path,
    seed: int = 0,
    model: Path | None = None,
    recipe: str = RECIPE,
    background: bool = False,
    embed: bool = False,
    videos: Path | None = None,
    skeleton: Path | None = None,
    options: Annotated[Namespace, add_feature_options],
) -> None:
    """Find the actions in recordings.

    Features are made of them (asot extract), the actions learnt, every recording segmented (asot
    train), and a page to look at written (asot page). RECORDINGS are videos, sensor logs, poses or
    arrays, folders of these, or a folder that asot extract filled. The same command goes on where
    it was interrupted. With --model, recordings are segmented into the actions of an earlier run.
    Example: asot segment videos/ --out results

    n_actions: How many actions to look for; found from the recordings unless given.
    model: Folder of an earlier asot segment or asot train, to apply.
    recipe: Settings of the learning: the name of a recipe, or a YAML file.
    videos: Folder with the videos of poses or sensor logs, to show with them.
    skeleton: File with the points of poses to join: pairs of names in YAML, JSON or CSV, or
        DeepLabCut's config.yaml.
    background: Leave frames without an action where no other recording shows anything similar.
    """
    if model is not None and n_actions is not None:
        rule = "--n_actions must be left out with --model, which has its own."
        raise ConfigurationError(rule, setting="n_actions")
    if isinstance(n_actions, int):
        require_integer("--n_actions", n_actions, at_least=1)

    earlier = None if model is None else earlier_settings(model, options.backbone)
    features = feature_settings(options, earlier)
    settings = load_recipe(recipe)
    settings = replace(settings, n_actions=n_actions or settings.n_actions or "auto")
    if background:
        settings = replace(settings, background=True)
    settings.check()
    with progress() as bars:
        segmented = segment(
            recordings,
            out,
            settings,
            features,
            kind=options.kind,
            seed=seed,
            model=model,
            videos=videos,
            skeleton=skeleton,
            progress=bars,
            told=lambda outcome: show_outcome(outcome, out / "data"),
        )
        pages = write_page(segmented.folder, out / PAGE, embed=embed, progress=bars)
    show_segmented(segmented, out, pages)
