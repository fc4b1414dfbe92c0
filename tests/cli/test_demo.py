"""asot demo, twice: the second time it has its models already."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.outcome import shown_paths

pytest.importorskip("pandas", reason="the recordings of the demo need pandas")
pytest.importorskip("seglearn", reason="the recordings of the demo come with seglearn")


def test_the_demo_twice(asot, tmp_path: Path) -> None:
    out = tmp_path / "my demo"
    first = asot("demo", "--out", out)
    assert (first.code, first.err) == (0, "")
    text = " ".join(first.out.split())
    assert "real recordings" in text
    assert "The sessions are composed from them" in text
    assert "No labels are used for training" in text
    rows = {line.split("  ")[0]: line.split()[-10:] for line in first.out.splitlines() if line}
    assert {"k-means alone", "asot"} <= set(rows)
    scores = json.loads((out / "run-0" / "predictions" / "scores.json").read_text())
    ours = scores["evaluations"]["activity"]["scores"]
    assert float(rows["asot"][0]) == pytest.approx(100 * ours["mof"], abs=0.06)
    assert float(rows["asot"][0]) > float(rows["k-means alone"][0])
    assert float(rows["asot"][3]) > float(rows["k-means alone"][3]) + 20, "far fewer segments"
    paths = shown_paths(first, tmp_path)
    assert len(paths) == 6
    assert all(path.exists() for path in paths)
    for path in (*paths[:2], out / "run-0" / "predictions" / "figures" / "corpus-all.png"):
        with Image.open(path) as picture:
            picture.verify()
    checkpoint = out / "run-0" / "models" / "all.ckpt"
    before = checkpoint.stat().st_mtime_ns
    second = asot("demo", "--out", out)
    assert (second.code, second.err) == (0, "")
    assert second.out == first.out
    assert checkpoint.stat().st_mtime_ns == before
    data = next(path for path in paths if path.name == "watch")
    check = asot("data", "check", data)
    assert (check.code, check.err) == (0, "")
    assert "0 errors, 0 warnings." in check.out
    # What it says comes next can be typed as it is.
    words = shlex.split(first.out.partition("asot train")[2].splitlines()[0])
    again = asot("train", *words, "--figures", "0")
    assert (again.code, again.err) == (0, "")
    assert (out / "again" / "predictions" / "segments.csv").is_file()
