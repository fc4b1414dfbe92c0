"""asot data simulate: make a data set from label sequences and a model of the features."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from docstring_parser import parse
from jsonargparse import Namespace

from asot.cli.console import progress, say, show_files
from asot.cli.parsing import Parser
from asot.errors import ArgumentError, ConfigurationError
from asot.simulation import (
    FeatureModel,
    LabelCorpus,
    LabelModel,
    load_preset,
    read_label_corpus,
    write_simulation,
)
from asot.simulation.features import Preset
from asot.text import plural


def _add_models(parser: Parser) -> None:
    """Add an option for each number of the models of the labels and of the features."""
    for prefix, model in (("generate.", LabelModel), ("", FeatureModel)):
        helps = {one.arg_name: one.description for one in parse(model.__doc__ or "").params}
        for setting in fields(model):
            if setting.name != "n_recordings":
                kind = int if setting.type == "int" else float
                # Without a default, an option that is not given stays None.
                name = f"--{prefix}{setting.name}"
                parser.add_argument(name, type=kind, help=helps[setting.name])
                parser.rare.add(f"{prefix}{setting.name}")


def simulate(
    *,
    out: Path,
    like: str = "breakfast",
    labels: Path | None = None,
    names: Path | None = None,
    granularity: str | None = None,
    seed: int = 0,
    format: Literal["npy", "txt"] = "npy",
    activity_pattern: str | None = None,
    recordings: int | None = None,
    settings: Annotated[Namespace, _add_models],
) -> None:
    """Make a data set of label sequences and features.

    The label sequences are read from files or else generated; the features are drawn from a model
    whose numbers were fitted to real recordings. Each setting below overrides the preset's.
    Example: asot data simulate --labels breakfast_labels_rle.json --like breakfast --out DIR

    out: The data-set folder to make.
    like: The preset of the feature model: breakfast, salads or salads_svm.
    labels: Data-set folder (its groundTruth and mapping), .json of runs or .npz of frame labels.
        Generated if not given.
    names: Names of the classes: a JSON list or a mapping file.
    granularity: Which labels of an .npz file, such as mid or eval.
    format: npy, or txt as the releases.
    activity_pattern: Regular expression whose one group is the activity in a recording's name; the
        preset's by default, where it fits all names.
    recordings: Take the first so many of each activity, or generate so many.
    """
    preset = load_preset(like)
    model = replace(preset.model, **_given(settings, FeatureModel))
    generated = _given(settings, LabelModel, "generate.")
    if labels is None:
        for name, value in (("names", names), ("granularity", granularity)):
            if value is not None:
                raise ConfigurationError(f"--{name} needs --labels.", setting=name)
        if recordings is not None:
            generated["n_recordings"] = recordings
        corpus = LabelModel(**generated).draw(seed)
    elif generated:
        name = f"generate.{next(iter(generated))}"
        raise ConfigurationError(f"--{name} must be left out with --labels.", setting=name)
    else:
        corpus, activity_pattern = _read_labels(settings, preset)
    with progress() as bars:
        write_simulation(
            corpus,
            model,
            out,
            seed=seed,
            activity_pattern=activity_pattern,
            format=format,
            mapping_files=("mapping.txt", "mappingeval.txt")[: 1 + (granularity == "eval")],
            progress=bars,
        )
    counts = plural(len(corpus.sequences), "recording"), plural(corpus.n_frames, "frame")
    say(f"{', '.join(counts)}, {plural(model.width, 'column')}, seed {seed}")
    numbers = out / "simulation.yaml"
    show_files((out, "the data set"), (numbers, "every number it was made with"))
    say()
    recipe = "default"
    if labels is not None:
        recipe = preset.recipe.format(granularity=granularity or "mid")
    say(f"next: asot benchmark {recipe} --data {out} --out RESULTS")
    say(f"      asot data describe {out}")


def _read_labels(values: Namespace, preset: Preset) -> tuple[LabelCorpus, str | None]:
    """Read the label sequences, and choose the pattern that finds their activities."""
    corpus = read_label_corpus(values.labels, values.names, values.granularity)
    pattern = values.activity_pattern
    if pattern is None:
        with suppress(ArgumentError):  # the names do not follow the preset's pattern
            corpus.activities(preset.activity_pattern)
            pattern = preset.activity_pattern
    if values.recordings is not None:
        corpus = corpus.first(values.recordings, pattern)
    return corpus, pattern


def _given(values: Namespace, model: type[Any], prefix: str = "") -> dict[str, Any]:
    named = {setting.name: values.get(prefix + setting.name) for setting in fields(model)}
    return {name: value for name, value in named.items() if value is not None}
