"""Help and version: at once, without the libraries that take long to import."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

import asot as package
from asot.cli import COMMANDS
from asot.model.recipe import load_recipe

SCRIPT = """
import contextlib, io, sys
from asot.cli import COMMANDS, main

with contextlib.redirect_stdout(io.StringIO()) as out:
    codes = [main(["--help"])]
    heavy = {"asot.remote", "concurrent.futures", "email.utils"} & set(sys.modules)
    codes += [main(["help", "train"]), main(["--version"]), main(["-V"])]
    codes += [main([*name.split(), "--help"]) for name in COMMANDS]
    codes += [main(["train", "breakfast", "--print_config"])]
heavy |= {"torch", "lightning", "matplotlib", "sklearn", "scipy", "pandas", "torchmetrics"}
print(codes, sorted(heavy & set(sys.modules)), "usage: asot train" in out.getvalue())
"""


def test_help_imports_nothing_heavy(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=True
    )
    codes = done.stdout.split("]")[0].strip("[").replace(" ", "")
    assert codes == ",".join("0" * (len(COMMANDS) + 5))
    assert done.stdout.endswith("[] True\n")
    assert done.stderr == ""


def test_help_lists_the_commands(asot) -> None:
    outcome = asot("--help")
    assert outcome.code == 0
    assert outcome.err == ""
    for name, summary in COMMANDS.items():
        assert f"  {name:<13} {summary}\n" in outcome.out
    assert asot("help").out == asot("-h").out == outcome.out


def test_no_words_show_the_help_but_are_no_command(asot) -> None:
    outcome = asot()
    assert outcome.code == 2
    assert outcome.out == asot("--help").out


def test_version(asot) -> None:
    from asot import __version__

    outcome = asot("--version")
    assert (outcome.code, outcome.out) == (0, f"asot {__version__}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(asot, name: str) -> None:
    outcome = asot(*name.split(), "--help")
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.startswith(f"usage: asot {name}")
    assert asot("help", *name.split()).out == outcome.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_in_words(asot, name: str) -> None:
    short, full = (asot(*name.split(), word).out for word in ("--help", "--help_all"))
    for text in (short, full):
        assert not re.search(r"Union|Literal|type: |default: null|NoneType|<class", text)
    assert "null" not in short.replace("(null)", ""), "but as a word to give"
    hidden = re.search(r"(\d+) more options: asot .+ --help_all\n$", short)
    count = [len(re.findall(r"^  --\w", text, re.MULTILINE)) for text in (short, full)]
    assert count[1] - count[0] == (int(hidden[1]) if hidden else 0)


def test_help_says_what_a_value_may_be(asot) -> None:
    words = " ".join(asot("segment", "--help").out.split())
    assert "found from the recordings unless given. (a number, or auto)" in words
    assert words.index("--n_actions") < words.index("--seed") < words.index("--batch_size")
    assert "--training.epochs" not in asot("train", "--help").out


@pytest.mark.parametrize(
    ("words", "meant"),
    [("segmnt", "is segment meant?"), ("data chek", "is data check meant?"), ("?", "use one of")],
)
def test_a_mistyped_command(asot, words: str, meant: str) -> None:
    outcome = asot(*words.split())
    assert outcome.code == 2
    assert meant in outcome.sentence


def shown_defaults(text: str) -> dict[str, str]:
    """The defaults that a help text shows, by the names of the options."""
    options = {}
    for option in text.split("\n  --")[1:]:
        words = " ".join(option.split("\n\n")[0].split())
        found = re.search(r"[(;] ?default: (.*)\)$", words)
        options[words.split()[0]] = found[1] if found else "null"
    return options


def leaves(settings: Any, place: str = "") -> dict[str, Any]:
    """The settings of a recipe by their dotted names."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        name = place + field.name
        values |= leaves(value, f"{name}.") if dataclasses.is_dataclass(value) else {name: value}
    return values


@pytest.mark.parametrize(
    ("words", "recipe"),
    [
        (["train", "--help_all"], "default"),
        (["train", "breakfast", "--help_all"], "breakfast"),
        (["benchmark", "watch", "--help_all"], "watch"),
    ],
)
def test_help_shows_the_values_that_will_be_used(asot, words: list[str], recipe: str) -> None:
    shown = shown_defaults(asot(*words).out)
    for name, value in leaves(load_recipe(recipe)).items():
        if name != "title":
            assert yaml.safe_load(shown[name]) == (None if value == [] else value), name


def test_the_package_shows_its_public_names_alone() -> None:
    assert dir(package) == sorted([*package.__all__, "__version__"])
    assert all(getattr(package, name) is not None for name in dir(package))
    with pytest.raises(AttributeError):
        package.nonsense  # noqa: B018
