"""asot segment: from recordings to a timeline in one go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from asot.cli.features import add_feature_options, feature_settings
from asot.cli.parsing import Parser, check_seed, out_folder
from asot.errors import ConfigurationError

USAGE = "RECORDINGS... --out DIR [options]"
SUMMARY = (
    "Find the actions in recordings: make features of them (asot extract), learn the actions and "
    "segment every recording (asot train), and write a page to look at (asot report). RECORDINGS "
    "are videos, sensor logs, poses or arrays, folders of these, or a folder that asot extract "
    "filled. The same command goes on where it was interrupted. With --model, recordings are "
    "segmented into the actions of an earlier run. "
    "Example: asot segment videos/ --out results"
)
RECIPE = "default"


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("segment", SUMMARY, USAGE)
    parser.add_argument("recordings", type=str, nargs="+", help="Files, or folders of them.")
    parser.add_argument(
        "--actions",
        type=int | Literal["auto"],
        help="How many actions to look for; found from the recordings unless given.",
    )
    parser.add_argument("--out", type=str, required=True, help="Folder for the results.")
    parser.add_argument("--seed", type=int, default=0, help="Decides everything that is drawn.")
    parser.add_argument(
        "--model", type=str, help="Folder of an earlier asot segment or asot train, to apply."
    )
    parser.add_argument(
        "--recipe",
        type=str,
        default=RECIPE,
        help="Settings of the learning: the name of a recipe, or a YAML file.",
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="Leave frames without an action where only their own recording shows the like.",
    )
    parser.add_argument(
        "--embed", action="store_true", help="Write the page with its videos as a single file."
    )
    add_feature_options(parser)
    values = parser.parse(words)
    if values.model is not None and values.actions is not None:
        raise ConfigurationError(
            "--actions cannot be given with --model, whose actions are looked for."
        )
    if isinstance(values.actions, int) and values.actions < 1:
        raise ConfigurationError(f"--actions must be at least 1, not {values.actions}.")
    check_seed(values.seed)
    out = out_folder(values.out)
    from dataclasses import replace

    from asot.cli.console import progress
    from asot.cli.summary import show_segmented
    from asot.model.recipe import load_recipe
    from asot.runs.reporting import write_page
    from asot.runs.segment import earlier_settings, segment

    model = None if values.model is None else Path(values.model)
    video, series = feature_settings(values, None if model is None else earlier_settings(model))
    recipe = load_recipe(values.recipe)
    recipe = replace(recipe, n_actions=values.actions or recipe.n_actions or "auto")
    if values.background:
        recipe = replace(recipe, background=True)
    recipe.check()
    with progress() as told:
        segmented = segment(
            values.recordings,
            out,
            recipe=recipe,
            seed=values.seed,
            video=video,
            series=series,
            model=model,
            progress=told,
        )
        pages = write_page(segmented.folder, out / "report", embed=values.embed, progress=told)
    show_segmented(segmented, out, pages)
