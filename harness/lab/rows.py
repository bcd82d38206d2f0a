"""Results of tests as rows of KernelCI's database: the KCIDB schema, version 5.3. Pure.

https://github.com/kernelci/kcidb-io has the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rustbed.lab.job import INFRASTRUCTURE, TEST, Ending
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

VERSION = {"major": 5, "minor": 3}
# statuses that say nothing about the kernel: the test's own code failed, or did not run to its end
_ERROR, _MISS = "ERROR", "MISS"
_STATUS = {
    Outcome.PASS: "PASS",
    Outcome.SKIP: "SKIP",
    # a known failure: neither a regression nor a pass
    Outcome.XFAIL: "DONE",
    Outcome.ERROR: _ERROR,
    Outcome.LOST: _MISS,
}
# of every other outcome
_RED = "FAIL"
_ORIGIN = re.compile(r"[a-z0-9_]+")


def is_origin(text: str) -> bool:
    """Whether the schema accepts a text as the name of a CI system."""
    return _ORIGIN.fullmatch(text) is not None


def make_rows(
    results: Iterable[Result], origin: str, node: str, build_id: str, platform: str
) -> list[dict[str, Any]]:
    """Return a row for each result of a job, in their order."""
    return [
        _row(result, origin, f"{node}.{number}", build_id, platform)
        for number, result in enumerate(results, 1)
    ]


def _row(result: Result, origin: str, name: str, build_id: str, platform: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"{origin}:{name}",
        "origin": origin,
        "build_id": build_id,
        "path": path_of(result),
        "status": _STATUS.get(result.outcome, _RED),
        # KernelCI's dashboard finds the tests of a platform by this and the time
        "environment": {"misc": {"platform": platform}},
        "misc": {"test": result.test, "arch": result.arch, "outcome": str(result.outcome)},
    }
    if result.started:
        row["start_time"] = result.started
    if result.seconds is not None:
        row["duration"] = result.seconds
    if result.title and result.outcome is not Outcome.PASS:
        row["comment"] = result.title.replace("\0", "")
    return row


def path_of(result: Result) -> str:
    """Return a test's path in the schema's tree of tests: rustbed, its module, its name."""
    parts = ("rustbed", *result.classname.split("."), result.name)
    return ".".join(re.sub(r"[^A-Za-z0-9_-]+", "_", part).strip("_") or "_" for part in parts)


def make_report(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a submission of these rows; their build is KernelCI's own."""
    return {"version": VERSION, "checkouts": [], "builds": [], "tests": list(rows)}


def judge_node(rows: Sequence[dict[str, Any]]) -> Ending:
    """Return how a job's node ended: fail, incomplete, pass or skip, the worst of the rows."""
    statuses = {row["status"] for row in rows}
    if not statuses:
        return Ending(result="incomplete", error="pytest left no results")
    if _RED in statuses:
        return Ending(result="fail")
    for status, code in ((_ERROR, TEST), (_MISS, INFRASTRUCTURE)):
        if said := [
            f"{row['path']}: {row.get('comment', status)}" for row in rows if row["status"] == status
        ]:
            return Ending(result="incomplete", error=said[0], code=code)
    return Ending(result="pass" if statuses & {"PASS", "DONE"} else "skip")
