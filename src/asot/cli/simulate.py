"""asot data simulate: make a data set from label sequences and a model of the features."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from asot.cli.parsing import Parser, check_seed, out_folder
from asot.errors import ArgumentError

if TYPE_CHECKING:
    from jsonargparse import Namespace

    from asot.simulation import LabelCorpus
    from asot.simulation.features import Preset

USAGE = "[--labels DIR_OR_FILE] --like PRESET --out DIR [--seed N] [settings]"
SUMMARY = (
    "Make a data set: label sequences, read from files or else generated, and features drawn from "
    "a model whose numbers were fitted to real recordings (presets: {presets}). Each setting below "
    "overrides the preset's. Example: asot data simulate --labels breakfast_labels_rle.json "
    "--like breakfast --out DIR"
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    from asot.simulation import FeatureModel, LabelModel, load_preset, preset_names

    parser = Parser("data simulate", SUMMARY.format(presets=", ".join(preset_names())), USAGE)
    parser.add_argument(
        "--labels",
        type=str,
        help="Data-set folder (its groundTruth and mapping), .json of runs or .npz of frame "
        "labels. Generated if not given.",
    )
    parser.add_argument(
        "--names", type=str, help="Names of the classes: a JSON list or a mapping file."
    )
    parser.add_argument(
        "--granularity", type=str, help="Which labels of an .npz file, such as mid or eval."
    )
    parser.add_argument("--like", type=str, help="The preset of the feature model (required).")
    parser.add_argument("--out", type=str, help="The data-set folder to make (required).")
    parser.add_argument("--seed", type=int, default=0, help="Decides everything that is drawn.")
    parser.add_argument("--format", type=str, default="npy", help="npy, or txt as the releases.")
    parser.add_argument(
        "--activity_pattern",
        type=str,
        help="Regular expression whose one group is the activity in a recording's name; the "
        "preset's by default, where it fits all names.",
    )
    parser.add_argument(
        "--recordings",
        type=int,
        help="Take the first so many of each activity, or generate so many.",
    )
    _add_settings(parser, "generate.", LabelModel)
    _add_settings(parser, "", FeatureModel)
    values = parser.parse(words)
    parser.require(values, "like", "out")
    check_seed(values.seed)
    preset = load_preset(values.like)
    model = replace(preset.model, **_given(values, FeatureModel, ""))
    out = out_folder(values.out)
    corpus, pattern = _labels(parser, values, preset)

    from asot.cli.console import progress, say, show_files
    from asot.simulation import write_simulation
    from asot.text import plural

    mapping_files = ("mapping.txt", "mappingeval.txt")[: 1 + (values.granularity == "eval")]
    with progress() as told:
        write_simulation(
            corpus,
            model,
            out,
            seed=values.seed,
            activity_pattern=pattern,
            format=values.format,
            mapping_files=mapping_files,
            progress=told,
        )
    counts = plural(len(corpus.sequences), "recording"), plural(corpus.n_frames, "frame")
    say(f"{', '.join(counts)}, {plural(model.width, 'column')}, seed {values.seed}")
    show_files(
        [
            (out, "the data set"),
            (out / "simulation.yaml", "every number it was made with"),
        ]
    )
    say()
    recipe = "default"
    if values.labels is not None:
        recipe = preset.recipe.format(granularity=values.granularity or "mid")
    say(f"next: asot benchmark {recipe} --data {out} --out RESULTS")
    say(f"      asot data describe {out}")


def _labels(parser: Parser, values: Namespace, preset: Preset) -> tuple[LabelCorpus, str | None]:
    """The label sequences, and the pattern that finds their activities."""
    from asot.simulation import LabelModel, read_label_corpus

    generated = _given(values, LabelModel, "generate.")
    pattern = values.activity_pattern
    if values.labels is None:
        for name in ("names", "granularity"):
            if values[name] is not None:
                parser.error(f"--{name} goes with --labels.")
        if values.recordings is not None:
            generated["n_recordings"] = values.recordings
        return LabelModel(**generated).draw(values.seed), pattern
    if generated:
        parser.error(f"--generate.{next(iter(generated))} does not go with --labels.")
    corpus = read_label_corpus(values.labels, values.names, values.granularity)
    if pattern is None:
        with suppress(ArgumentError):  # the names are of another kind than the preset's
            corpus.activities(preset.activity_pattern)
            pattern = preset.activity_pattern
    if values.recordings is not None:
        corpus = corpus.first(values.recordings, pattern)
    return corpus, pattern


def _add_settings(parser: Parser, prefix: str, model: type[Any]) -> None:
    """Add an option for each number of a model, whose docstring has the help."""
    from docstring_parser import parse

    helps = {param.arg_name: param.description for param in parse(model.__doc__ or "").params}
    for setting in fields(model):
        if setting.name != "n_recordings":
            kind = int if setting.type == "int" else float
            # None, so that what was given is known from what was not.
            name = f"--{prefix}{setting.name}"
            parser.add_argument(name, type=kind, help=helps[setting.name])


def _given(values: Namespace, model: type[Any], prefix: str) -> dict[str, Any]:
    found = {setting.name: values.get(prefix + setting.name) for setting in fields(model)}
    return {name: value for name, value in found.items() if value is not None}
