"""Where the files that come with the project are: images/ and kconfigs/, and its checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """Return the directory `name` of an installed package or, beside it, of a checkout."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def find_checkout() -> Path | None:
    """Return the checkout of the project that this code is part of; None if it was installed."""
    project = _PACKAGE.parent
    return project if (project / "tests/unit").is_dir() and (project / "pyproject.toml").is_file() else None
