"""Each room imports only from the rooms above it: docs/architecture.md has the list."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "asot"

# From the ground up: each room may import the rooms above it in this list.
ROOMS = (
    *(
        "text",
        "errors",
        "named",
        "locks",
        "stores",
        "remote",
        "files",
        "folders",
        "kept",
        "strangers",
        "schema",
        "progress",
        "telling",
        "signals",
        "serving",
        "processes",
        "rays",
        "workers",
        "shards",
        "graphs",
        "notebook",
        "timeline",
    ),
    *("transport", "compat", "metrics", "groups", "decoding", "figures", "data", "simulation"),
    "inputs",
    *("discover", "model", "baselines", "estimator", "export", "page", "runs"),
    *("benchmark", "cli"),
)
# What a room knows nothing of, though it is above it.
APART = {
    "transport": {"timeline", "schema"},
    "metrics": {"transport"},
    "groups": {"transport", "metrics"},
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


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: set[str]) -> set[str]:
    """The modules of asot that a file imports, anywhere but for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            inner = {f"{node.module}.{one.name}" for one in node.names}
            found |= (inner & modules) | ({node.module} if inner - modules else set())
    return found


def test_no_imports_run_in_a_circle() -> None:
    files = {module_of(path): path for path in SOURCE.rglob("*.py")}
    after = {name: imported(path, set(files)) - {name} for name, path in files.items()}
    # Packages' __init__ files name what is public, and are no part of a circle by that alone.
    inner = {name: {one for one in to if "__init__" not in str(files[one])}
             for name, to in after.items()}  # fmt: skip
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(inner[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in sorted(inner):
        visit(name, ())


def test_a_class_has_a_name_of_its_own() -> None:
    homes: dict[str, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_the_page_on_architecture_names_files_that_exist() -> None:
    text = (SOURCE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text))
    assert len(named) > 50
    solvers = SOURCE / "transport"
    places = (SOURCE, SOURCE.parent, SOURCE.parents[1], solvers / "cpu", solvers / "cuda")
    assert {one for one in named if not any((place / one).is_file() for place in places)} == set()


def test_nothing_is_pickled() -> None:
    pipes = ("processes.py", "serving.py")
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        # Between a process and those that it began; no file, and nothing that others may send.
        assert "import pickle" not in text or path.name in pipes, path
        assert "allow_pickle=True" not in text, path
        assert "weights_only=False" not in text, path


def test_no_module_needs_what_windows_lacks() -> None:
    unix = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
    for path in (*SOURCE.rglob("*.py"), *Path(__file__).parent.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                assert not {one.name for one in node.names} & unix, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in unix, path


def test_texts_are_written_with_the_same_bytes_on_every_system() -> None:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            mode = str(getattr(node.args[0], "value", "")) if node.args else ""
            opens = node.func.attr == "open" and mode in ("w", "a", "x", "r+", "w+")
            if opens or node.func.attr == "write_text":
                named = {one.arg for one in node.keywords}
                assert {"encoding", "newline"} <= named, f"{path}:{node.lineno}"


def test_importing_asot_is_light() -> None:
    import subprocess
    import sys

    heavy = "torch", "lightning", "matplotlib", "sklearn", "scipy", "rich"
    code = f"import sys, asot; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
