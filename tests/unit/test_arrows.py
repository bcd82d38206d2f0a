"""The project's shape, checked from its syntax trees: arrows between stages, private names, named doors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent.parent / "harness"

# a module may import from its own folder and from lower ranks; a folder's name stands for what is in it
RANKS = (
    ("errors",),
    ("deadline", "process", "arch", "progress", "data", "yamlfile"),
    ("cache",),
    ("host", "log", "procfs"),
    ("toolroot",),
    ("kernel",),
    ("symbols", "image", "report"),
    ("guest",),
    ("devices",),
    ("machine",),
    ("forks", "instruments", "bundle"),
    ("prepare",),
    ("request", "testrun", "options", "bench"),
    ("repro",),
    ("bisect",),
    ("plugin", "cli"),
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def modules() -> list[Path]:
    return sorted(path for path in HARNESS.rglob("*.py") if path != HARNESS / "__init__.py")


def stage(path: Path) -> str:
    return path.relative_to(HARNESS).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield stage and imported name for each import of ours."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rustbed":
            for alias in node.names:
                parts = [*(node.module or "").split("."), alias.name]
                yield parts[1], alias.name
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("rustbed."):
                    yield alias.name.split(".")[1], alias.name


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(HARNESS)))
def test_imports_point_to_earlier_stages(path: Path) -> None:
    own = stage(path)
    assert own in RANK, f"{own} has no place in the order of stages"
    later = [name for name, _ in imports(path) if name != own and RANK[name] >= RANK[own]]
    assert later == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(HARNESS)))
def test_private_names_stay_in_their_stage(path: Path) -> None:
    assert [(s, n) for s, n in imports(path) if n.startswith("_") and s != stage(path)] == []


def test_only_the_plugin_imports_pytest() -> None:
    found = {
        stage(path)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if (
            isinstance(node, ast.Import)
            and any(a.name.split(".")[0] in ("pytest", "_pytest") for a in node.names)
        )
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("pytest", "_pytest"))
    }
    assert found == {"plugin"}


def test_nobody_asks_which_architecture_it_has() -> None:
    """Differences between architectures are fields of their rows."""
    names = {"x86_64", "arm64", "riscv64", "x86", "aarch64", "riscv"}
    guilty = [
        f"{path.relative_to(HARNESS)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for part in (node.left, *node.comparators)
        if isinstance(part, ast.Constant) and part.value in names
    ]
    assert guilty == []
