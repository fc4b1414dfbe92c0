"""Help and version: at once, without the libraries that take long to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from asot.cli import COMMANDS

SCRIPT = """
import contextlib, io, sys
from asot.cli import COMMANDS, main

with contextlib.redirect_stdout(io.StringIO()) as out:
    codes = [main(["--help"]), main(["help", "train"]), main(["--version"]), main(["-V"])]
    codes += [main([name, "--help"]) for name in COMMANDS]
    codes += [main(["train", "breakfast", "--print_config"])]
heavy = {"torch", "lightning", "matplotlib", "sklearn", "scipy", "pandas", "torchmetrics"}
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
        assert f"  {name:<10} {summary}\n" in outcome.out
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
    outcome = asot(name, "--help")
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.startswith(f"usage: asot {name}")
    assert asot("help", name).out == outcome.out
