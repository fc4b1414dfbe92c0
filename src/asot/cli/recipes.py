"""asot recipes: the recipes, what they need on disk, and the published figures."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asot.cli.parsing import Parser

if TYPE_CHECKING:
    from asot.model.notes import Notes, Published
    from asot.model.recipe import Recipe

USAGE = "[RECIPE]"
SUMMARY = (
    "List the recipes that come with asot, with the published figures of their settings. With the "
    "name of a recipe, say what it needs on disk, where the data is to be had, and which commands "
    "run it."
)
WIDTH = 80
INDENT = "    "
NO_BREAK = "\xa0"
# The scores that publications report, and how they call them.
PUBLISHED = {"mof": "MoF", "legacy_f1": "F1", "miou": "mIoU"}
UNSAID = "as many as the ground truth has classes, or --n_actions"
LEGEND = (
    "MoF, F1 and mIoU are published figures in percent, with one matching for each activity; this "
    "F1 is the authors' own, legacy_f1 here. asot recipes RECIPE says where they are from, what "
    "the recipe needs on disk, and where the data is to be had."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("recipes", SUMMARY, USAGE)
    parser.add_argument("recipe", type=str, nargs="?", help="Name of a recipe, or a YAML file.")
    values = parser.parse(words)
    if values.recipe is None:
        _show_all()
    else:
        _show_one(values.recipe)


def _show_all() -> None:
    from asot.cli.console import console, new_table, say
    from asot.model.notes import Notes, read_notes
    from asot.model.recipe import load_recipe, shipped_recipes

    right = ("K", "recordings", *PUBLISHED.values())
    table = new_table("recipe", *right, "data", right=right)
    for name in shipped_recipes():
        notes = read_notes(name) or Notes()
        figures = next((one for one in notes.published if one.matching == "activity"), None)
        table.add_row(
            name,
            _action_range(load_recipe(name)),
            "-" if notes.recordings is None else f"{notes.recordings:,}",
            *_percent(figures),
            notes.what,
        )
    console().print(table)
    say()
    say(_filled(LEGEND))


def _show_one(recipe_name: str) -> None:
    from asot.cli.console import say
    from asot.model.notes import Notes, read_notes
    from asot.model.recipe import load_recipe
    from asot.text import printable

    recipe = load_recipe(recipe_name)
    notes = read_notes(recipe.name) or Notes()
    say(printable(recipe.name), style="bold")
    say(_filled(printable(recipe.title)))
    say()
    for label, fact in _facts(recipe, notes).items():
        say(_filled(fact, f"{label:<12}"))
    place = [] if recipe.dataset.folder is None else ["DIR may also be the inner folder itself."]
    _section("On disk", [*notes.disk.splitlines(), *place] if notes.disk else [])
    _section("Where it is to be had", [_filled(text, "- ") for text in notes.sources])
    _section("Published, in percent", _published(notes))
    _section("A stand-in for the data", [_filled_command(text) for text in notes.stand_in])
    _section("Commands", _commands(recipe_name, recipe))
    _section("To know", [_filled(text, "- ") for text in notes.remarks])


def _section(title: str, paragraphs: Sequence[str]) -> None:
    from asot.cli.console import say

    if paragraphs:
        say()
        say(title, style="bold")
        say(textwrap.indent("\n".join(paragraphs), INDENT))


def _facts(recipe: Recipe, notes: Notes) -> dict[str, str]:
    """What can be said in a line or two each, by its label."""
    from asot.text import printable

    counts = recipe.activities.items()
    each = ", ".join(f"{printable(name)}{NO_BREAK}{count}" for name, count in counts)
    one_number = UNSAID if recipe.n_actions is None else str(recipe.n_actions)
    facts = {
        "Actions": each or one_number,
        "Recordings": "" if notes.recordings is None else f"{notes.recordings:,}",
        "Classes": "" if notes.classes is None else str(notes.classes),
        "Left out": ", ".join(f"class {one}" for one in recipe.dataset.exclude),
        "Citation": notes.citation or "",
        "Licence": notes.licence or "",
    }
    return {label: fact for label, fact in facts.items() if fact}


def _published(notes: Notes) -> list[str]:
    """One line for the figures of each matching, and whose they are."""
    lines = []
    for one in notes.published:
        figures = ", ".join(
            f"{title} {figure}"
            for title, figure in zip(PUBLISHED.values(), _percent(one), strict=True)
            if figure != "-"
        )
        lines.append(f"{one.method}, matching by {one.matching}: {figures}")
    sources = dict.fromkeys(one.source for one in notes.published)
    lines += [
        _filled(f"Source: {text}. F1 is the authors' own: legacy_f1 here.") for text in sources
    ]
    return lines


def _commands(recipe_name: str, recipe: Recipe) -> list[str]:
    """The commands that check, train, benchmark and print, ready to be copied."""
    name = shlex.quote(recipe_name)
    dataset = recipe.dataset
    options = {
        "--dataset": dataset.folder,
        "--mapping": dataset.mapping,
        "--activity_pattern": dataset.activity_pattern,
    }
    check = "".join(f" {key} {shlex.quote(one)}" for key, one in options.items() if one is not None)
    return [
        f"asot data check DIR{check}",
        f"asot train {name} --data DIR --out RUN",
        f"asot benchmark {name} --data DIR --seeds 5 --out OUT",
        f"asot train {name} --print_config    # all its settings",
    ]


def _action_range(recipe: Recipe) -> str:
    counts = list(recipe.activities.values())
    if not counts:
        return "-" if recipe.n_actions is None else str(recipe.n_actions)
    return f"{min(counts)}-{max(counts)}"


def _percent(figures: Published | None) -> list[str]:
    scores = {} if figures is None else figures.scores
    return [f"{100 * scores[name]:.1f}" if name in scores else "-" for name in PUBLISHED]


def _filled(text: str, first: str = "") -> str:
    """Fill a paragraph that hangs from its first words; addresses stay whole."""
    filled = textwrap.fill(
        text,
        WIDTH - len(INDENT),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(NO_BREAK, " ")


def _filled_command(text: str) -> str:
    """A command over several lines, as a shell takes it; a value stays with its option."""
    lines = textwrap.wrap(
        re.sub(r"(--\S+) (?!-)", rf"\1{NO_BREAK}", text),
        WIDTH - len(INDENT) - 2,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return " \\\n".join(lines).replace(NO_BREAK, " ")
