"""What a session leaves behind: shards that are whole together, known issues, a page."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.edge.commands import gate

from rustbed.report.results import load_results

SCENE = """
import pytest

@pytest.mark.parametrize("number", range(7))
def test_numbers(number):
    assert number != 3, "<script>alert(1)</script>\\x1b[31m\\x00 three"
"""
KNOWN = """\
issues:
- test: "*test_numbers[3]"
  assertion: three
  reason: three is right out
  link: https://example.org/3
  expires: 2999-01-01
"""


def run(directory: Path, results: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    (directory / "test_scene.py").write_text(SCENE)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(directory), "-q"]
    argv += ["--results", str(directory / results), *map(str, words), str(directory / "test_scene.py")]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=directory, timeout=600)


def junit(directory: Path, results: str) -> Path:
    return directory / results / "latest" / "junit.xml"


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_shards_are_the_whole_together_and_the_gate_knows(tmp_path: Path, workers: list[str]) -> None:
    run(tmp_path, "whole")
    whole = junit(tmp_path, "whole")
    for number in (1, 2, 3):
        run(tmp_path, f"part{number}", "--shard", f"{number}/3", "--shard-times", whole, *workers)
    parts = [junit(tmp_path, f"part{number}") for number in (1, 2, 3)]
    found = [set(load_results([part]).tests) for part in parts]
    assert set.union(*found) == set(load_results([whole]).tests)
    assert sum(map(len, found)) == 7
    assert all(found)
    assert gate("--baseline", whole, *parts).returncode == 0
    lacking = gate("--baseline", whole, parts[0], parts[2])
    assert lacking.returncode == 2
    assert "lack shard 2/3" in lacking.stdout


def test_shards_by_other_times_do_not_pass_for_one_session(tmp_path: Path) -> None:
    slow = tmp_path / "slow.xml"
    cases = (f'<testcase name="test_numbers[{n}]" classname="test_scene" time="{n}"/>' for n in range(7))
    slow.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    run(tmp_path, "one", "--shard", "1/2")
    run(tmp_path, "two", "--shard", "2/2", "--shard-times", slow)
    parts = [junit(tmp_path, "one"), junit(tmp_path, "two")]
    judged = gate("--baseline", parts[0], *parts)
    assert judged.returncode == 2
    assert "2 different divisions into shards" in judged.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "4/3"], "not a shard: '4/3'"),
        (["--shard", "1/2", "--shard-times", "/nonexistent"], "cannot read /nonexistent"),
        (["--known-issues", "/nonexistent"], "/nonexistent: cannot read it"),
    ],
)
def test_wrong_option_is_a_usage_error(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, "results", *words)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def known(directory: Path, text: str) -> Path:
    file = directory / "known.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", ["kernel", "profile"])
def test_a_list_in_an_ini_file_where_one_value_is_meant_is_named(tmp_path: Path, name: str) -> None:
    ini = tmp_path / "pyproject.toml"
    ini.write_text(f"[tool.pytest.ini_options]\nrustbed_{name} = ['a']\n")
    done = run(tmp_path, "results")
    assert done.returncode == 4
    assert f"rustbed_{name} in {ini} has one value, not ['a']" in done.stderr


def test_known_failure_is_red_and_says_that_it_is_known(tmp_path: Path) -> None:
    done = run(tmp_path, "results", "--known-issues", known(tmp_path, KNOWN))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    root = ET.parse(junit(tmp_path, "results")).getroot()  # noqa: S314 - our own file
    (case,) = [case for case in root.iter("testcase") if case.find("failure") is not None]
    told = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert told["known_issue"] == "three is right out, https://example.org/3"


def test_known_failure_that_does_not_come_fails_the_session(tmp_path: Path) -> None:
    file = known(tmp_path, KNOWN.replace("[3]", "[3]").replace("assertion: three", "assertion: four"))
    done = run(tmp_path, "results", "--known-issues", file)
    assert f"known issues: {file}:2: no longer matches" in done.stdout
    good = known(tmp_path, KNOWN.replace("[3]", "[[4]]").replace("[[4]]", "[4]"))
    alone = run(tmp_path, "alone", "--known-issues", good, "-k", "4")
    assert alone.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 passed" in alone.stdout


def test_entry_for_a_test_that_was_not_chosen_is_no_error(tmp_path: Path) -> None:
    assert run(tmp_path, "results", "--known-issues", known(tmp_path, KNOWN), "-k", "1").returncode == 0


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_page_is_there_and_is_closed_to_what_tests_say(tmp_path: Path, workers: list[str]) -> None:
    run(tmp_path, "results", *workers)
    page = (tmp_path / "results" / "latest" / "report.html").read_text()
    assert "1 of 7 red" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<rect") == 7


def test_xml_is_as_pytests_own_to_the_gate(tmp_path: Path) -> None:
    own = tmp_path / "own.xml"
    run(tmp_path, "results", f"--junitxml={own}")
    judged = gate("--baseline", own, junit(tmp_path, "results"))
    assert (judged.returncode, judged.stdout.splitlines()[-1]) == (
        0,
        "gate: no regression: 7 tests, 7 in the baseline: 6 unchanged, 1 still failing",
    )


def test_a_shell_at_a_red_test_needs_a_terminal_of_one_process(tmp_path: Path) -> None:
    done = run(tmp_path, "none", "--on-failure", "shell", "-n", "2")
    assert (done.returncode, done.stdout) == (4, "")
    assert "--on-failure is interactive" in done.stderr
    assert "-n 0" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_file_that_cannot_be_collected_is_an_error_of_pytests_own(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("import nothing_of_the_kind\n")
    done = run(tmp_path, "results", "-k", "1", tmp_path / "test_other.py")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "INTERNALERROR" not in done.stdout
    assert "No module named 'nothing_of_the_kind'" in done.stdout


def test_temporary_directories_of_sessions_that_tests_start_are_apart(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each session removes old ones beside its own when it ends."""
    scene = tmp_path / "test_place.py"
    scene.write_text("def test_place(tmp_path):\n    print(tmp_path)\n    assert 0\n")
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-q"]
    done = subprocess.run([*argv, str(scene)], capture_output=True, text=True, check=False, timeout=600)
    assert f"{tmp_path_factory.getbasetemp()}/sessions" in done.stdout
