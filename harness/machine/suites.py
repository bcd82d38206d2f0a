"""Runs a KUnit suite on a machine, and keeps its results for the report."""

from __future__ import annotations

from rustbed.guest import kunit
from rustbed.log.ktap import Result
from rustbed.log.kunit import parse_suite, require_green
from rustbed.machine.live import Live


def run_suite(live: Live, suite: str) -> Result:
    """Run a suite and return its results; if the machine dies, the results so far are kept.

    Raises SuiteError if one is red, UsageError for an unknown suite, MachineError.
    """
    kunit.require_suite(live.talk, suite)
    live.talk.pass_fence()
    begin = len(live.talk.log.records)
    places = kunit.find_places(live.kernel.source_dir, suite)
    try:
        kunit.start_suite(live.talk, suite)
        live.talk.pass_fence()
    finally:
        result = parse_suite(suite, live.talk.log.records[begin:], places)
        live.reported.append(result)
    require_green(result)
    return result
