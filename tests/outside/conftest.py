"""One installation for the whole session, also when several workers share it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rustbed.options import read_choices
from rustbed.plugin.options import given
from tests.outside.installed import Installed, Project, copy_project, install
from tests.sharing import make_once

# it belongs to somebody else: neither its tests nor its conftest.py are ours
collect_ignore = ["foreign", "overlays"]


def _options(config: pytest.Config) -> tuple[str, ...]:
    """Return the outer session's choices as options; one architecture shows what this folder is about."""
    words = ["--arch", "x86_64"]
    for name in ("--kernel", "--profile", "--accel", "--toolchain", "--qemu"):
        if value := given(config)(name.removeprefix("--")):
            words += [name, str(value)]
    return tuple(words)


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:

    def make(shared: Path) -> None:
        (shared / "made.json").write_text(json.dumps([str(path) for path in install(shared)]))

    shared = make_once(request.config, tmp_path_factory, "installed", make)
    environment, plugins = map(Path, json.loads((shared / "made.json").read_text()))
    cache = read_choices(given(request.config)).cache_root
    return Installed(environment=environment, plugins=plugins, options=_options(request.config), cache=cache)


@pytest.fixture
def project(installed: Installed, tmp_path: Path) -> Project:
    """A fresh copy of the foreign project."""
    return copy_project(installed, tmp_path)
