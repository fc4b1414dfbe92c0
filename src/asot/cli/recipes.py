"""asot recipes: the recipes, what they need on disk, and the published figures."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence
from typing import Any

from asot.cli.console import console, new_table, say
from asot.model.notes import Notes, Published, read_notes
from asot.model.recipe import load_recipe, shipped_recipes
from asot.text import printable

WIDTH = 80
INDENT = "    "
NO_BREAK = "\xa0"
# The scores that publications report, and how they call them.
PUBLISHED = {"mof": "MoF", "legacy_f1": "F1", "miou": "mIoU"}
LEGEND = (
    "MoF, F1 and mIoU are published figures in percent, with one matching for each activity; this "
    "F1 is the authors' own, legacy_f1 here. asot recipes RECIPE says where they are from, what "
    "the recipe needs on disk, and where to get the data."
)


def run(recipe: str | None = None) -> None:
    """List the recipes that come with asot, with the published figures of their settings.

    With the name of a recipe, say what it needs on disk, where to get the data, and which commands
    run it.

    recipe: Name of a recipe, or a YAML file.
    """
    if recipe is not None:
        show_one(recipe)
        return
    right = ("K", "recordings", *PUBLISHED.values())
    table = new_table("recipe", *right, "data", right=right)
    for name in shipped_recipes():
        settings, notes = load_recipe(name), read_notes(name) or Notes()
        numbers: list[Any] = sorted(settings.activities.values()) or [settings.n_actions or "-"]
        figures = next((one for one in notes.published if one.matching == "activity"), None)
        table.add_row(
            name,
            "-".join(dict.fromkeys((str(numbers[0]), str(numbers[-1])))),
            "-" if notes.recordings is None else f"{notes.recordings:,}",
            *_percent(figures),
            notes.what,
        )
    console().print(table)
    say()
    say(_filled(LEGEND))


def show_one(recipe_name: str) -> None:
    """Print a recipe's facts, needs on disk, sources, figures and commands."""
    recipe = load_recipe(recipe_name)
    notes = read_notes(recipe.name) or Notes()
    say(printable(recipe.name), style="bold")
    say(_filled(printable(recipe.title)))
    say()
    each = ", ".join(f"{printable(a)}{NO_BREAK}{n}" for a, n in recipe.activities.items())
    unsaid = "as many as the ground truth has classes, or --n_actions"
    facts = {
        "Actions": each or str(recipe.n_actions or unsaid),
        "Recordings": "" if notes.recordings is None else f"{notes.recordings:,}",
        "Classes": "" if notes.classes is None else str(notes.classes),
        "Left out": ", ".join(f"class {one}" for one in recipe.dataset.exclude),
        "Citation": notes.citation,
        "Licence": notes.licence,
    }
    for label, fact in facts.items():
        if fact:
            say(_filled(fact, f"{label:<12}"))
    inner = [] if recipe.dataset.folder is None else ["DIR may also be the inner folder itself."]
    published = []
    for one in notes.published:
        pairs = zip(PUBLISHED.values(), _percent(one), strict=True)
        figures = ", ".join(f"{title} {figure}" for title, figure in pairs if figure != "-")
        published.append(f"{one.method}, matching by {one.matching}: {figures}")
    for text in dict.fromkeys(one.source for one in notes.published):
        published.append(_filled(f"Source: {text}. F1 is the authors' own: legacy_f1 here."))
    name, dataset = shlex.quote(recipe_name), recipe.dataset
    options = {
        "--dataset": dataset.folder,
        "--mapping": dataset.mapping,
        "--activity_pattern": dataset.activity_pattern,
    }
    check = "".join(f" {key} {shlex.quote(one)}" for key, one in options.items() if one is not None)
    sections = {
        "On disk": [*notes.disk.splitlines(), *inner] if notes.disk else [],
        "Where to get it": [_filled(text, "- ") for text in notes.sources],
        "Published, in percent": published,
        "A stand-in for the data": [_filled_command(text) for text in notes.stand_in],
        "Commands": [
            f"asot data check DIR{check}",
            f"asot train {name} --data DIR --out RUN",
            f"asot benchmark {name} --data DIR --seeds 5 --out OUT",
            f"asot train {name} --print_config    # all its settings",
        ],
        "To know": [_filled(text, "- ") for text in notes.remarks],
    }
    for title, paragraphs in sections.items():
        if paragraphs:
            say()
            say(title, style="bold")
            say(textwrap.indent("\n".join(paragraphs), INDENT))


def _percent(figures: Published | None) -> list[str]:
    scores = {} if figures is None else figures.scores
    return [f"{100 * scores[name]:.1f}" if name in scores else "-" for name in PUBLISHED]


def _filled(text: str, first: str = "") -> str:
    """Fill a paragraph that hangs from its first words; addresses stay whole."""
    return "\n".join(_wrapped(first + text, WIDTH - len(INDENT), " " * len(first)))


def _filled_command(text: str) -> str:
    """Break a command over several lines, as a shell takes it; a value stays with its option."""
    text = re.sub(r"(--\S+) (?!-)", rf"\1{NO_BREAK}", text)
    return " \\\n".join(_wrapped(text, WIDTH - len(INDENT) - 2, INDENT))


def _wrapped(text: str, width: int, indent: str) -> Sequence[str]:
    wrapper = textwrap.TextWrapper(
        width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(NO_BREAK, " ") for line in wrapper.wrap(text)]
