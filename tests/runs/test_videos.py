"""Videos from the file to segments, exports and back, with true times all the way."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from asot.cli import main
from asot.export import FORMATS
from asot.runs.corrections import timelines
from asot.runs.predictions import find_predictions
from tests.runs.regimes import snapshot

av = pytest.importorskip("av", reason="PyAV is not installed")

BACKBONE = ("--backbone", "asot.inputs.video.backbones:mean_colour", "--frame_rate", "all")
COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
BASE = Fraction(1, 90_000)
Truth = list[tuple[float, float, str]]


def film(path: Path, rng: np.random.Generator, steps: list[float]) -> Truth:
    """Film each colour once, 20 to 30 frames of it, with moments that start at 0.54 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = rng.permutation(list(COLOURS)).tolist()
    shown = [name for name in order for _ in range(int(rng.integers(20, 31)))]
    gaps = rng.choice(steps, size=len(shown))
    times = 0.54 + np.concatenate([[0.0], np.cumsum(gaps)])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.time_base = BASE
        for name, time in zip(shown, times, strict=False):
            noise = rng.integers(-15, 16, size=(48, 64, 3))
            image = (np.array(COLOURS[name]) + noise).clip(0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.time_base, frame.pts = BASE, round(float(time) / BASE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    edges = [0, *np.flatnonzero(np.array(shown[1:]) != np.array(shown[:-1])) + 1, len(shown)]
    return [(float(times[a]), float(times[b]), shown[a]) for a, b in pairwise(edges)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Truth]]:
    """Three clips, one of an even rate; nothing may be changed."""
    from tests.conftest import SEED

    rng = np.random.default_rng(SEED)
    folder = tmp_path_factory.mktemp("films")
    return folder, {
        "even": film(folder / "even.mkv", rng, [0.04]),
        "cam-a": film(folder / "cam" / "a.mkv", rng, [0.04, 0.2, 1 / 30]),
        "cam-b": film(folder / "cam" / "b.mkv", rng, [1 / 30, 0.1]),
    }


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def results(films: tuple[Path, dict[str, Truth]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What asot segment makes of them; nothing may be changed."""
    out = tmp_path_factory.mktemp("segmented") / "out"
    run("segment", films[0], "--n_actions", 3, "--out", out, *BACKBONE)
    return out


def test_every_cut_is_found_at_its_second(
    films: tuple[Path, dict[str, Truth]], results: Path
) -> None:
    with (results / "predictions" / "segments.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    called: dict[str, str] = {}
    for name, truth in films[1].items():
        own = [row for row in rows if row["recording"] == name]
        assert len(own) == len(truth)
        for row, (start, end, colour) in zip(own, truth, strict=True):
            assert called.setdefault(row["action"], colour) == colour
            assert float(row["start_s"]) == pytest.approx(start, abs=0.001)
            if end != truth[-1][1]:
                assert float(row["end_s"]) == pytest.approx(end, abs=0.001)
    assert len(called) == 3


def test_the_videos_go_on_to_the_page_and_to_other_tools(
    films: tuple[Path, dict[str, Truth]], results: Path
) -> None:
    for one in timelines(find_predictions(results)):
        assert one.media is not None
        assert one.media.is_file()
        assert one.times is not None
        assert one.times[0] == pytest.approx(0.54, abs=0.001)
    data = [path.read_text() for path in (results / "page" / "data").glob("*.js")]
    assert len(data) == 3
    assert list((results / "page" / "media").glob("*.mp4"))


@pytest.mark.parametrize("to", FORMATS)
def test_each_format_takes_them_and_what_is_read_is_the_truth(
    results: Path, tmp_path: Path, to: str
) -> None:
    run("export", results, "--to", to, "--out", tmp_path)
    if not FORMATS[to].reads:
        return
    out = results / "predictions"
    place = tmp_path / to
    files = [path for path in place.iterdir() if path.suffix in (".csv", ".json", ".eaf")]
    run("evaluate", results, "--truth", *(files or [place]))
    scores = json.loads((out / "scores.json").read_text())
    assert len(scores["recordings"]) == 3
    assert scores["evaluations"]["activity"]["scores"]["mof"] == 1
    for path in (out / "truth").iterdir():
        path.unlink()


def test_given_again_and_with_other_words(
    films: tuple[Path, dict[str, Truth]],
    results: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {name: one for name, one in snapshot(results).items() if name.startswith("data/")}
    words = ("segment", films[0], "--n_actions", 3, "--out", results, *BACKBONE)
    # How fast it goes is nobody's business but the machine's.
    run(*words, "--device", "cpu", "--batch_size", 5)
    after = {name: one for name, one in snapshot(results).items() if name.startswith("data/")}
    assert after == before
    assert "3 from before" in capsys.readouterr().out
    assert main([str(word) for word in (*words, "--frame_rate", "5")]) == 2
    assert "(video.frame_rate was None, now 5.0)" in capsys.readouterr().err
    new = ("segment", films[0] / "even.mkv", "--model", results, "--out", tmp_path / "new")
    # The results may be a stranger's: the user is to say that their code may run.
    assert main([str(word) for word in new]) == 2
    backbone = BACKBONE[1]
    assert capsys.readouterr().err == (
        f"asot: {results / 'segment.json'}: its features are of the backbone {backbone!r}, which "
        f"runs code or is downloaded: say --backbone {backbone} if you trust it.\n"
    )
    new = (*new[:4], *BACKBONE[:2], *new[4:])
    run(*new)
    labels = [root / "predictions" / "labels" / "even.txt" for root in (tmp_path / "new", results)]
    assert labels[0].read_bytes() == labels[1].read_bytes()
    capsys.readouterr()
    assert main([str(word) for word in (*new[:-1], tmp_path / "no", "--frame_rate", "5")]) == 2
    assert capsys.readouterr().err == (
        "asot: The model was trained on features that were made in another way (frame_rate was "
        "'all', now 5.0): give the options that they were made with.\n"
    )
    assert not (tmp_path / "no" / "data").exists()


def test_a_video_that_is_none_is_listed(
    films: tuple[Path, dict[str, Truth]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # lines are not folded
    (tmp_path / "in").mkdir()
    whole = (films[0] / "even.mkv").read_bytes()
    (tmp_path / "in" / "a.mkv").write_bytes(whole)
    (tmp_path / "in" / "b.mkv").write_bytes(b"hello")
    (tmp_path / "in" / "c.mkv").write_bytes(b"")
    words = [str(one) for one in ("extract", tmp_path / "in", "--out", tmp_path / "d", *BACKBONE)]
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.endswith("2 of 3 recordings could not be used; they are listed above.\n")
    assert "Features of 1 recording in " in captured.out
    assert "Left out (2)" in captured.out
    for name in "bc":
        assert str(tmp_path / "in" / f"{name}.mkv") in captured.out
        (tmp_path / "in" / f"{name}.mkv").write_bytes(whole)
    assert main(words) == 0
    assert "Features of 3 recordings in " in capsys.readouterr().out
    arrays = [np.load(tmp_path / "d" / "features" / f"{name}.npy") for name in "abc"]
    for one in arrays[1:]:
        np.testing.assert_array_equal(one, arrays[0])


def test_backbones_that_are_none(
    films: tuple[Path, dict[str, Truth]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for backbone in ("nothing", "no.module:function", str(tmp_path / "none.onnx")):
        words = ("extract", films[0], "--out", tmp_path / "d", "--backbone", backbone)
        assert main([str(word) for word in words]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert backbone in err
    assert not (tmp_path / "d").exists(), "refused before anything is made"
