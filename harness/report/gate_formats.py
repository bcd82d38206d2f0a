"""Renders the gate's result: for a terminal, a job's summary, programs and annotations of source lines.

Pure. Titles come from guests' logs and are hostile: each format escapes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from rustbed.escape import markdown_cell, one_line, render_json, workflow_text
from rustbed.progress import plural
from rustbed.report.changes import Change, Finding
from rustbed.report.gate import Comparison
from rustbed.report.result import Result

_STATUS = {0: "no regression", 1: "regression", 2: "cannot be judged"}

# the changes that become annotations, and their level
_ANNOTATED = {
    Change.NEW_FAILURE: "error",
    Change.SLOWER: "warning",
    Change.STILL_FAILING: "warning",
    Change.KNOWN: "notice",
    Change.EXPECTED_FLAKE: "notice",
}
_SEVERITY = {"error": "critical", "warning": "minor", "notice": "info"}


def _flake(result: Result | None) -> str:
    """Render how often a red test was red again, "" if it was not repeated."""
    return result.properties.get("confirmed", "") if result is not None else ""


def _line(finding: Finding) -> str:
    """Render the title of a finding with its notes."""
    notes = [_flake(finding.result), *(f"{issue.reason}, {issue.link}" for issue in finding.known)]
    if finding.change is Change.KNOWN_ISSUE_WRONG:
        notes = []
    notes.append(finding.note)
    shown = "".join(f" [{note}]" for note in notes if note)
    return one_line(f"{finding.title}{shown}")


def _counts(comparison: Comparison) -> str:
    parts = [f"{comparison.steady} unchanged"]
    parts += [f"{number} {change}" for change in Change if (number := comparison.count(change))]
    return ", ".join(parts)


def _summary(comparison: Comparison) -> str:
    return f"{_STATUS[comparison.status]}: {_totals(comparison)}"


def _totals(comparison: Comparison) -> str:
    return f"{plural(comparison.new, 'test')}, {comparison.old} in the baseline: {_counts(comparison)}"


def render_text(comparison: Comparison) -> str:
    """Render a line for each finding, and a summary at the end."""
    findings = comparison.findings
    width = max((len(finding.change) for finding in findings), default=0)
    arches = max((len(finding.arch) for finding in findings), default=0)
    lines = [
        f"{finding.change.upper():<{width}}  {finding.arch or '-':<{arches}}  {one_line(finding.test)}"
        f"  {_line(finding)}"
        for finding in findings
    ]
    return "\n".join([*lines, f"gate: {_summary(comparison)}"]) + "\n"


def render_markdown(comparison: Comparison) -> str:
    """Render a heading and a table, for the summary of a CI job."""
    lines = [f"### rustbed gate: {_STATUS[comparison.status]}", ""]
    lines += [_totals(comparison), ""]
    if comparison.findings:
        lines += ["| | arch | test | |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {finding.change} | {markdown_cell(finding.arch) or '-'} | {markdown_cell(finding.test)}"
        f" | {markdown_cell(_line(finding))} |"
        for finding in comparison.findings
    ]
    return "\n".join(lines) + "\n"


def render_findings(comparison: Comparison) -> str:
    """Render a JSON object: `status` (the exit status), counts, and `findings` with all facts."""
    document = {
        "status": comparison.status,
        "summary": _STATUS[comparison.status],
        "tests": comparison.new,
        "baseline_tests": comparison.old,
        "unchanged": comparison.steady,
        "counts": {change.value: comparison.count(change) for change in Change},
        "findings": [_facts(finding) for finding in comparison.findings],
    }
    return render_json(document)


def _facts(finding: Finding) -> dict[str, object]:
    result = finding.result
    facts: dict[str, object] = {
        "change": finding.change,
        "test": finding.test,
        "arch": finding.arch,
        "title": finding.title,
        "known": [
            {"file": str(issue.file), "line": issue.line, "reason": issue.reason, "link": issue.link}
            for issue in finding.known
        ],
    }
    if (past := finding.past) is not None:
        since = past.flaky_since
        facts["history"] = {
            "runs": len(past.runs),
            "red": past.red,
            "flaky_since": since.isoformat() if since else None,
            "note": finding.note,
        }
    if result is not None:
        facts |= {
            "outcome": result.outcome,
            "fingerprints": list(result.fingerprints),
            "confirmed": _flake(result),
            "kernel": result.properties.get("kernel_release", ""),
            "run_directory": _run_directory(result),
            "results": str(result.source),
        }
    return facts


def _run_directory(result: Result) -> str:
    """Return the path of a test's run directory, which is beside the results file; "" if it has none."""
    name = result.properties.get("run_directory", "")
    return str(result.source.parent / name) if name else ""


def _place(result: Result) -> tuple[str, int]:
    """Return the file and line (1-based) to blame: the driver's where a splat names it, else the test's."""
    file, _, line = result.properties.get("source", "").rpartition(":")
    if file and line.isdecimal():
        return file, int(line)
    return result.file, 1


def render_github(comparison: Comparison) -> str:
    """Render workflow commands, which GitHub shows beside the lines of a change."""
    lines = []
    for finding in comparison.findings:
        level = _ANNOTATED.get(finding.change, "error" if finding.change is not Change.FIXED else "notice")
        place = ""
        if finding.result is not None:
            file, number = _place(finding.result)
            place = f"file={workflow_text(one_line(file), is_property=True)},line={number}," if file else ""
        title = workflow_text(one_line(f"{finding.change}: {finding.test} {finding.arch}"), is_property=True)
        lines.append(f"::{level} {place}title={title}::{workflow_text(_line(finding))}")
    return "".join(f"{line}\n" for line in [*lines, f"gate: {_summary(comparison)}"])


def render_gitlab(comparison: Comparison) -> str:
    """Render a GitLab code quality report of the findings with a source line."""
    issues = []
    for finding in comparison.findings:
        if finding.change not in _ANNOTATED or finding.result is None:
            continue
        file, number = _place(finding.result)
        identity = "\n".join([finding.test, finding.arch, *finding.result.fingerprints, finding.change])
        issues.append(
            {
                "description": one_line(f"{finding.change}: {finding.test} {finding.arch}: {_line(finding)}"),
                "check_name": f"rustbed {finding.change}",
                "fingerprint": hashlib.sha256(identity.encode(errors="replace")).hexdigest(),
                "severity": _SEVERITY[_ANNOTATED[finding.change]],
                "location": {"path": file or finding.test, "lines": {"begin": number}},
            }
        )
    return render_json(issues)


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "text": render_text,
    "md": render_markdown,
    "json": render_findings,
    "github": render_github,
    "gitlab": render_gitlab,
}
