"""One installation for the whole session, also when several workers share it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.options import read_choices
from rustbed.plugin.options import given
from tests.outside.installed import Installed, Project, copy_project, install

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
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if hasattr(request.config, "workerinput") else base) / "installed"
    with Cache(shared).lock("installed"):
        made = shared / "made.json"
        if not made.exists():
            made.write_text(json.dumps([str(path) for path in install(shared)]))
        environment, plugins = map(Path, json.loads(made.read_text()))
    cache = read_choices(given(request.config)).cache_root
    return Installed(environment=environment, plugins=plugins, options=_options(request.config), cache=cache)


@pytest.fixture
def project(installed: Installed, tmp_path: Path) -> Project:
    """A fresh copy of the foreign project."""
    return copy_project(installed, tmp_path)
