"""The pytest plugin: fixtures, markers, options, and pytest's events to verdicts and files.

The only package that imports pytest. Every decision it can leave to a pure
function of another module it leaves there.
"""

import pytest

pytest_plugins = [
    "rustbed.plugin.options",
    "rustbed.plugin.collection",
    "rustbed.plugin.fixtures",
    "rustbed.plugin.building",
    "rustbed.plugin.lifecycle",
    "rustbed.plugin.ahead",
    "rustbed.plugin.faulty",
    "rustbed.plugin.verdicts",
    "rustbed.plugin.tracebacks",
    "rustbed.plugin.endings",
    "rustbed.plugin.compilers",
    "rustbed.plugin.coverage",
    "rustbed.plugin.results",
    "rustbed.plugin.telling",
    "rustbed.plugin.lint",
]

# they import each other, and pytest refuses to load a plugin that was imported before it was marked
pytest.register_assert_rewrite(*pytest_plugins)
