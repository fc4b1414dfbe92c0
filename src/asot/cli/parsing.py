"""What the commands' parsers share."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from asot.errors import ConfigurationError
from asot.learning.configuration import Recipe, find_recipe


class Parser(ArgumentParser):
    """A parser whose errors are one sentence, with exit code 2."""

    def __init__(self, command: str, summary: str, usage: str, **options: Any) -> None:
        super().__init__(
            prog=f"asot {command}",
            description=summary,
            usage=f"asot {command} {usage}",
            allow_abbrev=False,
            **options,
        )

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the sentence and end."""
        sentence = " ".join(message.split())
        kept = re.fullmatch(r'Parser key "(.+?)":.*(?:Got|Given) value: (.*)', sentence)
        if kept is not None:
            types = " or ".join(dict.fromkeys(re.findall(r"Expected a <class '(\w+)'>", sentence)))
            rule = {"int": "an integer", "float": "a number", "int or float": "a number"}
            nullable = types.endswith(" or NoneType")
            types = types.removesuffix(" or NoneType")
            name, value = kept.groups()
            wanted = rule.get(types, types or "of another type") + (" or null" if nullable else "")
            sentence = f"--{name} must be {wanted}, not {value}."
        sys.stderr.write(f"asot: {sentence} (asot {self.prog.split()[-1]} --help)\n")
        sys.exit(2)


def recipe_parser(command: str, summary: str, usage: str, recipe: str | None) -> Parser:
    """A parser with an option for every setting of a recipe, whose values are the defaults."""
    files = [] if recipe is None else [str(find_recipe(recipe))]
    parser = Parser(command, summary, usage, default_config_files=files)
    parser.add_argument("--config", action="config", help="YAML with settings to put on top.")
    parser.add_class_arguments(Recipe)
    return parser


def recipe_of(values: Namespace) -> Recipe:
    """The recipe among parsed values."""
    known = set(Recipe.__dataclass_fields__)
    return Recipe.from_dict({key: value for key, value in values.as_dict().items() if key in known})


def first_word(words: Sequence[str], what: str, example: str) -> tuple[str, list[str]]:
    """Split the leading positional word off.

    Raises
    ------
    ConfigurationError
        If the words do not start with one.
    """
    if not words or words[0].startswith("-"):
        raise ConfigurationError(f"Name {what} first, as in: {example}")
    return words[0], list(words[1:])
