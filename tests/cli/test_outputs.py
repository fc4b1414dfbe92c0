"""Commands whose output is closed, full, or no longer read."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from asot.cli.outputs import Sturdy
from tests.runs.regimes import snapshot

Shell = Callable[[str], subprocess.CompletedProcess[str]]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")


@pytest.fixture
def shell(command: list[str], environment: dict[str, str], tmp_path: Path) -> Shell:
    """Runs lines of a shell in which ``asot`` is this one."""

    def run(line: str) -> subprocess.CompletedProcess[str]:
        line = f'asot() {{ {shlex.join(command)} "$@"; }}\n{line}'
        where = {"env": environment, "cwd": tmp_path}
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, **where)  # type: ignore[call-overload,no-any-return]

    return run


LINES = ["--help", "recipes", "train default --print_config", "data check toys"]


@pytest.fixture
def inputs(toys: Path, tmp_path: Path) -> None:
    shutil.copytree(toys, tmp_path / "toys")


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("words", LINES)
def test_closed_outputs_are_quiet(shell: Shell, words: str) -> None:
    for closed in (">&-", "<&- >&- 2>&-"):
        done = shell(f"asot {words} {closed}")
        assert (done.returncode, done.stderr) == (0, ""), closed
    done = shell(f"set -o pipefail; asot {words} | head -c 1 > /dev/null")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.EINVAL, "Invalid argument")])
def test_a_reader_who_left_is_not_told_of(error: OSError, tmp_path: Path) -> None:
    """The second is what Windows says."""
    with (tmp_path / "read").open("w", encoding="utf-8") as stream:
        left = Sturdy(stream)
        for seen in (None, OSError(errno.ENOSPC, "No space left")):
            failing = Mock(side_effect=seen or error)
            left._try(failing)
            assert left.error is seen


@needs_full
@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("words", LINES)
def test_a_full_disk_is_a_sentence(shell: Shell, words: str) -> None:
    done = shell(f"asot {words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "asot: The output could not be written: No space left on device.\n"
    assert shell(f"asot {words} 2> /dev/full > /dev/null").returncode == 0


@pytest.mark.parametrize("words", ["nonsense", "data check nowhere"])
def test_refusals_keep_their_code(shell: Shell, words: str) -> None:
    code = shell(f"asot {words}").returncode
    assert code in (1, 2)
    for closed in (">&-", "2>&-", "2>&1 >&-", "<&- >&- 2>&-", "> /dev/null 2> /dev/full"):
        if "full" not in closed or os.path.lexists(FULL):
            assert shell(f"asot {words} {closed}").returncode == code


@pytest.mark.parametrize("closed", [">&-", "| true", "> /dev/full", "<&- >&- 2>&-"])
def test_the_files_are_those_of_an_open_output(
    shell: Shell, results: Path, tmp_path: Path, closed: str
) -> None:
    if "full" in closed and not FULL.exists():
        pytest.skip("this system has no full device")
    for folder, end in (("open", "> /dev/null"), ("closed", closed)):
        done = shell(
            f"asot export {shlex.quote(str(results))} --to csv,txt,elan --out {folder} {end}"
        )
        assert done.returncode == int("full" in end)
        done = shell(f"asot extract {shlex.quote(str(results))}/data --out {folder}-data {end}")
        assert "Traceback" not in done.stderr
    made = [
        {
            name: content
            for name, (_, content) in snapshot(tmp_path / folder).items()
            if name[-4:] != ".eaf"
        }
        for folder in ("open", "closed")
    ]
    assert made[0] == made[1]
    assert len(made[0]) == 5
