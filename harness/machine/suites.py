"""Runs a KUnit suite on a machine, and keeps its results for the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rustbed.guest import kunit
from rustbed.log.ktap import Result
from rustbed.log.kunit import find_causes, parse_suite, require_green
from rustbed.log.splat import Splat
from rustbed.machine.live import Live


def run_suite(live: Live, suite: str) -> Result:
    """Run a suite and return its results; the machine's report has them.

    Raises SuiteError if one is red, UsageError for an unknown suite, MachineError.
    """
    hear_suite(live, suite, live.reported.append)
    require_green(live.reported[-1])
    return live.reported[-1]


def hear_suite(
    live: Live, suite: str, keep: Callable[[Result], None], places: Mapping[str, str] | None = None
) -> dict[str, tuple[Splat, ...]]:
    """Run a suite and keep its results, also those of a machine that died meanwhile.

    `places` has file:line of cases whose place is not in the log; by default those of the kernel's source.
    Returns what the kernel reported while each case ran, by the case's name.
    Raises UsageError for an unknown suite, MachineError.
    """
    kunit.require_suite(live.talk, suite)
    if places is None:
        places = kunit.find_places(live.kernel.source_dir, suite)
    live.talk.pass_fence()
    begin = len(live.talk.log.records)
    try:
        kunit.start_suite(live.talk, suite)
        live.talk.pass_fence()
    finally:
        keep(parse_suite(suite, live.talk.log.records[begin:], places))
    return find_causes(live.talk.log.records[begin:])
