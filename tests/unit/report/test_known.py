"""Known issues: what an entry covers, and when it is an error."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rustbed.errors import SpecError
from rustbed.report.changes import Change
from rustbed.report.gate import compare
from rustbed.report.gate_formats import render_text
from rustbed.report.known import KnownIssue, find_known, find_wrong, load_known
from rustbed.report.result import Result
from rustbed.report.results import Results
from rustbed.report.verdict import Outcome

TODAY = date(2026, 11, 21)
WHOLE = """\
issues:
- test: tests/test_x.py::test_a
  splat: WARNING in f
  reason: upstream has a patch
  link: https://example.org/1
  expires: 2026-12-31
"""


def load(tmp_path: Path, text: str) -> tuple[KnownIssue, ...]:
    file = tmp_path / "known.yaml"
    file.write_text(text)
    return load_known(file)


def entry(tmp_path: Path, **changed: str | None) -> KnownIssue:
    keys = {
        "test": "tests/test_x.py::test_a",
        "splat": "WARNING in f",
        "reason": "upstream has a patch",
        "link": "https://example.org/1",
        "expires": "2026-12-31",
        **changed,
    }
    lines = [f"  {key}: {value}" for key, value in keys.items() if value is not None]
    return load(tmp_path, "issues:\n-" + "\n".join(lines)[1:] + "\n")[0]


def red(
    *splats: str, message: str = "", arch: str = "arm64", kernel: str = "7.3.4", details: str = ""
) -> Result:
    return Result(
        classname="tests.test_x",
        name="test_a",
        arch="arm64",
        outcome=Outcome.FAIL,
        file="tests/test_x.py",
        message=message,
        details=details,
        properties={"splat": "\n".join(splats), "kernel_release": kernel},
    )


def passed() -> Result:
    return Result(
        classname="tests.test_x",
        name="test_a",
        arch="arm64",
        outcome=Outcome.PASS,
        file="tests/test_x.py",
        properties={"kernel_release": "7.3.4"},
    )


def is_known(issue: KnownIssue, result: Result, today: date = TODAY) -> bool:
    return find_known(result, [issue], today) == (issue,)


def test_entry_is_what_the_file_says(tmp_path: Path) -> None:
    (issue,) = load(tmp_path, WHOLE + "  arch: [arm64, riscv64]\n  kernel: '>= 6.12, < 7.4'\n")
    assert (issue.line, issue.test, issue.splat) == (2, "tests/test_x.py::test_a", "WARNING in f")
    assert issue.arches == ("arm64", "riscv64")
    assert issue.kernel == ((">=", (6, 12)), ("<", (7, 4)))
    assert issue.expires == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("WARNING in f", True),
        ("WARNING in ff", False),
        ("WARNING in *", True),
        ("WARNING in [f]", False),
    ],
)
def test_title_is_whole_and_only_a_star_is_special(tmp_path: Path, title: str, known: bool) -> None:
    assert is_known(entry(tmp_path, splat=title), red("WARNING in f")) == known


@pytest.mark.parametrize(
    ("test", "known"),
    [
        ("tests/test_x.py::test_a", True),
        ("tests.test_x::test_a", True),
        ("tests/test_x.py::*", True),
        ("tests/test_x.py::test", False),
    ],
)
def test_test_is_named_by_file_or_class(tmp_path: Path, test: str, known: bool) -> None:
    assert is_known(entry(tmp_path, test=test), red("WARNING in f")) == known


@pytest.mark.parametrize(
    ("kernel", "release", "known"),
    [
        ("'7.3'", "7.3.4", True),
        ("'7.3'", "7.30.1", False),
        ("'7.3.4'", "7.3.4-rustbed", True),
        ("'<= 7.3'", "7.3.9", True),
        ("'> 7.3'", "7.3.9", False),
        ("'>= 6.12, < 7.3'", "6.12.94", True),
        ("'>= 6.12, < 7.3'", "7.3.0", False),
        ("'< 7.3'", "", False),
    ],
)
def test_range_of_kernels(tmp_path: Path, kernel: str, release: str, known: bool) -> None:
    assert is_known(entry(tmp_path, kernel=kernel), red("WARNING in f", kernel=release)) == known


def test_other_architecture_is_not_known(tmp_path: Path) -> None:
    assert not is_known(entry(tmp_path, arch="riscv64"), red("WARNING in f"))


def test_unknown_splat_beside_a_known_one_is_not_known(tmp_path: Path) -> None:
    assert not is_known(entry(tmp_path), red("WARNING in f", "KASAN: x in g"))


def test_known_assertion_does_not_cover_a_splat(tmp_path: Path) -> None:
    issue = entry(tmp_path, splat=None, assertion="assert 1 == 2")
    assert is_known(issue, red(message="AssertionError: assert 1 == 2"))
    assert is_known(issue, red(message="failed", details="E  assert 1 == 2"))
    assert not is_known(issue, red(message="assert 1 == 3"))
    assert not is_known(issue, red("WARNING in f", message="assert 1 == 2"))


def test_title_is_looked_for_in_the_message_of_other_producers(tmp_path: Path) -> None:
    assert is_known(entry(tmp_path), red(message="kernel said: WARNING in f"))


def test_entry_counts_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    issue = entry(tmp_path)
    assert is_known(issue, red("WARNING in f"), date(2026, 12, 31))
    assert not is_known(issue, red("WARNING in f"), date(2027, 1, 1))
    ((_, why),) = find_wrong([issue], [red("WARNING in f")], date(2027, 1, 1))
    assert why == "expired on 2026-12-31: upstream has a patch"


@pytest.mark.parametrize("result", [passed(), red("KASAN: x in g")])
def test_entry_that_no_longer_matches_is_wrong(tmp_path: Path, result: Result) -> None:
    ((_, why),) = find_wrong([entry(tmp_path)], [result], TODAY)
    assert why.startswith("no longer matches")


SOMETIMES = {"sometimes": "true", "seen": "[2026-10-02, 2026-11-20]"}


def test_entry_that_matches_sometimes_may_pass(tmp_path: Path) -> None:
    issue = entry(tmp_path, **SOMETIMES)
    assert issue.seen == (date(2026, 10, 2), date(2026, 11, 20))
    assert find_wrong([issue], [passed()], TODAY) == []
    assert is_known(issue, red("WARNING in f"))
    assert gate(issue, passed()) == []


def test_entry_that_matches_sometimes_excuses_no_other_failure(tmp_path: Path) -> None:
    issue = entry(tmp_path, **SOMETIMES)
    assert not is_known(issue, red("WARNING in g"))


def test_entry_that_matches_sometimes_expires_too(tmp_path: Path) -> None:
    (found,) = find_wrong([entry(tmp_path, **SOMETIMES)], [passed()], date(2027, 1, 1))
    assert "expired on 2026-12-31" in found[1]


@pytest.mark.parametrize(
    "changed", [{"sometimes": "true"}, {"seen": "[2026-10-02]"}, {"sometimes": "true", "seen": "[]"}]
)
def test_entry_that_matches_sometimes_has_a_history(tmp_path: Path, changed: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="'seen' belongs to an entry with 'sometimes: true'"):
        entry(tmp_path, **changed)


def test_entry_that_still_matches_somewhere_is_right(tmp_path: Path) -> None:
    assert find_wrong([entry(tmp_path)], [passed(), red("WARNING in f", "KASAN: x in g")], TODAY) == []


def test_entry_whose_test_did_not_run_is_not_judged(tmp_path: Path) -> None:
    assert find_wrong([entry(tmp_path)], [], TODAY) == []


def test_entry_that_names_no_test_at_all_is_wrong(tmp_path: Path) -> None:
    issue = entry(tmp_path, test="tests/test_x.py::test_gone")
    assert find_wrong([issue], [passed()], TODAY) == []
    ((_, why),) = find_wrong([issue], [passed()], TODAY, tests=[passed()])
    assert why == "names no test: tests/test_x.py::test_gone"


def refused(tmp_path: Path, text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, text)
    assert caught.value.file == tmp_path / "known.yaml"
    return caught.value


@pytest.mark.parametrize("key", ["test", "reason", "link", "expires"])
def test_entry_lacking_a_field_is_refused(tmp_path: Path, key: str) -> None:
    text = "".join(line for line in WHOLE.splitlines(True) if f" {key}:" not in line)
    error = refused(tmp_path, text.replace("issues:\n  ", "issues:\n- "))
    assert (error.line, error.key) == (2, f"issues[0].{key}")
    assert f"missing key {key!r}" in str(error)


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("reason: upstream has a patch", 'reason: " "', "reason", "reason is empty"),
        ("link: https://example.org/1", "link: later", "link", "neither an http address nor a path"),
        ("splat: WARNING in f", "kernel: '7.3'", "splat", "either the title of a splat or"),
        ("splat: WARNING in f", "splat: a\n  assertion: b", "splat", "either the title of a splat or"),
        ("splat:", "kernel: newer\n  splat:", "kernel", "not a range of kernels: 'newer'"),
        ("splat:", "kernel: '7.3 - 7.5'\n  splat:", "kernel", "not a range of kernels"),
        ("expires: 2026-12-31", "expires: soon", "expires", "expected a day such as 2027-01-31, found"),
        (
            "expires: 2026-12-31",
            "expires: 2026-02-30",
            "expires",
            "expected a day such as 2027-01-31, found",
        ),
        ("splat:", "arch: sparc\n  splat:", "arch", "unknown value 'sparc'"),
        ("splat:", "splatt:", "splatt", "unknown key 'splatt'; did you mean 'splat'?"),
    ],
)
def test_wrong_field_is_named_with_its_place(tmp_path: Path, old: str, new: str, key: str, said: str) -> None:
    error = refused(tmp_path, WHOLE.replace(old, new))
    assert error.key == f"issues[0].{key}"
    assert error.line is not None
    assert said in str(error)


def test_link_may_be_a_file_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "finding.md").touch()
    assert entry(tmp_path, link="finding.md").link == "finding.md"


def gate(issue: KnownIssue, new: Result, today: date = TODAY) -> list[tuple[Change, int]]:
    old, after = passed(), Results(cases=(new,), suites={})
    before = Results(cases=(old,), suites={})
    compared = compare(before, after, known=[issue], today=today)
    assert str(issue.line) in render_text(compared) or compared.status == 0
    return [(finding.change, compared.status) for finding in compared.findings]


def test_gate_reports_a_known_failure_as_known(tmp_path: Path) -> None:
    assert gate(entry(tmp_path), red("WARNING in f")) == [(Change.KNOWN, 0)]


def test_gate_refuses_an_entry_that_is_fixed(tmp_path: Path) -> None:
    assert gate(entry(tmp_path), passed()) == [(Change.KNOWN_ISSUE_WRONG, 2)]


def test_gate_takes_an_expired_entry_for_none(tmp_path: Path) -> None:
    assert gate(entry(tmp_path), red("WARNING in f"), date(2027, 1, 1)) == [
        (Change.NEW_FAILURE, 1),
        (Change.KNOWN_ISSUE_WRONG, 1),
    ]
