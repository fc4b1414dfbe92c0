"""Each room imports only from the rooms above it: docs/architecture.md has the list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "asot"

# From the ground up: each room may import the rooms above it in this list.
ROOMS = (
    *("text", "errors", "files", "schema", "progress", "workers", "timeline", "transport"),
    *("metrics", "decoding", "data", "simulation", "inputs", "discover", "model", "baselines"),
    *("estimator", "export", "figures", "page", "runs", "benchmark", "cli"),
)
# What a room knows nothing of, though it is above it.
APART = {
    "transport": {"timeline", "schema"},
    "metrics": {"transport"},
    "decoding": {"transport", "metrics"},
    "data": {"transport", "metrics", "decoding"},
    "inputs": {"transport", "metrics", "decoding", "simulation"},
    "discover": {"data", "inputs", "simulation", "decoding", "metrics"},
    "model": {"inputs", "simulation"},
    "baselines": {"inputs", "simulation"},
    "estimator": {"inputs", "simulation", "baselines"},
    "export": {"transport", "data", "inputs", "discover", "model", "baselines", "estimator"},
    "figures": {"transport", "data", "inputs", "discover", "model", "baselines", "estimator"},
    "page": {"transport", "data", "discover", "model", "baselines", "estimator", "export"},
}


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
    above = set(ROOMS) if room.startswith("__") else set(ROOMS[: ROOMS.index(room)])
    assert imports_of(path) - {room} <= above - APART.get(room, set())


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
