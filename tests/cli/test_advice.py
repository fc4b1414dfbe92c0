"""What sentences advise can be done: every option that they name is one of the command's."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import pytest

from asot.cli import COMMANDS, module_of
from asot.cli.parsing import Parser
from tests.cli.test_sentences import GOLDEN
from tests.test_architecture import SOURCE

OPTION = re.compile(r"--([a-z][a-z_]*(?:\.[a-z_]+)*)(?![\w-])")


def options(command: str) -> set[str]:
    first, _, second = command.partition(" ")
    module = module_of(first)
    names = [second or "run", *(["show_again"] if command == "benchmark" else [])]
    actions = [one for name in names for one in Parser(command, getattr(module, name))._actions]
    return {one.removeprefix("--") for action in actions for one in action.option_strings}


OPTIONS = {command: options(command) for command in COMMANDS}


def sentences() -> Iterator[tuple[str, str]]:
    """All options that strings of the library name, each with its file; figures have dashes."""
    for path in sorted(set(SOURCE.rglob("*.py")) - set(SOURCE.glob("figures/*"))):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((str(path), one) for one in OPTION.findall(node.value))


def test_every_option_that_is_named_exists() -> None:
    known = set().union(*OPTIONS.values(), {"version", "help_all"})
    wrong = {(path, one) for path, one in sentences() if one not in known}
    assert not wrong


@pytest.mark.parametrize("words", json.loads(GOLDEN.read_text(encoding="utf-8")))
def test_advice_names_options_of_the_command(words: str) -> None:
    _, sentence = json.loads(GOLDEN.read_text(encoding="utf-8"))[words]
    command = next((one for one in COMMANDS if f"{words} ".startswith(f"{one} ")), None)
    if command is None or "There is no option" in sentence:
        return
    for asked, text in re.findall(r"(asot [a-z]+(?: [a-z]+)?)?([^;]*)", sentence):
        own = OPTIONS.get(asked.removeprefix("asot "), OPTIONS[command])
        assert set(OPTION.findall(text)) <= own | {"help"}
