"""Words that make no command: one sentence on standard error, and the right exit code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

NEEDED = ("--data", "toys", "--out", "run")


def _name(value: list[str] | str) -> str:
    return value[:40] if isinstance(value, str) else " ".join(value)[:60]


USAGE = [
    (["nonsense"], "There is no command 'nonsense': use one of demo, segment, "),
    (["--nonsense"], "There is no command '--nonsense'"),
    (["demo", "--nope"], "There is no option --nope. (asot demo --help)"),
    (["demo", "--seed"], "--seed needs a value."),
    (["demo", "--seed", "x"], "--seed must be an integer, not x."),
    (["demo", "extra"], "There is no place for the word 'extra'."),
    (["train"], "RECIPE must be given."),
    (["train", *NEEDED], "RECIPE must be given."),
    (["train", "default"], "--data and --out must be given."),
    (["train", "default", "--data", "toys", "--n_actions", "4"], "--out must be given."),
    (["train", "default", *NEEDED, "extra"], "There is no place for the word 'extra'."),
    (
        ["train", "default", *NEEDED, "--training.epoch", "3"],
        "There is no option --training.epoch: is --training.epochs meant?",
    ),
    (
        ["train", "default", *NEEDED, "--training.epochs=x"],
        "--training.epochs must be an integer, not x.",
    ),
    (
        ["train", "default", *NEEDED, "--order_prior", "null"],
        "--order_prior must be a number, not None.",
    ),
    (
        ["train", "default", *NEEDED, "--transport_eval.radius", "wide"],
        "--transport_eval.radius must be a number, not wide.",
    ),
    (
        ["train", "default", *NEEDED, "--transport_eval.lambda_frames", "x"],
        "--transport_eval.lambda_frames must be a number or null, not x.",
    ),
    (
        ["train", "default", *NEEDED, "--dataset.standardise", "maybe"],
        "--dataset.standardise must be true or false, not maybe.",
    ),
    (
        ["train", "default", *NEEDED, "--encoder.hidden", "64"],
        "--encoder.hidden must be a list such as [1,2], not 64.",
    ),
    (["train", "default", *NEEDED, "--n_actions", "four"], "--n_actions must be an integer or"),
    (["train", "default", *NEEDED, "--training", "nope.yaml"], "--training must be a YAML file"),
    (["predict"], "RUN and --data must be given."),
    (["predict", "run"], "--data must be given."),
    (["evaluate"], "RUN must be given."),
    (["evaluate", "run", "--figures", "3"], "There is no option --figures."),
    (["decode"], "FILES must be given."),
    (["decode", "--cost"], "FILES must be given."),
    (["decode", "a.npy", "--cost", "--affinity"], "Give --cost or --affinity, not both."),
    (["decode", "a.npy", "--epsilon", "small"], "--epsilon must be a number, not small."),
    (["decode", "a.npy", "--epsilom", "1"], "There is no option --epsilom: is --epsilon meant?"),
    (["data"], "WHAT and DIR must be given."),
    (["data", "check"], "DIR must be given."),
    (["data", "chekc", "toys"], "There is no asot data chekc: the command is asot data check DIR."),
    (["data", "check", "toys", "more"], "There is no place for the word 'more'."),
]


@pytest.mark.parametrize("words, sentence", USAGE, ids=_name)
def test_words_that_make_no_command(asot, words: list[str], sentence: str) -> None:
    outcome = asot(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.sentence.startswith(sentence)


REFUSED = [
    (["train", "nope", *NEEDED], "There is no recipe 'nope': name one of breakfast, default, "),
    (
        ["train", "default", *NEEDED, "--n_actions", "0"],
        'n_actions must be an integer of at least 1, or "auto", but is 0.',
    ),
    (["train", "default", *NEEDED, "--n_actions", "4", "--seed", "-1"], "--seed must be from 0"),
    (["demo", "--seed", str(2**32)], "--seed must be from 0 to 4294967295, not 4294967296."),
    (["train", "default", *NEEDED, "--n_actions", "4", "--logger", "x"], "logger must be one of"),
    (["train", "default", *NEEDED, "--transport_eval.mode", "x"], "transport_eval.mode must be"),
    (["train", "default", *NEEDED, "--transport_eval.epsilon", ".inf"], "transport_eval.epsilon"),
    (["train", "default", *NEEDED, "--dataset.frame_rate", "0"], "dataset.frame_rate must be"),
    (["train", "default", *NEEDED, "--config", "nope.yaml"], "nope.yaml does not exist"),
    (["train", "default", *NEEDED, "--n_actions", "{coffee: 3}"], "{toys} has no recordings of"),
    (["train", "default", *NEEDED, "--n_actions", "4", "--activities", "tea"], "{toys} has no"),
    (["train", "breakfast", *NEEDED], "{toys}/features/recording-1.npy: name 'recording-1' does"),
    (
        ["train", "default", *NEEDED, "--n_actions", "4", "--dataset.activity_pattern", "("],
        "activity_pattern must be a regular expression with one group",
    ),
    (
        ["train", "default", *NEEDED, "--n_actions", "4", "--dataset.mapping", "nope.txt"],
        "{toys}/mapping/nope.txt: does not exist",
    ),
    (["predict", "nope", "--data", "toys"], "nope is not a run: it holds no run.json"),
    (["predict", "toys", "--data", "toys"], "toys is not a run: it holds no run.json"),
    (["evaluate", "nope"], "nope is no folder"),
    (["evaluate", "toys"], "toys holds no finished predictions"),
    (["data", "check", "nope"], "nope: cannot be read: No such file or directory."),
    (["data", "check", "toys/mapping/mapping.txt"], "toys/mapping/mapping.txt: cannot be read"),
]


@pytest.fixture
def beside(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a link to the data set."""
    (tmp_path / "toys").symlink_to(toys)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words, sentence", REFUSED, ids=_name)
def test_what_is_refused(asot, beside: Path, toys: Path, words: list[str], sentence: str) -> None:
    outcome = asot(*words)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.sentence.startswith(sentence.replace("{toys}", str(toys)))
    assert [path.name for path in beside.iterdir()] == ["toys"], "refused before any work"


@pytest.mark.parametrize("words", [["--device", "x"], ["--devices", "x"], ["--devices", "0"]])
def test_devices_that_are_not_there(asot, beside: Path, words: list[str]) -> None:
    outcome = asot("train", "default", *NEEDED, "--n_actions", "4", *words)
    assert outcome.code == 1
    assert "cannot be used here" in outcome.sentence
    assert not (beside / "run" / "models").exists()


OUT = [
    ["train", "default", "--n_actions", "4", "--data", "toys"],
    ["predict", "{trained}", "--data", "toys"],
    ["decode", "any.npy"],
    ["demo"],
]


@pytest.mark.parametrize("words", OUT, ids=lambda words: words[0])
@pytest.mark.parametrize("place", ["taken", "taken/below"])
def test_out_is_a_file(asot, beside: Path, trained: Path, words: list[str], place: str) -> None:
    (beside / "taken").write_text("mine")
    outcome = asot(*(word.replace("{trained}", str(trained)) for word in words), "--out", place)
    assert outcome.code == 1
    assert outcome.sentence.startswith("--out must be a folder, but ")
    assert outcome.sentence.endswith("taken is a file.")
    assert (beside / "taken").read_text() == "mine"


def test_out_cannot_be_written(asot, beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    outcome = asot("train", "default", "--n_actions", "4", *NEEDED)
    assert outcome.code == 1
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
    "library, extra", [("lightning", "learn"), ("sklearn", "learn"), ("unheard_of", None)]
)
def test_a_library_is_missing(
    asot, toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, extra: str
) -> None:
    def train_run(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named '{library}'", name=library)

    monkeypatch.setattr("asot.runs.run.train_run", train_run)
    words = ("train", "default", "--n_actions", "4", "--data", toys, "--out", tmp_path / "run")
    if extra is None:
        with pytest.raises(ModuleNotFoundError):
            asot(*words)
        return
    outcome = asot(*words)
    assert outcome.code == 1
    assert outcome.sentence.endswith(f'which is not installed: run pip install "asot[{extra}]".')


def test_memory_runs_out(asot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def check_dataset(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr("asot.data.check_dataset", check_dataset)
    (tmp_path / "features").mkdir()
    outcome = asot("data", "check", tmp_path)
    assert outcome.code == 1
    assert outcome.sentence == "There is not enough memory: Unable to allocate 7 TiB"


def test_a_bug_keeps_its_traceback(asot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def check_dataset(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("asot.data.check_dataset", check_dataset)
    (tmp_path / "features").mkdir()
    with pytest.raises(RuntimeError, match="a bug"):
        asot("data", "check", tmp_path)
