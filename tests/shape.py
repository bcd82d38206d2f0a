"""What syntax trees say of the project's shape: who imports whom, who names an architecture.

Pure: sources in, findings out. tests/unit/test_arrows.py applies it to the project, and to examples that
each check must reject.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

PACKAGE = "rustbed"

# modules by their dotted names, to their sources
Sources = Mapping[str, str]


def load_sources(root: Path) -> dict[str, str]:
    """Return the source of every module below a package's directory."""
    return {_dotted(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.py"))}


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join((PACKAGE, *parts[: -1 if parts[-1] == "__init__" else None]))


@cache
def find_imports(source: str) -> tuple[tuple[str, str], ...]:
    """Return module and name of each import of the project's own, wherever in the source it is.

    The name is empty for `import rustbed.x`.
    """
    return tuple(_imports(source))


def _imports(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if _is_ours(alias.name))


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == PACKAGE


def find_arrows(sources: Sources) -> dict[str, set[str]]:
    """Return which modules each module imports."""
    arrows = {}
    for module, source in sources.items():
        named = (f"{origin}.{name}" if name else origin for origin, name in find_imports(source))
        arrows[module] = {_module_of(name, sources) for name in named} - {module}
    return arrows


def _module_of(name: str, sources: Sources) -> str:
    """Return the module that a dotted name is, or is in."""
    while name not in sources and "." in name:
        name = name.rpartition(".")[0]
    return name


def find_circles(arrows: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, by whatever way round."""
    reached = {module: _reach(module, arrows) for module in arrows}
    circles = {
        tuple(sorted(other for other in ways if module in reached.get(other, ())))
        for module, ways in reached.items()
        if module in ways
    }
    return sorted(list(circle) for circle in circles)


def _reach(start: str, arrows: Mapping[str, Set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = arrows.get(waiting.pop(), set()) - seen
        seen |= new
        waiting.extend(new)
    return seen


def find_names(source: str, names: Set[str]) -> list[int]:
    """Return the lines that have one of these names as a constant, whatever is done with it."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and node.value in names
    ]


def find_third_party(source: str, packages: Set[str]) -> set[str]:
    """Return which of these packages a source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found & packages
