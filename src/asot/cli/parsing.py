"""Commands from functions: each parameter is a word or an option, and the docstring its help.

A line ``name: text`` of the docstring is the help of a parameter. Positional parameters are words
of the command, keyword-only parameters options; without a default they must be given. A parameter
of type ``Recipe`` brings an option for each setting of a recipe, and one of type
``Annotated[Namespace, add]`` the options that ``add(parser)`` adds.
"""

from __future__ import annotations

import difflib
import glob
import inspect
import os
import re
import sys
from argparse import SUPPRESS, Action
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace

from asot.errors import ConfigurationError, require_integer, require_number
from asot.folders import sole_use
from asot.model.devices import is_main_process
from asot.model.recipe import Recipe, find_recipe, load_recipe, shipped_recipes
from asot.remote import mirrored, require_writable
from asot.runs.run import recipe_yaml
from asot.strangers import require_inside
from asot.workers import ENGINES, Workers

# The help of parameters that several commands share.
HELP = {
    "activity_pattern": "Regular expression whose one group is the activity in a recording's name.",
    "choose": "Add rows of a seed (and epoch) chosen without ground truth: objective (the lowest "
    "training objective), agreement (of three seeds or more, that most like the others).",
    "data": "Folder of the data set, where it is no longer where it was.",
    "embed": "Write the page with its videos as a single file, to send to somebody.",
    "figures": "Recordings to draw, of each activity; 0 for none.",
    "frame_rate": "Frames a second, where the recordings have no times.",
    "mapping": "Mapping file in mapping/ to use.",
    "oracle": "Add rows of the seed that the ground truth likes best.",
    "out": "Folder for the results.",
    "published": "Also print the scores that single papers call F1, IoU and JSD, to compare with "
    "their tables. The files have them always.",
    "recordings": "Files, or folders of them.",
    "results": "Folder of asot segment, train or predict.",
    "seed": "Decides everything that is drawn.",
    "shard": "i/n: only the i-th of n shares of the work, for a job array, or for n machines that "
    "share the disk; then give the command without it.",
    "skeleton": "File with the points of poses to join: pairs of names in YAML, JSON or CSV, or "
    "DeepLabCut's config.yaml.",
    "workers": "Jobs at once (recordings, learners, cells); as many as cores unless given. Results "
    "do not depend on it.",
    "engine": "What runs them: processes of this machine, or ray, for a cluster.",
    "videos": "Folder with the videos of poses or sensor logs, to show with them.",
}
HELP_ALL = "--help_all"
# Words that name something in a store; --other has a name before it.
_URL = re.compile(r"(?P<option>(--\w+=)?(\w[\w .-]*=)?)(?P<url>[a-zA-Z][a-zA-Z0-9+.-]*://.+)")
CONFIG = "YAML file with settings to put on top of the recipe's; can be repeated."
PRINT_CONFIG = "Print the recipe with all its settings as YAML, and do nothing else."
KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "list": "a list such as [1,2]",
    "dict": "names with an integer each",
    "NoneType": "null",
}


def run_command(command: str, function: Callable[..., None], words: Sequence[str]) -> None:
    """Parse the words after a command, and call its function with them, URLs as local paths."""
    parser = Parser(command, function)
    words = [_spelt(word) for word in words]
    found = {place: one for place, word in enumerate(words) if (one := _URL.fullmatch(word))}
    if not found:
        return _run(parser, function, words)
    with mirrored(*(one["url"] for one in found.values())) as paths:
        for (place, one), path in zip(found.items(), paths, strict=True):
            words[place] = f"{one['option']}{path}"
        return _run(parser, function, words)


def _run(parser: Parser, function: Callable[..., None], words: list[str]) -> None:
    if {"-h", "--help", HELP_ALL} & set(words):
        if parser.takes_recipe:
            named = "default" if words[0].startswith("-") else words[0]
            parser.set_defaults(load_recipe(named).to_dict())
        if HELP_ALL not in words:
            parser.shorten_help()
        words = ["--help"]
    values = parser.parse_args(words)
    if parser.takes_recipe:
        values.recipe = _read_recipe(parser, values, words)
        if values.print_config:
            sys.stdout.write(recipe_yaml(values.recipe))
            return
    # The options that another function added are given to their parameter together.
    given = {name: values.get(_word(name), values) for name in parser.hints}
    missing = [name for name in parser.needed if given[name] is None]
    if missing:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    for name, most in (("seed", 2**32 - 1), ("seeds", None), ("workers", None)):
        if given.get(name) is not None:
            require_integer(f"--{name}", given[name], at_least=int(most is None), at_most=most)
    if given.get("frame_rate") is not None:
        require_number("--frame_rate", given["frame_rate"], above=0)
    if given.get("out") is not None:
        _check_out(given["out"])
    with ExitStack() as stack:
        for folder, shard, reading in _used(given):
            stack.enter_context(sole_use(folder, shard, reading))
        if "workers" in given:
            given["workers"] = Workers(values.workers, values.engine)
            stack.enter_context(given["workers"].in_use())
        function(**given)


def _used(given: Mapping[str, Any]) -> list[tuple[Path, str, bool]]:
    """List the folders that a command uses, from the outside in: its shard, and whether it reads.

    Of processes that train together, one alone writes; srun also starts several for other work.
    """
    out, results = given.get("out"), given.get("results")
    if "devices" in given and not given.get("shard") and not is_main_process():
        return []
    folders = [] if out is None else [(out, str(given.get("shard") or ""), False)]
    if results is not None and results.is_dir():
        folders.append((results, "", "to" in given and out is not None))
    return sorted(folders, key=lambda one: len(one[0].resolve().parts))


def _read_recipe(parser: Parser, values: Namespace, words: Sequence[str]) -> Recipe:
    """Read the recipe; settings of ``--config`` override it, and options override both."""
    files = [find_recipe(values.recipe), *map(Path, values.config or [])]
    for path in files:
        if not path.is_file():
            raise ConfigurationError(f"--config must be a YAML file, but {path} is not a file.")
        load_recipe(str(path))  # refuses other files in a sentence that names them
    parser.default_config_files = [glob.escape(str(path)) for path in files]
    settings = parser.parse_args(words).as_dict()
    known = set(Recipe.__dataclass_fields__)
    return Recipe.from_dict({key: one for key, one in settings.items() if key in known})


class _Help(DefaultHelpFormatter):
    """Help that tells what a value may be, and what it is unless given, in words."""

    def _get_help_string(self, action: Action) -> str:
        text, value = action.help or "", action.default
        kind = getattr(action, "_typehint", None) or action.type
        notes = [] if action.nargs == 0 else [_in_words(kind)]
        if action.required and "(required)" not in text:
            notes = ["required"]
        elif value not in (None, SUPPRESS, "", []) and action.option_strings and action.nargs != 0:
            notes.append(f"default: {str(value).lower() if isinstance(value, bool) else value}")
        said = "; ".join(filter(None, notes))
        return f"{text} ({said})" if said and action.dest != "help" else text


def _in_words(kind: Any) -> str:
    """Tell what a value may be, as ``a number, or auto``; nothing of texts and of true or false."""
    if get_origin(kind) is Literal:
        return ", or ".join(map(str, get_args(kind)))
    if get_origin(kind) in (Union, UnionType):
        return ", or ".join(dict.fromkeys(filter(None, map(_in_words, get_args(kind)))))
    if kind in (int, float):
        return "a number"
    name = getattr(get_origin(kind), "__name__", "")
    return KINDS[name] if name in ("list", "dict") else ""


class Parser(ArgumentParser):
    """A parser of a function's arguments, whose errors are one sentence, with exit code 2.

    Options are spelt with underscores, as the settings are; hyphens do as well.
    """

    def __init__(self, command: str, function: Callable[..., None]) -> None:
        parameters = inspect.signature(function).parameters
        document = inspect.getdoc(function) or ""
        summary, *rest = re.split(rf"\n({'|'.join(parameters)}): ", document)
        helps = HELP | dict(zip(rest[::2], rest[1::2], strict=True))
        super().__init__(
            prog=f"asot {command}",
            description=summary,
            formatter_class=_Help,
            allow_abbrev=False,
            print_config=None,
        )
        self.hints = get_type_hints(function, include_extras=True)
        del self.hints["return"]
        self.takes_recipe = Recipe in self.hints.values()
        self.needed = [name for name, one in parameters.items() if one.default is one.empty]
        self.rare: set[str] = set()  # the options that --help_all shows alone
        shown = [self._add(name, one, helps.get(name)) for name, one in parameters.items()]
        self.usage = " ".join(filter(None, (f"asot {command}", *shown, "[options]")))

    def _add(self, name: str, parameter: inspect.Parameter, text: str | None) -> str:
        """Add a parameter, and return its part of the usage."""
        hint, needed = self.hints[name], name in self.needed
        if hint is Recipe:
            known = ", ".join(shipped_recipes())
            self.add_argument(name, type=str, help=f"Name of a recipe ({known}), or a YAML file.")
            self.add_argument("--config", action="append", help=CONFIG)
            self.add_argument("--print_config", action="store_true", help=PRINT_CONFIG)
            self.add_class_arguments(Recipe)
            nested = {one.dest for one in self._actions if "." in one.dest}
            self.rare |= {*nested, *(one.partition(".")[0] for one in nested), "name", "title"}
            return "RECIPE"
        if hint is Workers:
            self.needed.remove(name)
            self.add_argument("--workers", type=int, help=HELP["workers"])
            self.add_argument("--engine", type=Literal[tuple(ENGINES)], help=HELP["engine"])
            return ""
        if get_origin(hint) is Annotated:
            self.needed.remove(name)
            get_args(hint)[1](self)
            return ""
        kind, several = _kind_of(hint)
        settings: dict[str, Any] = {"help": text, "type": kind, "default": parameter.default}
        if kind is bool:
            settings["action"] = "store_true"
            del settings["type"]
        if needed:
            del settings["default"]
        shown = name.upper() + ("..." if several else "")
        if several:
            settings["nargs"] = "+"
        if parameter.kind is parameter.KEYWORD_ONLY:
            # --print_config of a recipe does not need them, so they are checked after parsing.
            word = f"--{_word(name)}"
            self.add_argument(word, **settings, required=needed and not self.takes_recipe)
            return f"{word} {shown}" if needed else ""
        if not needed:
            settings["nargs"] = "*" if several else "?"
        self.add_argument(name, **settings)
        return shown if needed else f"[{shown}]"

    def shorten_help(self) -> None:
        """Leave options that few people need out of the help, and say how to see them."""
        for action in self._actions:
            if action.dest in self.rare:
                action.help = SUPPRESS
        if self.rare:
            self.epilog = f"{len(self.rare)} more options: {self.prog} {HELP_ALL}"

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the error as a sentence, and exit with code 2."""
        known = {one.dest: (*one.option_strings, one.dest.upper())[0] for one in self._actions}
        sentence = _sentence(" ".join(message.split()), known)
        sys.stderr.write(f"asot: {sentence} ({self.prog} --help)\n")
        sys.exit(2)


def _word(name: str) -> str:
    """Return the word for a parameter, which ends in a bar where Python keeps the word itself."""
    return name.removesuffix("_")


def _spelt(word: str) -> str:
    """Spell ``--ground-truth=my-file`` as ``--ground_truth=my-file``; activities stay."""
    name, equals, value = word.partition("=")
    head, dot, rest = name.replace("-", "_").partition(".")
    if not name.startswith("--"):
        return word
    if head == "__n_actions":
        rest = name.partition(".")[2]
    return f"--{head[2:]}{dot}{rest}{equals}{value}"


def _check_out(folder: Path) -> None:
    """Refuse a folder that results cannot be written to, before any work is done."""
    nearest = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    if not nearest.is_dir():
        raise ConfigurationError(f"--out must be a folder, but {nearest} is a file.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigurationError(f"--out must be a folder to write to, but {nearest} forbids it.")
    require_writable(folder)
    if folder.is_dir():
        require_inside(folder)


def _kind_of(hint: Any) -> tuple[Any, bool]:
    """Return the type of one word of a parameter, and tell whether it takes several."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kind: Any = Union.__getitem__(tuple(one for one in kinds if one is not NoneType))
    return (get_args(kind)[0], True) if get_origin(kind) is list else (kind, False)


def _sentence(message: str, known: Mapping[str, str]) -> str:
    """Reword a library's message on wrong arguments as one plain sentence, where it is known.

    ``known`` are the arguments as they are written, by the names that the libraries use.
    """
    if found := re.fullmatch(r"unrecognized arguments: (\S+).*", message):
        word = found[1].partition("=")[0]
        if not word.startswith("-"):
            return f"There is no place for the word {found[1]!r}."
        close = difflib.get_close_matches(word, known.values(), 1, cutoff=0.7)
        return f"There is no option {word}{f': is {close[0]} meant?' if close else '.'}"
    if found := re.fullmatch(r"the following arguments are required: (.+)", message):
        names = [known.get(name, name) for name in found[1].split(", ")]
        return f"{' and '.join(names)} must be given."
    if found := re.fullmatch(r"argument (\S+): expected (?:one|at least one) argument", message):
        return f"{found[1]} needs a value."
    if found := re.match(r'Parser key "([^"]+)": Unable to load config (\'.*?\')', message):
        return f"--{found[1]} must be a YAML file with its settings, not {found[2]}."
    pattern = r'Parser key "(.+?)"(?: element \d+)?:.*(?:Got|Given) value: (.*)'
    found = re.fullmatch(pattern, message)
    types = re.findall(r"Expected a <class '(\w+)'>", message)
    if found is None or not {*types} <= {*KINDS}:
        return message.rstrip(".") + "."
    if "float" in types:
        types = [one for one in types if one != "int"]
    kinds = [KINDS[one] for one in KINDS if one in types]
    for literals in re.findall(r"Expected a typing\.Literal\[(.*?)\]", message):
        kinds = [*kinds, *literals.replace("'", "").split(", ")]
    given = re.sub(r"NestedArg\(key='(.*?)', val=(.*)\)", r"\1: \2", found[2])
    return f"--{found[1]} must be {' or '.join(kinds)}, not {given}."
