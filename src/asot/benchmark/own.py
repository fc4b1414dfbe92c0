"""Rows of a benchmark that people make on the command line: a class of their own, other settings.

``module:Class`` is a class with ``fit_predict``, from a list of (N_i, D) arrays to a list of (N_i,)
labels. ``row(setting=value)`` is a row with other settings. Both are the row's name in results, and
nothing is imported to read those: only ``make``, for a cell that is to be run.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ConfigurationError
from asot.model.recipe import Recipe, changed, flat_settings
from asot.named import PATTERN, brief, import_named
from asot.text import meant

OWN = "a class of one's own; cells that are finished stay when its code changes"
MOST = 150  # bytes of a name as that of a folder, where a colon and a quote take three
# Nothing that a table, a page or a terminal reads as more than text.
_NAME = re.compile(rf"(?P<base>[\w-]+|{PATTERN})(\((?P<settings>[\w.,=+\[\]'\" -]+)\))?")
# What a benchmark decides itself, for all rows alike.
_GIVEN = ("recipe", "n_actions", "keep_epochs", "random_state")
# Of a recipe: what is read of the data once for all rows, and what changes no labels.
_OF_ALL = re.compile(r"name|title|dataset__(?!standardise$).*")

Settings = dict[str, Any]


def split_name(name: str) -> tuple[str, str]:
    """Split a row's name into the method and the text of its settings, which may be empty."""
    found = _NAME.fullmatch(name) if _fits(name) else None
    return (name, "") if found is None else (found["base"], found["settings"] or "")


def spaced(name: str) -> str:
    """Write a row's name as any other with the same settings: blanks after their commas alone.

    >>> spaced("own_order( every = 2,order_prior=0.1)")
    'own_order(every=2, order_prior=0.1)'
    """
    base, settings = split_name(name)
    parts = re.split(r"""('[^']*'|"[^"]*")""", settings)  # what is quoted stays as it is
    for at in range(0, len(parts), 2):
        closed = re.sub(r" *([=,\[\]]) *", r"\1", parts[at])
        parts[at] = re.sub(r",(?=[\w.]+=)", ", ", closed)
    return f"{base}({''.join(parts).strip()})" if settings else base


def is_class(base: str) -> bool:
    """Tell whether a name is that of a class, which need not exist."""
    return _fits(base) and re.fullmatch(PATTERN, base) is not None


def _fits(name: str) -> bool:
    return len(os.fsencode(name)) + 2 * sum(map(name.count, ':"')) <= MOST


def read_settings(text: str) -> Settings:
    """Read settings as they are typed: ``every=2, training.epochs=30``; values are Python's."""
    call = f"row({re.sub(r'[.](?=[a-z_]+ *=)', '__', text)})"
    try:
        parsed: Any = ast.parse(call, mode="eval").body
        settings = {one.arg: ast.literal_eval(one.value) for one in parsed.keywords}
        if parsed.args or None in settings:
            raise ValueError("settings have names")
    except (SyntaxError, ValueError) as error:
        message = f"--methods: the settings ({text}) must be such as (every=2, order_prior=0.1)."
        raise ConfigurationError(message, setting="methods") from error
    return settings


def set_on(made: Any, row: str, settings: Settings) -> Any:
    """Set parameters of a method, or settings of its recipe, which it must heed; return it."""
    from asot.model.segmenter import RecipeSegmenter

    sets = hasattr(made, "get_params")
    known = made.get_params(deep=False) if sets else inspect.signature(type(made)).parameters
    known = [name for name in known if name not in _GIVEN]
    recipe = getattr(made, "recipe", None)
    groups = vars(recipe) if isinstance(recipe, Recipe) else {}
    of_recipe: Settings = {}
    for name, value in settings.items():
        head, _, inner = name.partition("__")
        if name in known:
            made.set_params(**{name: value})
        elif head in groups and head not in _GIVEN and not _OF_ALL.fullmatch(name):
            if inner:
                of_recipe.setdefault(head, {})[inner] = value
            else:
                of_recipe[head] = value
        else:
            has = ", ".join(known) or "none"
            message = f"--methods: {row} has no setting {name.replace('__', '.')!r}: its own are "
            names = list(known)
            if isinstance(recipe, Recipe):
                has += ", beside those of its recipe"
                theirs = (one for one, _ in flat_settings(recipe.to_dict()))
                names += [one for one in theirs if not _OF_ALL.fullmatch(one.replace(".", "__"))]
            names = [one for one in names if one not in _GIVEN]
            close = "." if name in _GIVEN else meant(name.replace("__", "."), names)
            raise ConfigurationError(f"{message}{has}{close}", setting="methods")
    if of_recipe:
        made.recipe = changed(recipe, of_recipe)
        made.recipe.check()
    if isinstance(made, RecipeSegmenter):
        used = made._recipe()  # which checks its own settings
        idle = [name for name, one in of_recipe.items() if changed(used, {name: one}) != used]
        if idle:
            message = f"--methods: {row} does not heed the setting {idle[0]!r}: leave it out."
            raise ConfigurationError(message, setting="methods")
    return made


def make_own(name: str, offered: Settings, settings: Settings) -> Any:
    """Make the class ``module:Class`` with what its signature has of ``offered``, and settings.

    Raises ConfigurationError where it cannot be imported or made, or lacks ``fit_predict``.
    """
    made_of = import_named(name, "method", "methods")[1]
    if not (inspect.isclass(made_of) and callable(getattr(made_of, "fit_predict", None))):
        message = f"--methods: {name} must be a class with a method fit_predict, which takes a list"
        message += f" of (frames, columns) arrays and returns a list of labels, but is {made_of!r}."
        raise ConfigurationError(message, setting="methods")
    try:
        taken = inspect.signature(made_of).parameters
        own = {key: one for key, one in settings.items() if key in taken and key not in _GIVEN}
        made = made_of(**{key: one for key, one in offered.items() if key in taken}, **own)
    except Exception as error:  # other people's code
        message = f"--methods: {name} cannot be made: {brief(error)}."
        raise ConfigurationError(message, setting="methods") from error
    set_on(made, name, {key: one for key, one in settings.items() if key not in own})
    from asot.model.segmenter import Segmenter

    # asot's own tell more than labels, such as their objective.
    return made if isinstance(made, Segmenter) else OwnMethod(made, name)


class OwnMethod:
    """A class of somebody's own, in the form of asot's segmenters."""

    def __init__(self, made: Any, name: str) -> None:
        self._made, self._name = made, name
        self.shared = bool(getattr(made, "shared", True))  # labels mean the same everywhere

    def fit(self, X: Sequence[NDArray[Any]]) -> OwnMethod:
        """Segment recordings by ``fit_predict``; check and keep the labels."""
        arrays = list(X)
        labels = [np.asarray(one) for one in self._made.fit_predict(arrays)]
        wanted = [(len(one),) for one in arrays]
        found = [one.shape for one in labels]
        if found != wanted or any(one.dtype.kind not in "iu" for one in labels):
            at = next((i for i, one in enumerate(wanted) if found[i : i + 1] != [one]), 0)
            has = f"{found[at]} of {labels[at].dtype}" if at < len(found) else "none"
            raise ConfigurationError(
                f"{self._name} must return a whole number for each frame of {len(wanted)} "
                f"recordings, but recording {at} of {wanted[at][0]} frames has {has}.",
                setting="methods",
            )
        self.labels_ = [one.astype(np.int64) for one in labels]
        return self
