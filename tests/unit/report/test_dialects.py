"""JUnit of any producer to results; what is harmful or no JUnit is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rustbed.errors import UsageError
from rustbed.report.dialects import parse_results
from rustbed.report.junit import lost_session, render_junit
from rustbed.report.result import Result, split_arch
from rustbed.report.verdict import Outcome

HERE = Path(__file__).parent / "results"


def read(name: str) -> dict[str, Result]:
    found, _ = parse_results([(HERE / f"{name}.xml").read_bytes()], Path(name))
    return {result.name: result for result in found}


def parse(text: str | bytes) -> list[Result]:
    data = text.encode() if isinstance(text, str) else text
    return parse_results([data], Path("r.xml"))[0]


def refused(text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value).startswith("r.xml")
    return str(caught.value)


def test_pytests_own() -> None:
    found, _ = parse_results([(HERE / "pytest.xml").read_bytes()], Path("p"))
    assert [(r.name, r.arch, r.outcome, r.seconds, r.message) for r in found] == [
        ("test_probe", "arm64", Outcome.PASS, 1.25, ""),
        ("test_probe[full]", "x86_64", Outcome.FAIL, 0.5, "AssertionError: assert 'a' == 'b'"),
        ("test_setup", "", Outcome.FAIL, 0.0, 'failed on setup with "OSError: no space"'),
        ("test_skipped", "", Outcome.SKIP, 0.0, "not here"),
        ("test_known", "", Outcome.SKIP, 0.0, "known"),
    ]
    assert found[0].test == "tests.drivers.test_x::test_probe"


def test_mavens() -> None:
    found = read("surefire")
    assert {name: result.outcome for name, result in found.items()} == {
        "fills": Outcome.PASS,
        "drains": Outcome.FAIL,
        # green in the end, after a second try
        "wraps": Outcome.FAIL,
        "later": Outcome.SKIP,
    }
    assert found["fills"].seconds == 1230.0
    assert found["fills"].properties["java.version"] == "17"
    assert found["drains"].arch == "riscv64"
    assert found["drains"].message == "index 4 out of bounds"
    assert "<failure>" not in found["drains"].details


def test_nested_suites_name_cases_without_a_class() -> None:
    found = read("kselftest")
    assert [(r.test, r.outcome, r.seconds) for r in found.values()] == [
        ("kselftest.timers::posix_timers", Outcome.FAIL, None),
        ("kselftest.timers::nanosleep", Outcome.PASS, None),
        ("kselftest.net::socket", Outcome.SKIP, None),
    ]
    assert found["posix_timers"].message == "not ok 1 posix_timers # exit=1"


def test_gtests() -> None:
    found = read("gtest")
    assert (found["Fill"].outcome, found["Fill"].test) == (Outcome.PASS, "ring_test.cc::Fill")
    assert (found["Drain"].outcome, found["Drain"].message) == (Outcome.FAIL, "first")
    assert found["DISABLED_Wrap"].outcome == Outcome.SKIP


def test_failure_that_only_the_suite_counts_is_not_lost() -> None:
    result = read("gtest")["(suite)"]
    assert (result.classname, result.outcome) == ("AllTests.Environment", Outcome.FAIL)


def test_our_own_come_back() -> None:
    case = Result(
        name="test_y[arm64]",
        classname="tests.test_x",
        file="tests/test_x.py",
        outcome=Outcome.CRASH,
        seconds=1.5,
        message="undeclared splat: A",
        details="text",
        properties={"arch": "arm64", "splat": "A\nB", "fingerprint": "1\n2"},
        system_out="<log>",
    )
    (result,) = parse(render_junit("rustbed", [case]))
    assert (result.test, result.arch, result.outcome) == ("tests/test_x.py::test_y", "arm64", Outcome.CRASH)
    assert (result.splats, result.fingerprints) == (("A", "B"), ("1", "2"))
    assert (result.message, result.details, result.seconds) == ("undeclared splat: A", "text", 1.5)


WORDS = st.text("abc.", min_size=1, max_size=8)
WRITTEN = st.builds(
    Result,
    classname=WORDS,
    name=WORDS,
    outcome=st.sampled_from(Outcome),
    arch=st.sampled_from(["", "arm64"]),
    file=WORDS,
    seconds=st.integers(0, 1000).map(float),
    message=WORDS,
    properties=st.dictionaries(WORDS, WORDS, max_size=3),
)


@given(st.lists(WRITTEN, max_size=4))
def test_what_is_written_is_read_as_the_same_value(results: list[Result]) -> None:
    labelled = [
        replace(each, label=f"{each.name}[{each.arch}]" if each.arch else each.name) for each in results
    ]
    told = [replace(each, message="") if each.outcome is Outcome.PASS else each for each in labelled]
    read = parse(render_junit("s", labelled))
    assert read == [
        replace(
            each,
            properties={"outcome": each.outcome.value, **each.properties},
            suites=("s",),
            source=result.source,
        )
        for each, result in zip(told, read, strict=True)
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_of_ours_comes_back(outcome: Outcome) -> None:
    (result,) = parse(render_junit("s", [Result(name="n", classname="c", outcome=outcome)]))
    assert result.outcome == outcome


def test_lost_session_is_lost() -> None:
    (result,) = parse(lost_session("rustbed"))
    assert (result.classname, result.outcome) == ("rustbed", Outcome.LOST)


@pytest.mark.parametrize(
    ("said", "shown", "outcome"),
    [
        ("pass", "<failure/>", Outcome.FAIL),
        ("crash", "", Outcome.CRASH),
        ("skip", "", Outcome.PASS),
        ("crash", "<skipped/>", Outcome.CRASH),
        ("splendid", "<failure/>", Outcome.FAIL),
    ],
)
def test_a_property_cannot_whitewash(said: str, shown: str, outcome: Outcome) -> None:
    text = (
        '<testsuite><testcase name="a"><properties><property name="outcome" value="'
        f'{said}"/></properties>{shown}</testcase></testsuite>'
    )
    assert parse(text)[0].outcome == outcome


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("test_a[arm64]", ("test_a", "arm64")),
        ("test_a[arm64-full]", ("test_a[full]", "arm64")),
        ("test_a[one-riscv64-2]", ("test_a[one-2]", "riscv64")),
        ("test_a[arm65]", ("test_a[arm65]", "")),
        ("test_a", ("test_a", "")),
        ("", ("", "")),
    ],
)
def test_architecture_is_split_off_a_name(name: str, split: tuple[str, str]) -> None:
    assert split_arch(name) == split


LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<testsuites><testsuite><testcase name="&lol2;"/></testsuite></testsuites>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<testsuites><testsuite><testcase name="a"><failure>&x;</failure></testcase></testsuite></testsuites>"""
PARAMETER = """<!DOCTYPE t [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><testsuites/>"""


@pytest.mark.parametrize("text", [LAUGHS, EXTERNAL, PARAMETER])
def test_entities_are_refused(text: str) -> None:
    assert "declares the entity" in refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.xml is empty"),
        (" \n ", "r.xml is empty"),
        ("not xml", "r.xml:1: not valid XML"),
        ("{}", "not valid XML"),
        ("<testsuites>\n<testsuite>", "r.xml:2: not valid XML: no element found"),
        ("<testsuites></testsuites><testsuites/>", "not valid XML: junk after document element"),
        ("<html><body/></html>", "not JUnit results: it begins with <html>"),
        ("<testsuite>&undefined;</testsuite>", "undefined entity"),
        ('<?xml version="1.0" encoding="klingon"?><testsuite/>', "not valid XML"),
        ('<?xml version="1.0" encoding="hex"?><testsuite/>', "not valid XML"),
        ("<testsuite>" * 200 + "</testsuite>" * 200, "nested deeper than 64 elements"),
    ],
)
def test_what_is_no_junit_is_named(text: str | bytes, said: str) -> None:
    assert said in refused(text)


def attributed(**words: str) -> Result:
    given = " ".join(f'{name}="{value}"' for name, value in words.items())
    return parse(f'<testsuite><testcase name="a" {given}/></testsuite>')[0]


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ({"status": "Failed"}, Outcome.FAIL),
        ({"result": "FAILURE"}, Outcome.FAIL),
        ({"status": "run", "result": "timed-out"}, Outcome.FAIL),
        ({"status": "ERROR"}, Outcome.FAIL),
        ({"result": "xfail"}, Outcome.XFAIL),
        ({"status": "run", "result": "completed"}, Outcome.PASS),
        ({"status": "PASSED"}, Outcome.PASS),
        ({"status": "not_run"}, Outcome.SKIP),
        ({"status": "Oops"}, Outcome.FAIL),
        ({"result": "killed"}, Outcome.FAIL),
        ({"result": "Inconclusive"}, Outcome.SKIP),
        ({"status": "skipped", "result": "failed"}, Outcome.FAIL),
    ],
)
def test_a_word_of_the_case_counts_without_an_element(words: dict[str, str], outcome: Outcome) -> None:
    assert attributed(**words).outcome == outcome


def test_tags_may_be_spelled_in_other_letters() -> None:
    found = parse('<TestSuite><TestCase name="a"><Failure message="m"/></TestCase></TestSuite>')
    assert [(result.name, result.outcome, result.message) for result in found] == [("a", Outcome.FAIL, "m")]


def test_a_word_of_the_case_leaves_the_message_to_its_element() -> None:
    (result,) = parse(
        '<testsuite><testcase name="a" status="failed"><failure message="full"/></testcase></testsuite>'
    )
    assert (result.outcome, result.message) == (Outcome.FAIL, "full")


def test_a_failure_of_the_suite_itself_is_a_case_though_nothing_counts_it() -> None:
    found = parse(
        '<testsuite name="s"><failure message="no disk"/><testcase name="a"><failure/></testcase></testsuite>'
    )
    assert [(result.name, result.outcome, result.message) for result in found] == [
        ("a", Outcome.FAIL, ""),
        ("(suite)", Outcome.FAIL, "no disk"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "arch"),
    [
        ("ARCH", "aarch64", "arm64"),
        ("Architecture", "amd64", "x86_64"),
        ("target_arch", "ppc64el", "powerpc64le"),
        ("arch", "hexagon", "hexagon"),
        ("machine", "aarch64", ""),
    ],
)
def test_architecture_of_a_property_has_one_word_for_all_producers(name: str, value: str, arch: str) -> None:
    given = f'<properties><property name="{name}" value="{value}"/></properties>'
    (result,) = parse(f'<testsuite>{given}<testcase name="a"/></testsuite>')
    assert result.arch == arch


def test_a_log_of_any_size_does_not_fill_memory() -> None:
    chunk = b"x" * (1 << 16)
    chunks = [b'<testsuite><testcase name="a"><failure>', *[chunk] * 64, b"</failure>"]
    found, _ = parse_results([*chunks, b"</testcase></testsuite>"], Path("r"))
    assert len(found[0].details) == 1 << 16


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<testsuite>{text}".encode()))
def test_no_bytes_whatever_raise_anything_else(data: bytes) -> None:
    with suppress(UsageError):
        parse(data)
