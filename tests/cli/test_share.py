"""asot page --share: a page for a colleague, and what is kept of it for the next time."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asot.inputs.video.preview as preview
from asot.cli.page import run
from asot.inputs.companions import find_companions, note_companions
from asot.inputs.settings import SeriesSettings
from tests.cli.outcome import Asot
from tests.inputs.video.clips import write_clip
from tests.runs.regimes import snapshot

pytest.importorskip("av")


@pytest.fixture
def videos(results: Path, tmp_path: Path) -> Path:
    """Videos of the logs r0 and r1, from 0.54 s on as they are, in a codec of no browser."""
    folder = tmp_path / "our videos"
    folder.mkdir()
    for name in ("r0", "r1"):
        times = np.load(results / "data" / "times" / f"{name}.npy")
        seconds = np.arange(times[0], times[-1], 0.5)
        write_clip(folder / f"{name}.mkv", seconds.tolist(), codec="mpeg4")
    return folder


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the videos that are encoded, clips left out."""
    done: list[str] = []
    write = preview.write_preview

    def told(path: Path, out: Path, **options: Any) -> float:
        if options.get("start_s") is None:
            done.append(path.name)
        return write(path, out, **options)

    monkeypatch.setattr(preview, "write_preview", told)
    return done


def test_a_share_tells_nothing_of_this_machine(
    asot: Asot, results: Path, videos: Path, tmp_path: Path, encoded: list[str]
) -> None:
    data = snapshot(results / "data")
    words = ("page", results, "--videos", videos, "--reply_to", "Ada <ada@lab.org>")
    outcome = asot(*words, "--share", tmp_path / "to Ada")
    assert outcome.code == 0
    assert "2 videos, " in outcome.out
    assert snapshot(results / "data") == data, "videos of a page are the page's alone"
    share = tmp_path / "to Ada"
    assert {one.name for one in share.iterdir()} == {"index.html", "assets", "data", "media"}
    assert {"r0.mp4", "r1.mp4"} <= {one.name for one in (share / "media").iterdir()}
    assert encoded == ["r0.mkv", "r1.mkv"]
    for path in filter(Path.is_file, share.rglob("*")):
        assert str(tmp_path).encode() not in path.read_bytes(), path
        assert str(Path.home()).encode() not in path.read_bytes(), path
    values = json.loads(re.findall(r"\{.*\}", (share / "data" / "0.js").read_text())[0])
    assert (values["media"]["src"], values["original"]) == ("media/r0.mp4", "r0.mkv")
    # Finished copies are used again, in whatever form they go.
    before = (share / "media" / "r0.mp4").read_bytes()
    assert asot(*words, "--share", share).code == 0
    assert asot(*words, "--share", tmp_path / "one.html").code == 0
    assert asot(*words, "--share", tmp_path / "all.zip").code == 0
    assert len(encoded) == 2
    assert (share / "media" / "r0.mp4").read_bytes() == before
    assert "ada@lab.org" in (tmp_path / "one.html").read_text(encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held["all/media/r0.mp4"] == before
    assert set(held) == {
        f"all/{path.relative_to(share).as_posix()}" for path in share.rglob("*") if path.is_file()
    }
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]
    # Fewer pixels and bits are other copies, and the earlier ones go.
    outcome = asot(*words, "--share", share, "--longest", "32", "--max_mb", "0.01")
    assert outcome.code == 0
    assert "32 pixels" in outcome.out
    assert "That is more than --max_mb 0.01" in outcome.out
    assert len(encoded) == 4
    kept = [one.suffix for one in (results / "shared_videos").iterdir()]
    assert kept.count(".json") == 2


def test_an_interrupted_share_goes_on(
    asot: Asot,
    results: Path,
    videos: Path,
    tmp_path: Path,
    encoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "folder.html").mkdir()
    outcome = asot("page", results, "--share", tmp_path / "folder.html")
    assert "folder.html holds something else" in outcome.sentence
    out = tmp_path / "out.html"
    out.write_text("mine")
    outcome = asot("page", results, "--share", out)
    assert (
        outcome.sentence == f"{out} holds something else: choose another name for what you share."
    )
    out.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("asot.runs.sharing.render_page", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(results, videos=videos, share=out)
    assert not out.exists()
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]
    assert len(encoded) == 2
    assert asot("page", results, "--videos", videos, "--share", out).code == 0
    assert len(encoded) == 2
    assert out.is_file()


def test_a_page_keeps_its_videos_when_it_is_written_again(
    asot: Asot, results: Path, videos: Path, tmp_path: Path
) -> None:
    assert asot("page", results, "--videos", videos).code == 0
    (tmp_path / "names.json").write_text('{"0": "rest"}')
    assert asot("relabel", results, tmp_path / "names.json").code == 0
    assert "r0.mkv" in (results / "page" / "data" / "0.js").read_text()
    data = results / "data"
    note_companions(find_companions(videos, None, (), SeriesSettings(), data), data)
    (videos / "r1.mkv").write_bytes(b"another")
    outcome = asot("page", results, "--share", tmp_path / "less.html", "--longest", "16")
    assert outcome.sentence.startswith("The videos of 'r1' are left out: they are missing, or not")
    assert "1 video, " in outcome.out
    videos.rename(tmp_path / "away")
    outcome = asot("relabel", results, tmp_path / "names.json")
    assert outcome.sentence == f"{videos} is no longer there and left out of the page."
    assert '"lost":true' in (results / "page" / "data" / "0.js").read_text()
