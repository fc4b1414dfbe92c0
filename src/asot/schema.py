"""Files of ours, read as a stranger's: each is described once, and what does not fit is a sentence.

A schema is a ``msgspec.Struct`` or a dataclass. Whatever lies elsewhere than it says, is of another
type or out of its range ends in a :class:`~asot.errors.FileError` that names the file, the place in
it, the rule and the value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from asot.errors import FileError, unreadable
from asot.files import require_file
from asot.remote import localised
from asot.text import quote

T = TypeVar("T")
_DIGITS = 40
TYPES = {
    **{"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"},
    **{"array": "a list", "object": "values by name", "null": "null"},
}

# A name that becomes part of a path: one component, which cannot leave its folder.
_OTHERS = r"/\\\x00" if os.name == "nt" else r"/\x00"
FileName = Annotated[str, Meta(pattern=rf"\A(?!\.\.?\Z)[^{_OTHERS}]+\Z")]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000)]


def read_json(path: Path, kind: type[T], cure: str = "", urls: bool = False) -> T:
    """Read a JSON file as a value of a type.

    Parameters
    ----------
    path : Path
        The file, in UTF-8, or in UTF-16 with its mark.
    kind : type
        A ``msgspec.Struct``, a dataclass, or any type that msgspec decodes.
    cure : str
        What to do about a file that does not fit, as the end of the sentence.
    urls : bool
        Whether texts that are URLs become the local paths that stand for them, as in files of ours
        that say where others lie. In names that people gave, a URL stays one.

    Raises
    ------
    FileError
        With the place in the file, the rule and the value.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "counts.json"
    >>> _ = path.write_text('{"tea": "two"}')
    >>> try:
    ...     read_json(path, dict[str, int])
    ... except FileError as error:
    ...     print(str(error).partition("counts.json: ")[2])
    a value must be a whole number, got text.
    """
    require_file(path)
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # as PowerShell writes text
            content = content.decode("utf-16", "replace").encode()
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    content = localised(content) if urls else content
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        values = None
        # The content may be malformed behind the place that does not fit.
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            values = msgspec.json.decode(content)
        sentence = _sentence(error, values)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        sentence = f"is not JSON: {str(error).removeprefix('JSON is malformed: ')}"
    raise FileError.at(path, sentence.rstrip(".") + (f": {cure}" if cure else "")) from None


def read_yaml(path: Path) -> Any:
    """Read plain values of a YAML file; ``1e-3`` is a number, where PyYAML reads text.

    Raises
    ------
    FileError
        If the file is not YAML, or its values are not written out: a few lines of aliases stand for
        more than any memory holds.
    """
    import yaml

    require_file(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except UnicodeDecodeError:
        rule = "cannot be read as YAML, as it is not UTF-8 text: save it as UTF-8"
        raise FileError.at(path, rule) from None
    try:
        return yaml.load(text, _yaml_loader())  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        reason = " ".join(f"{error.context or ''} {error.problem or ''}".split())
    except RecursionError:
        line, reason = None, "its brackets are too many inside each other"
    except (yaml.YAMLError, ValueError) as error:  # of a date without a day, too
        line, reason = None, " ".join(str(error).split())
    raise FileError.at(path, f"cannot be read as YAML: {reason}", line) from None


@cache
def _yaml_loader() -> Any:
    import yaml

    class PlainYaml(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                place = self.peek_event().start_mark
                raise yaml.composer.ComposerError(
                    None, None, "an alias is not read: write its value", place
                )
            return super().compose_node(parent, index)

        def construct_yaml_int(self, node: Any) -> int:
            if len(node.value) > _DIGITS:
                rule = f"a whole number has more than {_DIGITS} digits"
                raise yaml.constructor.ConstructorError(None, None, rule, node.start_mark)
            return int(super().construct_yaml_int(node))

    number = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
    PlainYaml.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    PlainYaml.add_constructor("tag:yaml.org,2002:int", PlainYaml.construct_yaml_int)
    return PlainYaml


def convert(
    path: Path,
    values: Any,
    kind: type[T],
    cure: str = "",
    dec_hook: Callable[[Any, Any], Any] | None = None,
) -> T:
    """Give plain values, which were read from ``path``, the form of a type.

    ``dec_hook`` converts what msgspec does not know, as ``msgspec.convert`` says.

    Raises
    ------
    FileError
        As for :func:`read_json`.
    """
    try:
        return msgspec.convert(values, kind, dec_hook=dec_hook)
    except (msgspec.ValidationError, RecursionError) as error:
        sentence = _sentence(error, values)
    raise FileError.at(path, sentence + (f": {cure}" if cure else "")) from None


def _sentence(error: Exception, values: Any) -> str:
    """Say the place, the rule and the value of what does not fit."""
    message, _, place = str(error).partition(" - at `")
    of_key, _, of = place.partition("key` in `")
    place = (of or of_key).rstrip("`").removeprefix("$").removeprefix(".").replace("[...]", "")
    if found := re.fullmatch(r"Object missing required field `(.+)`", message):
        return f"{place or 'the file'} lacks {found[1]}"
    if found := re.fullmatch(r"Object contains unknown field `(.+)`", message):
        return f"{place or 'the file'} holds {quote(found[1])}, which does not belong there"
    if "matching regex" in message:
        rule, got = "must be a name without folders", ""
    else:
        rule, _, got = _in_words(message).partition(", got ")
        rule = rule.replace("Expected ", "must be ").replace("Invalid", "has an invalid")
    shown = _value(values, place)
    but = f", but is {shown}" if shown is not None else f", got {got}" if got else ""
    if of:
        place = f"a key of {place}" if place else "a key"
    return f"{place or ('a value' if '$[' in str(error) else 'the content')} {rule}{but}"


def _in_words(message: str) -> str:
    """Name the types as people do."""
    return re.sub(r"`([a-z]+)", lambda kind: TYPES.get(kind[1], kind[1]), message).replace("`", "")


def _value(values: Any, place: str) -> str | None:
    """Return the value at a place such as ``recordings[3].name``, short; None where none is."""
    for step in re.findall(r"[^.\[\]]+", place):
        try:
            values = values[int(step) if isinstance(values, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    plain = place and isinstance(values, str | int | float | bool | None)
    return quote(values) if plain and isinstance(values, str) else repr(values) if plain else None


def first_difference(
    old: Any, new: Any, place: str = "", form: str = "{} was {!r}, now {!r}"
) -> str | None:
    """Name the first setting that differs, with both values; return None where all are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            where = f"{place}.{name}" if place else name
            found = first_difference(old.get(name), new.get(name), where, form)
            if found is not None:
                return found
        return None
    return None if old == new else form.format(place, old, new)
