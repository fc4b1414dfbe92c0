"""asot demo, twice: the second time it has its models already."""

from __future__ import annotations

import json
import re
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
    scores = json.loads((out / "run-0" / "predictions" / "scores.json").read_text())
    right = scores["evaluations"]["activity"]["scores"]["mof"]
    share = r"(\d+) % of the frames are right, in (\d+) segments a session"
    told = re.search(rf"^{share}; with k-means alone {share}\.$", first.out, re.MULTILINE)
    assert told is not None
    ours, few, theirs, many = map(int, told.groups())
    assert ours == pytest.approx(100 * right, abs=0.51)
    assert ours > theirs
    assert few < many / 5
    paths = shown_paths(first, tmp_path)
    assert len(paths) == 7
    assert paths[0] == out / "page" / "index.html"
    assert all(path.exists() for path in paths)
    for path in (*paths[1:3], out / "run-0" / "predictions" / "figures" / "corpus-all.png"):
        with Image.open(path) as picture:
            picture.verify()
    checkpoint = out / "run-0" / "models" / "all.ckpt"
    before = checkpoint.stat().st_mtime_ns
    second = asot("demo", "--out", out)
    assert (second.code, second.err) == (0, "")
    assert second.out == first.out
    assert checkpoint.stat().st_mtime_ns == before
    assert shown_paths(asot("export", out, "--to", "csv"), out) == [out / "exports" / "csv"]
    data = next(path for path in paths if path.name == "watch")
    check = asot("data", "check", data)
    assert (check.code, check.err) == (0, "")
    assert "0 errors, 0 warnings." in check.out
    # What it says comes next can be typed as it is.
    words = shlex.split(first.out.partition("asot train")[2].splitlines()[0])
    again = asot("train", *words, "--figures", "0")
    assert (again.code, again.err) == (0, "")
    assert (out / "again" / "predictions" / "segments.csv").is_file()
