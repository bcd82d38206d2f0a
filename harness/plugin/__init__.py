"""The pytest plugin: fixtures, markers, options, and pytest's events to verdicts and files.

The only package that imports pytest. Every decision it can leave to a pure
function of another module it leaves there.
"""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder

import pytest

_PACKAGE = __name__.rpartition(".")[0]


class _AsTheyAre:
    """Imports our modules but this package's as Python does, and not as pytest does.

    pytest prepares the assertions of all that a plugin is installed with, although only tests have any, and
    checks by content in each session that what it prepared is current. Where it cannot be written down, in an
    installation of root's or with PYTHONDONTWRITEBYTECODE, the whole package was compiled in each session.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        ours = name.startswith(f"{_PACKAGE}.") and not name.startswith(__name__)
        return PathFinder.find_spec(name, path) if ours else None


sys.meta_path.insert(0, _AsTheyAre)

_PLUGINS = (
    "rustbed.plugin.options",
    "rustbed.plugin.collection",
    "rustbed.plugin.fixtures",
    "rustbed.plugin.building",
    "rustbed.plugin.lifecycle",
    "rustbed.plugin.kunit",
    "rustbed.plugin.ahead",
    "rustbed.plugin.faulty",
    "rustbed.plugin.verdicts",
    "rustbed.plugin.tracebacks",
    "rustbed.plugin.endings",
    "rustbed.plugin.compilers",
    "rustbed.plugin.coverage",
    "rustbed.plugin.results",
    "rustbed.plugin.telling",
    "rustbed.plugin.repeats",
    "rustbed.plugin.lint",
)
# imported by `options` when the command line asks for them
_ON_REQUEST = ("rustbed.plugin.farm", "rustbed.plugin.farmed")

# they import each other, and pytest refuses to load a plugin that was imported before it was marked
pytest.register_assert_rewrite(*_PLUGINS, *_ON_REQUEST)


def _import_all() -> None:
    """Import them without a garbage collector: imports make no garbage.

    What is there then stays to the end. Later collections, of which pytest makes several, leave it out.
    """
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        for name in _PLUGINS:
            import_module(name)
    finally:
        if is_enabled:
            gc.enable()
    gc.freeze()


_import_all()


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the plugin's modules: this is the first hook that pytest calls.

    For each name in a list `pytest_plugins`, pytest reads the entry points of all installed packages.
    """
    for name in _PLUGINS:
        pluginmanager.register(sys.modules[name], name)
