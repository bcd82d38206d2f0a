"""Results that a kernel reported as KTAP, as cases of the results file. Pure."""

from __future__ import annotations

from rustbed.log import ktap
from rustbed.log.ktap import Result
from rustbed.report.junit import Case
from rustbed.report.verdict import Outcome

_OUTCOMES = {
    ktap.Outcome.LOST: Outcome.LOST,
    ktap.Outcome.FAIL: Outcome.FAIL,
    ktap.Outcome.XFAIL: Outcome.XFAIL,
    ktap.Outcome.PASS: Outcome.PASS,
    ktap.Outcome.SKIP: Outcome.SKIP,
}


def cases_of(report: Result, suite: str) -> list[Case]:
    """Return a case for each innermost test; those that lead to it are its class, `suite` where none do.

    A parent that is red although none of its children is becomes a case of its own: no failure is lost.
    """
    parents = [(path, result) for path, result in report.reds() if result.children]
    return [_case(path, result, suite) for path, result in (*report.leaves(), *parents)]


def _case(path: tuple[str, ...], result: Result, suite: str) -> Case:
    *classes, name = path
    return Case(
        name=name,
        classname=".".join(classes) or suite,
        outcome=_OUTCOMES[result.outcome],
        message=result.reason or _first(result.log) if result.outcome is not ktap.Outcome.PASS else "",
        details="\n".join(result.log) if result.is_red else "",
        system_out="\n".join(result.log),
    )


def _first(log: tuple[str, ...]) -> str:
    """Return the first diagnostic line, without its mark."""
    return next((line.removeprefix("# ") for line in log if line.startswith("# ")), "")
