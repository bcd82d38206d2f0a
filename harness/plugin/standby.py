"""A pytest that is imported in advance: it runs when its orders, a JSON object, come on standard input.

Starting Python and importing the modules for machines takes longer than many tests. Each run still has a
process of its own, so that no state is left for the next run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from importlib import import_module
from pathlib import Path

import pytest

# not the plugin's own modules, whose asserts pytest rewrites
_HEAVY = ("rustbed.testrun", "rustbed.forks.machines", "rustbed.repro.interactive", "rustbed.report.recorder")
# pytest would rewrite everything below rustbed, which has no asserts that need it
_ARGUMENTS = ("-W", "ignore:Module already imported so cannot be rewritten")


class Watched:
    """The plugin for `rustbed watch`: selects the tests, and notes the files of each."""

    def __init__(self, *, without: Collection[str], told: Path) -> None:
        self._without = frozenset(without)
        self._told = told
        # by node id
        self._files: dict[str, Path] = {}
        self._passed: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out tests that a change does not affect."""
        others = [item for item in items if item.nodeid in self._without]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item.nodeid not in self._without]
        self._files = {item.nodeid: item.path for item in items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note tests that finished; others may not have reached their builds."""
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the files of the tests. Under xdist only the workers know them, and nothing is written."""
        # late: the plugin's own modules are imported by pytest
        uses: dict[str, set[Path]] = session.config.stash.get(import_module("rustbed.plugin.stash").USES, {})
        found = {
            test: [str(path) for path in (file, *uses.get(test, ()))]
            for test, file in self._files.items()
            if test in uses or test in self._passed
        }
        self._told.write_text(json.dumps(found))


def main() -> int:
    """Import, wait, and run pytest; return its exit status, or 0 without orders."""
    for module in _HEAVY:
        import_module(module)
    line = sys.stdin.readline()
    if not line:
        return 0
    orders = json.loads(line)
    watched = Watched(without=orders["without"], told=Path(orders["told"]))
    return int(pytest.main([*_ARGUMENTS, *orders["arguments"]], plugins=[watched]))


if __name__ == "__main__":
    sys.exit(main())
