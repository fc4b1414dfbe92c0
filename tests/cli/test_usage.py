"""Words that make no command: one sentence on standard error, and the right exit code."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from asot.cli.parsing import _used
from asot.errors import DataError
from asot.workers import Workers
from tests.conftest import REPOSITORY
from tests.jobs import log_warning

NEEDED = ("--data", "toys", "--out", "run")


@pytest.fixture
def beside(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a link to the data set."""
    (tmp_path / "toys").symlink_to(toys)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", [["--device", "x"], ["--devices", "x"], ["--devices", "0"]])
def test_devices_that_are_not_there(asot, beside: Path, words: list[str]) -> None:
    outcome = asot("train", "default", *NEEDED, "--n_actions", "4", *words)
    assert outcome.code == 2
    assert "cannot be used here" in outcome.sentence
    assert not (beside / "run" / "models").exists()


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({"shard": "2/8"}, ["2/8"]),  # of asot extract
        ({"shard": "2/8", "devices": "1"}, ["2/8"]),  # of asot train
        ({"shard": None, "devices": "1"}, []),
        ({}, [""]),
    ],
)
def test_what_srun_started_holds_its_folder_unless_it_helps_another_to_train(
    given: dict[str, object], held: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLURM_PROCID", "SLURM_LOCALID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "8")
    used = _used({"out": tmp_path, **given})
    assert used == [(tmp_path, shard, False) for shard in held]


@pytest.mark.parametrize("place", ["taken", "taken/below"])
@pytest.mark.parametrize("words", ["predict {trained} --data toys", "decode any.npy", "demo"])
def test_out_is_a_file(asot, beside: Path, trained: Path, words: str, place: str) -> None:
    (beside / "taken").write_text("mine")
    outcome = asot(
        *(word.replace("{trained}", str(trained)) for word in words.split()), "--out", place
    )
    assert outcome.code == 2
    assert "taken is a file" in outcome.sentence
    assert (beside / "taken").read_text() == "mine"


def test_out_cannot_be_written(asot, beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    outcome = asot("train", "default", "--n_actions", "4", *NEEDED)
    assert outcome.code == 2
    assert outcome.sentence == f"--out must be a folder to write to, but {beside} forbids it."


def test_hyphens_do_as_well(asot) -> None:
    words = ("train", "default", "--transport-eval.max-iterations=7", "--title=a-b")
    outcome = asot(*words, "--n-actions.make-tea", "4", "--print-config")
    assert outcome.code == 0
    printed = yaml.safe_load(outcome.out)
    assert printed["n_actions"] == {"make-tea": 4}
    assert printed["transport_eval"]["max_iterations"] == 7
    assert printed["title"] == "a-b"


@pytest.mark.parametrize(
    "library, extra", [("torchmetrics", "learn"), ("sklearn", "learn"), ("unheard_of", None)]
)
def test_a_library_is_missing(
    asot, toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, extra: str
) -> None:
    def train_run(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named '{library}'", name=library)

    monkeypatch.setattr("asot.cli.train.train_run", train_run)
    words = ("train", "default", "--n_actions", "4", "--data", toys, "--out", tmp_path / "run")
    if extra is None:
        with pytest.raises(ModuleNotFoundError):
            asot(*words)
        return
    outcome = asot(*words)
    assert outcome.code == 1
    assert outcome.sentence.endswith(f'which is not installed: run pip install "asot[{extra}]".')


def test_other_processes_warn_as_this_one_does(
    asot, toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))

    def train_run(*_: object, **__: object) -> None:
        warn_alone = partial(log_warning, "%s is odd.")
        list(Workers(2).run(warn_alone, ["a.csv", "a.csv", "b.csv"], apart=True))
        raise DataError("That is all.")

    monkeypatch.setattr("asot.cli.train.train_run", train_run)
    words = ("train", "default", "--n_actions", "4", "--data", toys, "--out", tmp_path / "run")
    said = asot(*words).err.splitlines()
    assert said[-1] == "asot: That is all."
    assert sorted(said[:-1]) == ["asot: a.csv is odd.", "asot: b.csv is odd."]


def test_memory_runs_out(asot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def check_dataset(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr("asot.cli.data.check_dataset", check_dataset)
    (tmp_path / "features").mkdir()
    outcome = asot("data", "check", tmp_path)
    assert outcome.code == 1
    assert outcome.sentence == "There is not enough memory: Unable to allocate 7 TiB"


def test_a_bug_keeps_its_traceback(asot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def check_dataset(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("asot.cli.data.check_dataset", check_dataset)
    (tmp_path / "features").mkdir()
    with pytest.raises(RuntimeError, match="a bug"):
        asot("data", "check", tmp_path)


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_told_with_the_file_that_has_no_room(
    asot, results: Path, monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    def write(path: Path, *_: object, **__: object) -> None:
        raise OSError(full, os.strerror(full))

    def copy(*_: object) -> None:
        raise OSError(full, os.strerror(full), "from.mp4", None, "to.mp4")

    monkeypatch.setattr(Path, "write_text", write)
    outcome = asot("page", results)
    assert outcome.code == 1
    assert outcome.sentence == f"{results / 'page' / 'page.json'}: {os.strerror(full)}."
    monkeypatch.setattr("asot.cli._run", copy)
    assert asot("page").sentence == f"to.mp4: {os.strerror(full)}."


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")
@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_done_is_not_killed_while_its_process_ends(
    environment: dict[str, str], blow: signal.Signals
) -> None:
    code = (
        "import atexit, os, sys\nfrom asot.cli import main\n"
        f"atexit.register(os.kill, os.getpid(), {int(blow)})\nsys.exit(main())"
    )
    command = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals_that_end_a_process_are_a_ctrl_c(
    asot, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    number = getattr(signal, name)
    monkeypatch.setattr("asot.cli._run", lambda words: os.kill(os.getpid(), number))
    outcome = asot("train")
    assert outcome.code == code
    assert outcome.sentence == f"Stopped by {name}. The same command goes on from here."
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_an_import_to_end(
    asot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blow: signal.Signals
) -> None:
    # An exception that comes while torch loads its libraries aborts the process.
    lines = "import signal, time", f"signal.raise_signal({int(blow)})", "time.sleep(0.2)"
    (tmp_path / "library_of_c.py").write_text("\n".join(lines) + "\nloaded = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[bool] = []

    def load(words: list[str]) -> None:
        seen.append(import_module("library_of_c").loaded)
        time.sleep(60)

    monkeypatch.setattr("asot.cli._run", load)
    try:
        assert asot("train").code == 128 + blow
    finally:
        sys.modules.pop("library_of_c", None)
    assert seen == [True]


@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_comes_again_where_its_exception_is_dropped(
    asot, monkeypatch: pytest.MonkeyPatch, blow: signal.Signals
) -> None:
    # As where the solver is compiled, and written to the cache.
    called_by_c = ctypes.CFUNCTYPE(None)(partial(signal.raise_signal, blow))
    reached: list[bool] = []

    def work(words: list[str]) -> None:
        called_by_c()
        reached.append(True)
        time.sleep(60)

    monkeypatch.setattr("asot.cli._run", work)
    hook = sys.unraisablehook
    assert asot("train").code == 128 + blow
    assert reached == [True]
    assert sys.unraisablehook is hook


def test_a_signal_has_its_name_where_a_library_raises_an_interrupt_of_its_own(
    asot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(words: list[str]) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None  # as Ray does

    monkeypatch.setattr("asot.cli._run", interrupt)
    outcome = asot("train")
    assert outcome.code == 143
    assert outcome.sentence == "Stopped by SIGTERM. The same command goes on from here."
