"""Each room imports only from the rooms above it: docs/architecture.md has the list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "asot"

# What each room may import, itself apart.
BASE = {"errors", "files", "processes"}
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "files": set(),
    "processes": set(),
    "transport": BASE,
    "segments": BASE,
    "decoding": BASE | {"segments"},
    "timelines": BASE | {"segments"},
    "naming": BASE | {"segments"},
    "metrics": BASE | {"segments"},
    "data": BASE | {"segments", "timelines"},
    "video": BASE | {"timelines", "data"},
    "series": BASE | {"timelines", "data"},
    "export": BASE | {"segments", "timelines"},
    "report": BASE | {"segments", "timelines", "video"},
    "evidence": BASE | {"transport", "segments"},
    "learning": BASE
    | {
        "transport",
        "evidence",
        "segments",
        "decoding",
        "timelines",
        "naming",
        "metrics",
        "data",
        "export",
        "report",
    },
    "baselines": BASE | {"transport", "segments", "decoding", "metrics", "data", "learning"},
    "estimator": BASE | {"transport", "segments", "metrics", "data", "learning"},
}
ROOMS["benchmark"] = BASE | {"metrics", "data", "report", "learning", "baselines"}
ROOMS["results"] = (
    BASE
    | {"segments", "timelines", "naming", "metrics", "data", "video", "series"}
    | {"export", "report", "learning"}
)
ROOMS["cli"] = set(ROOMS)
ROOMS["__init__"] = ROOMS["__main__"] = set(ROOMS)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("asot."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("asot.")}
    return found


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_rooms_import_from_above_only(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    assert imports_of(path) - {room} <= ROOMS[room]


def test_nothing_is_pickled() -> None:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text, path
        assert "allow_pickle=True" not in text, path
        assert "weights_only=False" not in text, path


def test_importing_asot_is_light() -> None:
    import subprocess
    import sys

    heavy = "torch", "lightning", "matplotlib", "sklearn", "scipy", "rich"
    code = f"import sys, asot; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
