"""What is packed, as pyproject.toml says it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def targets() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: dict[str, Any] = settings["tool"]["hatch"]["build"]["targets"]
    return found


def test_an_sdist_has_all_that_a_wheel_is_made_of() -> None:
    wheel = targets()["wheel"]
    needed = {*wheel["only-include"], *wheel["force-include"], "LICENSE", "README.md"}
    packed = set(targets()["sdist"]["only-include"])
    assert needed <= packed
    assert packed - needed == {"CHANGELOG.md"}
    assert [name for name in packed if not (ROOT / name).exists()] == []


def test_data_is_where_an_installed_package_looks_for_it() -> None:
    """A folder beside harness/ that the code reads has to be packed, too."""
    asked = {
        name
        for path in (ROOT / "harness").rglob("*.py")
        for name in ("images", "kconfigs", "templates", "docs", "findings", "tests")
        if f'data_dir("{name}")' in path.read_text()
    }
    assert asked == set(targets()["wheel"]["force-include"])
