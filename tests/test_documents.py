"""What README and docs tell people to type: read from the documents, and run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asot
from asot.cli import COMMANDS, main
from asot.data import write_dataset
from asot.model.team import KINDS
from asot.runs.predictions import find_predictions
from asot.simulation import make_recordings
from asot.timeline.corrections import Corrected, Corrections, Patch, write_corrections

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The documents whose commands are run, on small stand-ins for what they name.
RUN = ("README.md", "your-own-videos.md", "data.md", "transport.md", "in-python.md")
CLASSES = {0: "take", 1: "fill", 2: "stir"}


def lines_of_code(document: Path) -> Iterator[str]:
    """Give the indented lines, each with those that it goes on in."""
    fenced = False
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and line.startswith("    "):
            yield line.strip()


def commands(document: Path) -> list[list[str]]:
    """Give the words of each asot command of a document, after "asot"."""
    split = [shlex.split(line, comments=True) for line in lines_of_code(document)
             if line.startswith("asot ")]  # fmt: skip
    return [words[1:] for words in split]


def blocks(document: Path, language: str) -> list[str]:
    """Give the fenced blocks of a language."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def help_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main([*command, "--help_all"]))
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_options_in_the_text_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    every = [name.split() for name in COMMANDS]
    known = {"--help", "--version"}
    for command in every:
        known |= set(re.findall(r"--[a-z_][\w.]*", help_of(command, capsys)))
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        spans = [
            span
            for span in re.findall(r"`([^`\n]+)`", text)
            if "python -m" not in span and span not in ("--sets", "--variants")
        ]
        options = {one for span in spans for one in re.findall(r"(?<![\w-])--[a-z_][\w.]*", span)}
        assert options <= known, f"{document.name}: {sorted(options - known)}"


def test_links_lead_somewhere() -> None:
    """Those that the site, which looks for its own dead links, does not hold."""
    for document in (ROOT / name for name in ("README.md", "CONTRIBUTING.md")):
        for link in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (ROOT / link).is_file(), f"{document}: {link}"


def test_parameters_in_the_text_are_parameters() -> None:
    import inspect

    for document in DOCUMENTS:
        for name, inner in re.findall(
            r"`asot\.(\w+)\(([^`]*)\)", document.read_text(encoding="utf-8")
        ):
            known = set(inspect.signature(getattr(asot, name)).parameters)
            given = set(re.findall(r"(?<![\w.])([a-z_]+)=(?!=)", inner))
            assert given <= known, f"{document.name}: asot.{name} has no {given - known}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_the_documents_are_understood(
    document: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(blocks(document, "yaml")):
        Path("assembly.yaml" if number == 0 else f"block-{number}.yaml").write_text(block)
    for words in commands(document):
        length = 2 if words[0] == "data" else 1
        told = help_of(words[:length], capsys)
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"{re.escape(option)}\b", told), f"asot {shlex.join(words)}"
        if words[0] in ("train", "benchmark") and "--table" not in words and words[1] != "NAME":
            assert main([*words, "--print_config"]) == 0, shlex.join(words)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small stand-ins for everything that the documents name."""
    from tests.inputs.video.clips import write_clip

    room = tmp_path_factory.mktemp("room")
    rng = np.random.default_rng(0)
    for name in ("videos", "new_videos"):
        (room / name).mkdir()
        for take in range(2):
            write_clip(room / name / f"{name}-{take}.mp4", np.arange(0, 3, 0.04).tolist())
    corpus = make_recordings(4, 3, (60, 90), width=6, noise=0.3, random_state=0)
    for name in ("DATA", "OTHER_DATA"):
        write_dataset(corpus, room / name, CLASSES)
    labels = np.repeat([0, 1, 2, 0], 60)
    np.save(room / "scores.npy", np.eye(3)[labels] + rng.normal(0, 0.3, (240, 3)))
    (room / "follow.txt").write_text("0 1 0\n0 0 1\n1 0 0\n")
    for folder, columns, rate in (("logs", ["ax", "ay", "az"], 50), ("poses", None, 30)):
        (room / folder).mkdir()
        for take in range(2):
            t = np.arange(12 * rate) / rate
            phase = 2 * np.pi * t * np.repeat([1, 4, 1, 2], 3 * rate)
            rows = np.stack([np.sin(phase), np.cos(phase), rng.normal(0, 0.1, len(t))], axis=1)
            path = room / folder / f"take-{take}.csv"
            if columns is not None:
                body = [",".join(f"{value:.4f}" for value in row) for row in rows]
                clock = [f"{second:.2f},{line}" for second, line in zip(t, body, strict=True)]
                path.write_text("\n".join([",".join(["time", *columns]), *clock]) + "\n")
                continue
            points = ("nose", "spine", "tail")
            head = [
                ["scorer", *["DLC"] * 9],
                ["bodyparts", *[name for name in points for _ in range(3)]],
                ["coords", *["x", "y", "likelihood"] * 3],
            ]
            lines = [",".join(line) for line in head]
            for i, (a, b, _) in enumerate(rows):
                cells = [300 + i / 9, 200, 0.99, 270 + 9 * a, 205 + i / 9, 0.99, 240, 200 + 9 * b]
                lines.append(",".join([str(i), *(f"{cell:.3f}" for cell in cells), "0.99"]))
            path.write_text("\n".join(lines) + "\n")
    (room / "Downloads").mkdir()
    (room / "Downloads" / "corrections.json").write_text('{"0": "take", "1": "fill"}')
    for document in RUN:
        for block in blocks(ROOT / "docs" / document, "yaml") if document != "README.md" else ():
            name = "assembly" if document == "data.md" else "mine"
            if not (room / f"{name}.yaml").exists():
                (room / f"{name}.yaml").write_text(block)
    return room


def prepare(words: list[str]) -> list[str] | None:
    """Make the words fit the stand-ins; None for a command that another test looks at."""
    if words[0] in ("demo", "benchmark", "stats") or any(
        word.startswith("hf:") or "://" in word for word in words
    ):
        return None
    if words[0] == "evaluate" and "--truth" in words:
        shutil.rmtree("corrected", ignore_errors=True)
        Path("corrected").mkdir()
        table = next(Path("results").glob("**/predictions/segments.csv"))
        shutil.copy(table, "corrected/segments.csv")
    if {"ada.json", "corrections.json", "--corrected"} & {*words}:
        folder = find_predictions(Path("results"))
        name = next(iter(folder.models()))
        n_frames = len(folder.labels(name))
        for action, by in enumerate(("corrections", "ada", "Downloads/corrections", "ben")):
            own = Corrected(n_frames, (Patch(0, n_frames // 2, action % 2),))
            write_corrections(Path(f"{by}.json"), Corrections(recordings={name: own}, by=by))
    if words[0] == "segment" and words[words.index("--out") + 1] == "results":
        # Each section of a document segments other recordings.
        shutil.rmtree("results", ignore_errors=True)
    if words[0] == "train":
        # Several of a document share a name for what they leave.
        shutil.rmtree(words[words.index("--out") + 1], ignore_errors=True)
    return [str(Path.home() / word[2:]) if word.startswith("~/") else word for word in words]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", RUN)
def test_commands_of_the_documents_run(name: str, room: Path, monkeypatch: Any) -> None:
    document = ROOT / name if name == "README.md" else ROOT / "docs" / name
    monkeypatch.chdir(room)
    monkeypatch.setenv("HOME", str(room))
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    # A team of few, as all that is asked here is that commands run.
    monkeypatch.setattr("asot.model.learners.KINDS", KINDS[:1])
    for made in ("results", "RUN"):
        shutil.rmtree(made, ignore_errors=True)
    for words in map(prepare, commands(document)):
        assert words is None or main(words) == 0, shlex.join(words)


def test_python_of_the_documents_runs(room: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(room)
    corpus = make_recordings(6, 3, (90, 120), width=6, noise=0.3, random_state=0)
    affinity = np.load("scores.npy")
    cost = 1.0 - affinity
    names: dict[str, Any] = {
        **{"np": np, "asot": asot, "recordings": corpus.features, "affinity": affinity},
        **{"cost": cost, "costs": cost, "mask": np.ones(3, dtype=bool), "features": affinity},
        **{"earlier": asot.solve(cost), "allowed": ~np.eye(3, dtype=bool)},
        **{"x": affinity[:80], "y": affinity[::2]},
    }
    for document in DOCUMENTS:
        if document.name == "reproducing.md":
            continue  # of files that are not at hand
        for block in blocks(document, "python"):
            own = dict(names)
            code = block.replace("range(20", "range(3")
            code = code.replace("Segmenter(random_state=0)", "Segmenter(3, team=1, epochs=1)")
            if "lengths=[812" in code:
                own["costs"] = np.random.default_rng(0).random((3, 1001, 4))
            if "StreamingDecoder(" in code:
                own["costs"] = np.random.default_rng(0).random((90, 20))
            if "decode_segments" in code:
                own["solution"] = asot.solve(np.random.default_rng(0).random((240, 4)))
                own["allowed"] = np.ones((4, 4), dtype=bool)
                code = code.replace("[labels, ...]", "[labels]")
            exec(compile(code, f"{document.name}", "exec"), own)
