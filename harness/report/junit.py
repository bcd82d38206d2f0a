"""JUnit XML: results in the form that continuous integration reads. The only door to junit_xml.

Owns the mapping of outcomes to JUnit's words, and removes characters that XML
forbids. Pure, except for the last write.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed.cache import write_atomically
from rustbed.escape import printable
from rustbed.log.record import strip_ansi
from rustbed.report.result import Result
from rustbed.report.verdict import RED, Outcome

if TYPE_CHECKING:
    import junit_xml

# a longer text is cut in its middle; the run directory has all messages of a flood
_LONGEST = 1 << 18

# attributes of the root element, which has the sums over its suites; there is one suite
_TOTALS = ("tests", "failures", "errors", "disabled", "time")

_SKIPPED = frozenset({Outcome.SKIP, Outcome.XFAIL})


def render_junit(
    suite: str,
    cases: Sequence[Result],
    *,
    started: datetime | None = None,
    hostname: str = "",
    properties: tuple[tuple[str, str], ...] = (),
) -> str:
    """Render a document of one suite, including children of cases; it is valid XML for any text.

    `properties` are those of the whole suite, `started` is when it began.
    """
    import junit_xml  # noqa: PLC0415 - results are read, too, where nothing is written

    cases = [each for case in cases for each in case.written()]
    document = junit_xml.TestSuite(
        _clean(suite),
        [_junit_case(case) for case in cases],
        hostname=_clean(hostname),
        timestamp=started.astimezone(UTC).isoformat(timespec="seconds") if started else None,
        properties={_clean(name): _clean(value) for name, value in properties},
    )
    element: ET.Element = document.build_xml_doc()
    element.set("time", f"{sum(case.seconds or 0.0 for case in cases):.3f}")
    for case, case_element in zip(cases, element.iter("testcase"), strict=True):
        _complete(case_element, case)
    root = ET.Element("testsuites", {key: element.attrib[key] for key in _TOTALS})
    root.append(element)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _junit_case(case: Result) -> junit_xml.TestCase:
    """Return the library's form of a case. The library counts none without a message or output."""
    import junit_xml  # noqa: PLC0415 - as above

    made = junit_xml.TestCase(
        _clean(case.label or case.name),
        classname=_clean(case.classname),
        file=_clean(case.file),
        stdout=_clean(case.system_out),
    )
    message, details = _clean(case.message) or case.outcome.value, _clean(case.details)
    if case.outcome in RED:
        made.add_failure_info(message, details, failure_type=case.outcome.value)
    elif case.outcome is Outcome.ERROR:
        made.add_error_info(message, details, error_type=case.outcome.value)
    elif case.outcome in _SKIPPED:
        made.add_skipped_info(message, details)
    return made


def _complete(element: ET.Element, case: Result) -> None:
    """Add what junit-xml 1.9 omits: properties of a case (it has them for suites), and a time of 0."""
    element.set("time", f"{max(0.0, case.seconds or 0.0):.3f}")
    parent = ET.Element("properties")
    for name, value in {"outcome": case.outcome.value, **case.properties}.items():
        ET.SubElement(parent, "property", {"name": _clean(name), "value": _clean(value)})
    # strict readers require properties before the result
    element.insert(0, parent)


def _clean(text: str) -> str:
    """Return the text without terminal control and characters that XML forbids, and limited in length."""
    text = printable(strip_ansi(text))
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out\n{text[-half:]}"


def lost_session(suite: str) -> str:
    """Render the results file for a running session: an error, in case the session never ends."""
    case = Result(
        name="session",
        classname=suite,
        outcome=Outcome.ERROR,
        message=_LOST,
        properties={"outcome": Outcome.LOST.value},
    )
    return render_junit(suite, [case])


_LOST = "the session ended before it could write its results"


def write_junit(path: Path, text: str) -> None:
    """Write a document completely or not at all, making its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
