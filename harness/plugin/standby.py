"""A pytest that is imported and waits: it runs when its orders come, one JSON object on standard input.

Starting Python and importing what machines need takes longer than many a test. Each run has a process of
its own all the same, so that no run leaves anything for the next.
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
    """The part of a session that `rustbed watch` has: which tests run, and what each is made of."""

    def __init__(self, *, without: Collection[str], told: Path) -> None:
        self._without = frozenset(without)
        self._told = told
        # by node id
        self._files: dict[str, Path] = {}
        self._passed: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the tests that a change does not concern."""
        others = [item for item in items if item.nodeid in self._without]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item.nodeid not in self._without]
        self._files = {item.nodeid: item.path for item in items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which tests came to their end: others may not have come to what they have built."""
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell what the tests are made of. Under xdist only the workers know, and nothing is told."""
        # late: the plugin's own modules are imported by pytest
        uses: dict[str, set[Path]] = session.config.stash.get(import_module("rustbed.plugin.stash").USES, {})
        found = {
            test: [str(path) for path in (file, *uses.get(test, ()))]
            for test, file in self._files.items()
            if test in uses or test in self._passed
        }
        self._told.write_text(json.dumps(found))


def main() -> int:
    """Import, wait, and run pytest; return its exit status, or 0 if there is nothing to run."""
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
