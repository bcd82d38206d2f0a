"""A pytest that is imported in advance: it runs when its orders, a JSON object, come on standard input.

Starting Python and importing the modules for machines takes longer than many tests, and so does starting
machines: servers for those of the run before are started here, too, and the tests get copies. Each run
still has a process of its own, so that no state is left for the next run.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Collection
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest

from rustbed.forks.hot.ahead import keep_kinds, load_kept, open_servers
from rustbed.forks.hot.servers import Servers

# not the plugin's own modules, whose asserts pytest rewrites
_HEAVY = ("rustbed.testrun", "rustbed.forks.machines", "rustbed.repro.interactive", "rustbed.report.recorder")
# pytest would rewrite everything below rustbed, which has no asserts that need it
_ARGUMENTS = ("-W", "ignore:Module already imported so cannot be rewritten")


class Watched:
    """The plugin for `rustbed watch`: selects the tests, and notes the files of each, and their machines."""

    def __init__(
        self, *, without: Collection[str], told: Path, machines: Path, servers: Servers | None
    ) -> None:
        self._without = frozenset(without)
        self._told = told
        self._machines = machines
        self._servers = servers
        # by node id
        self._files: dict[str, Path] = {}
        self._passed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand over the servers that were started."""
        if self._servers is not None:
            # late: the plugin's own modules are imported by pytest
            config.stash[import_module("rustbed.plugin.stash").SERVERS] = self._servers

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
        """Write the files of the tests, and which machines they had.

        Under xdist only the workers know both, and nothing is written.
        """
        stash = import_module("rustbed.plugin.stash")
        uses: dict[str, set[Path]] = session.config.stash.get(stash.USES, {})
        found = {
            test: [str(path) for path in (file, *uses.get(test, ()))]
            for test, file in self._files.items()
            if test in uses or test in self._passed
        }
        self._told.write_text(json.dumps(found))
        if machines := session.config.stash.get(stash.MACHINES, None):
            cache = session.config.stash[stash.PLATFORMS].choices.cache
            keep_kinds(self._machines, cache, machines.kinds)


def main(machines: Path) -> int:
    """Import, start servers, wait, and run pytest; return its exit status, or 0 without orders.

    `machines` is the file in which a run tells the next one what machines it had.
    """
    for module in _HEAVY:
        import_module(module)
    with ExitStack() as stack:
        servers = None
        if kept := load_kept(machines):
            servers, parking = stack.enter_context(open_servers(kept, machines.parent))
            for park in parking:
                # a session does this itself for the servers that it copies
                if not select.select([sys.stdin], [], [], 0)[0]:
                    park()
        line = sys.stdin.readline()
        if not line:
            return 0
        orders = json.loads(line)
        told = Path(orders["told"])
        watched = Watched(without=orders["without"], told=told, machines=machines, servers=servers)
        return int(pytest.main([*_ARGUMENTS, *orders["arguments"]], plugins=[watched]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
