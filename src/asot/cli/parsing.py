"""What the commands' parsers share."""

from __future__ import annotations

import difflib
import glob
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from jsonargparse import ArgumentParser, Namespace

from asot.errors import ConfigurationError
from asot.model.recipe import Recipe, find_recipe, load_recipe

KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "list": "a list such as [1,2]",
    "dict": "names with an integer each",
    "NoneType": "null",
}


class Parser(ArgumentParser):
    """A parser whose errors are one sentence, with exit code 2.

    Options are spelt with underscores, as the settings are; hyphens do as well.
    """

    def __init__(self, command: str, summary: str, usage: str) -> None:
        super().__init__(
            prog=f"asot {command}",
            description=summary,
            usage=f"asot {command} {usage}",
            allow_abbrev=False,
            print_config=None,
        )

    def parse(self, words: Sequence[str]) -> Namespace:
        """Parse the words after the command."""
        return self.parse_args([self._spelt(word) for word in words])

    def _spelt(self, word: str) -> str:
        """``--ground-truth=my-file`` as ``--ground_truth=my-file``; names of activities stay."""
        if not word.startswith("--"):
            return word
        name, equals, value = word.partition("=")
        spelt = "--" + name[2:].replace("-", "_")
        if spelt not in self._option_string_actions:
            head, dot, activity = name[2:].partition(".")
            spelt = "--" + head.replace("-", "_") + dot + activity
        return spelt + equals + value

    def require(self, values: Namespace, *names: str) -> None:
        """Refuse values that lack one of these options."""
        missing = [name for name in names if values[name] is None]
        if missing:
            self.error(f"the following arguments are required: {', '.join(missing)}")

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the sentence and end."""
        known = {
            action.dest: action.option_strings[0] if action.option_strings else action.dest.upper()
            for action in self._actions
        }
        sentence = _sentence(" ".join(message.split()), known)
        sys.stderr.write(f"asot: {sentence} ({self.prog} --help)\n")
        sys.exit(2)


def recipe_parser(command: str, summary: str, usage: str) -> Parser:
    """A parser with a recipe and an option for every setting of it."""
    parser = Parser(command, summary, usage)
    parser.add_argument("recipe", type=str, help="Name of a recipe, or a YAML file.")
    parser.add_argument(
        "--config",
        action="append",
        help="YAML file with settings to put on top of the recipe's; may be given several times.",
    )
    parser.add_argument(
        "--print_config",
        action="store_true",
        help="Print the recipe with all its settings as YAML, and do nothing else.",
    )
    parser.add_class_arguments(Recipe)
    return parser


def parse_recipe(parser: Parser, words: Sequence[str]) -> tuple[Namespace, Recipe]:
    """The values of a ``recipe_parser``: the recipe's, under those of ``--config``, under options.

    Raises
    ------
    ConfigurationError
        If a file or a setting cannot be used; the sentence names it.
    """
    words = _recipe_first(words)
    values = parser.parse(words)
    files = [find_recipe(values.recipe)]
    for file in values.config or []:
        if not Path(file).is_file():
            raise ConfigurationError(f"{file} does not exist or is no file: --config takes a YAML.")
        files.append(Path(file))
    for path in files:
        load_recipe(str(path))  # refuses what is no recipe, in a sentence that names the file
    parser.default_config_files = [glob.escape(str(path)) for path in files]
    values = parser.parse(words)
    known = set(Recipe.__dataclass_fields__)
    chosen = {key: value for key, value in values.as_dict().items() if key in known}
    return values, Recipe.from_dict(chosen)


def _recipe_first(words: Sequence[str]) -> list[str]:
    """``--recipe NAME`` for those who look for an option: the recipe is the first word."""
    words = list(words)
    for place, word in enumerate(words):
        if word.startswith("--recipe="):
            return [word.partition("=")[2], *words[:place], *words[place + 1 :]]
        if word == "--recipe" and place + 1 < len(words):
            return [words[place + 1], *words[:place], *words[place + 2 :]]
    return words


def check_seed(seed: int) -> None:
    """Refuse a seed that not every generator takes."""
    if not 0 <= seed < 2**32:
        raise ConfigurationError(f"--seed must be from 0 to {2**32 - 1}, not {seed}.")


def out_folder(path: str) -> Path:
    """A folder that results can be written to, made or not: refused before any work is done."""
    folder = Path(path)
    nearest = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    if not nearest.is_dir():
        raise ConfigurationError(f"--out must be a folder, but {nearest} is a file.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigurationError(f"--out must be a folder to write to, but {nearest} forbids it.")
    return folder


def _sentence(message: str, known: Mapping[str, str]) -> str:
    """What the libraries say of wrong words, in one plain sentence where we know how.

    ``known`` are the arguments as they are written, by the names that the libraries use.
    """
    if found := re.fullmatch(r"unrecognized arguments: (\S+).*", message):
        word = found[1].partition("=")[0]
        if not word.startswith("-"):
            return f"There is no place for the word {found[1]!r}."
        close = difflib.get_close_matches(word, known.values(), 1)
        return f"There is no option {word}{f': is {close[0]} meant?' if close else '.'}"
    if found := re.fullmatch(r"the following arguments are required: (.+)", message):
        names = [known.get(name, name) for name in found[1].split(", ")]
        return f"{' and '.join(names)} must be given."
    if found := re.fullmatch(r"argument (\S+): expected (?:one|at least one) argument", message):
        return f"{found[1]} needs a value."
    if found := re.match(r'Parser key "([^"]+)": Unable to load config (\'.*?\')', message):
        return f"--{found[1]} must be a YAML file with its settings, not {found[2]}."
    found = re.fullmatch(r'Parser key "(.+?)":.*(?:Got|Given) value: (.*)', message)
    types = set(re.findall(r"Expected a <class '(\w+)'>", message))
    if found is None or not types <= set(KINDS):
        return message.rstrip(".") + "."
    if "float" in types:
        types.discard("int")
    kinds = " or ".join(KINDS[one] for one in KINDS if one in types)
    given = re.sub(r"NestedArg\(key='(.*?)', val=(.*)\)", r"\1: \2", found[2])
    return f"--{found[1]} must be {kinds}, not {given}."
