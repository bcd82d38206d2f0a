"""The pytest plugin: fixtures, markers, options, and pytest's events to verdicts and files.

The only package that imports pytest. Every decision it can leave to a pure
function of another module it leaves there.
"""

# what others import comes first: pytest rewrites the asserts of a module only before it is imported
pytest_plugins = [
    "rustbed.plugin.options",
    "rustbed.plugin.collection",
    "rustbed.plugin.fixtures",
    "rustbed.plugin.ahead",
    "rustbed.plugin.verdicts",
    "rustbed.plugin.compilers",
    "rustbed.plugin.results",
]
