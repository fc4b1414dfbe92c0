"""Trees of settings: built from plain dicts, and checked against their annotations.

Nothing here imports torch, so that the command line can show its help at once.
"""

from __future__ import annotations

import dataclasses
import math
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from asot.errors import ConfigurationError

_KINDS = {
    int: "an integer",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def require(condition: bool, name: str, rule: str, value: Any) -> None:
    """Raise the one sentence of a setting that breaks its rule."""
    if not condition:
        raise ConfigurationError(f"{name} must be {rule}, but is {value!r}.")


def build(default: Any, values: Any, place: str = "") -> Any:
    """``default``, a dataclass instance, with the settings in ``values`` in place of its own.

    Raises
    ------
    ConfigurationError
        If a setting is unknown, or a part of the tree is no dict.
    """
    if not isinstance(values, dict):
        raise ConfigurationError(f"{place or 'A recipe'} must hold settings, but is {values!r}.")
    known = [item.name for item in dataclasses.fields(default)]
    changes = {}
    for name, value in values.items():
        where = f"{place}.{name}" if place else str(name)
        if name not in known:
            raise ConfigurationError(
                f"{where} is no setting of a recipe; known there: {', '.join(known)}."
            )
        old = getattr(default, name)
        changes[name] = build(old, value, where) if dataclasses.is_dataclass(old) else value
    return dataclasses.replace(default, **changes)


def check_types(settings: Any, place: str = "") -> None:
    """Refuse values of a dataclass tree that are not what their annotations say.

    Raises
    ------
    ConfigurationError
        With a sentence that names the setting, its type and its value.
    """
    for name, hint in get_type_hints(type(settings)).items():
        where = f"{place}.{name}" if place else name
        value = getattr(settings, name)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            require(isinstance(value, hint), where, "a group of settings", value)
            check_types(value, where)
        else:
            require(_fits(value, hint), where, _described(hint), value)


def _fits(value: Any, hint: Any) -> bool:
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, one) for one in arguments)
    if get_origin(hint) is Literal:
        return value in arguments
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_fits(one, arguments[0]) for one in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(
            _fits(key, arguments[0]) and _fits(one, arguments[1]) for key, one in value.items()
        )
    if hint in (int, float) and isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, hint)


def _described(hint: Any) -> str:
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        # Every integer is a number.
        kinds = [one for one in arguments if one is not int or float not in arguments]
        return " or ".join(_described(one) for one in kinds)
    if get_origin(hint) is Literal:
        return " or ".join(str(one) for one in arguments)
    if get_origin(hint) is list:
        return f"a list, each {_described(arguments[0])}"
    if get_origin(hint) is dict:
        return f"names, each with {_described(arguments[1])}"
    return _KINDS[hint]
