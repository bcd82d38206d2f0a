"""From results that a kernel reported as KTAP to cases of the results file. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from rustbed.log import ktap
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

# user property with results of this test, as JSON, that a machine of another test reported
HEARD = "rustbed-heard"

# property of a KUnit case: its suite
KUNIT = "kunit"

# fields that only a case read from a file has
_READ = ("children", "settings", "suites", "started", "source", "place")

_OUTCOMES = {
    ktap.Outcome.LOST: Outcome.LOST,
    ktap.Outcome.FAIL: Outcome.FAIL,
    ktap.Outcome.XFAIL: Outcome.XFAIL,
    ktap.Outcome.PASS: Outcome.PASS,
    ktap.Outcome.SKIP: Outcome.SKIP,
}


def cases_of(results: Sequence[ktap.Result], suite: str, arch: str = "") -> tuple[Result, ...]:
    """Return results as cases with children.

    `suite` is the class of results without a parent; all names get the architecture `arch` at their end.
    """
    return tuple(_case(result, (), suite, arch) for result in results)


def _case(result: ktap.Result, above: tuple[str, ...], suite: str, arch: str) -> Result:
    facts = {"arch": arch, "source": result.source}
    return Result(
        name=result.name,
        arch=arch,
        label=f"{result.name}[{arch}]" if arch else "",
        classname=".".join(above) or suite,
        outcome=_OUTCOMES[result.outcome],
        message=result.reason or _first(result.log) if result.outcome is not ktap.Outcome.PASS else "",
        details="\n".join(result.log) if result.is_red else "",
        system_out="\n".join(result.log),
        seconds=result.seconds,
        file=result.source.partition(":")[0],
        properties={name: value for name, value in facts.items() if value},
        children=tuple(_case(child, (*above, result.name), suite, arch) for child in result.children),
    )


def _first(log: tuple[str, ...]) -> str:
    """Return the first diagnostic line, without the `#`."""
    return next((line.removeprefix("# ") for line in log if line.startswith("# ")), "")


def describe_cases(results: Sequence[ktap.Result], suite: str, arch: str) -> list[dict[str, Any]]:
    """Return the facts of KUnit suites for a file, as JSON."""
    cases = [_alone(each, case.name) for case in cases_of(results, suite, arch) for each in case.written()]
    return [{name: value for name, value in asdict(case).items() if name not in _READ} for case in cases]


def _alone(case: Result, suite: str) -> Result:
    return replace(case, children=(), properties={**case.properties, KUNIT: suite})


def restore_cases(told: Iterable[Mapping[str, Any]]) -> tuple[Result, ...]:
    """Parse cases from JSON."""
    return tuple(Result(**{**case, "outcome": Outcome(case["outcome"])}) for case in told)


def heard_of(result: ktap.Result, suite: str, arch: str) -> tuple[str, str]:
    """Return results that belong to a test, as a property of its report."""
    return HEARD, json.dumps({"children": describe_cases([result], suite, arch)})
