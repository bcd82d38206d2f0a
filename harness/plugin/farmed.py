"""A session on a worker of a farm: runs the tests of one attempt, and saves each result at once."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from rustbed.farm.store import Events, read_cases, read_job
from rustbed.plugin.stash import CASES, attempt_of, outputs_of


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Collect only the files of the attempt's tests, and register the listener."""
    if (attempt := attempt_of(config)) is None:
        return
    job = read_job(attempt)
    config.stash[CASES] = read_cases(attempt)
    tests = job.tests
    files = list(dict.fromkeys(config.rootpath / test.partition("::")[0] for test in tests))
    # a plugin may give a test an id without a file
    if all(file.is_file() for file in files):
        config.args = [str(file) for file in files]
    if config.option.collectonly:
        # it imports the tests, and runs none
        return
    events = Events(attempt, copy=str(config.rootpath), root=job.root)
    config.pluginmanager.register(_Farmed(config, events, tests), "rustbed-farmed")


class _Farmed:
    """The listener with the attempt."""

    def __init__(self, config: pytest.Config, events: Events, tests: Any) -> None:
        self._config, self._events = config, events
        self._order = {test: rank for rank, test in enumerate(tests)}
        self._test = ""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Select the tests of the attempt, in its order, regardless of options and plugins."""
        yield
        chosen = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self._order])
        items[:] = chosen

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note the begin and end of a test; after a crash it has only begun."""
        self._test = item.nodeid
        self._events.write(begins=item.nodeid)
        result = yield
        self._events.write(ends=item.nodeid)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Save a report; a test may have several for a phase, and some with another name."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._events.write(test=self._test, report=data)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Save the facts that are summed up over the whole session."""
        self._events.write(handed_over=outputs_of(self._config))
