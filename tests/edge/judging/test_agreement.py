"""However a test ends: pytest, its status, junit.xml, verdict.json, the list and the page say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.edge.judging.scene_endings import ENDINGS

from rustbed.repro.listing import list_runs

SCENE = Path(__file__).parent / "scene_endings.py"
ROOT = SCENE.parent.parent.parent.parent
GREEN = ("pass", "skip", "xfail")


@dataclass(frozen=True)
class Told:
    """How one test ended, by those who tell."""

    pytest_red: bool
    junit: str
    junit_red: bool
    verdict: str
    listed: bool
    # as the page's matrix has it
    page: str

    def agree(self) -> bool:
        red = self.verdict not in GREEN
        said = (self.pytest_red, self.junit, self.junit_red, self.listed, self.page)
        return said == (red, self.verdict, red, red, self.verdict)


def run(results: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", str(SCENE), "-p", "no:cacheprovider", "-q", "-rA", "--no-fork"]
    argv += ["--results", str(results), f"--basetemp={results}.tmp", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT, timeout=540)


def told(results: Path, output: str) -> dict[str, Told]:
    """Return what is told of each test, by its ending."""
    session = (results / "latest").resolve()
    page = (session / "report.html").read_text()
    listed = "\n".join(list_runs(session, everything=False))
    red = set(re.findall(r"^(?:FAILED|ERROR) \S*::test_ends\[([^\]]*)\]", output, re.MULTILINE))
    found = {}
    for case in ET.parse(session / "junit.xml").getroot().iter("testcase"):  # noqa: S314 - our own file
        ending = (case.get("name") or "").partition("[")[2].removesuffix("]")
        facts = {each.get("name"): each.get("value") or "" for each in case.iter("property")}
        directory = session / facts["run_directory"]
        failed = case.find("failure") is not None or case.find("error") is not None
        named = rf'<th scope="row">test_ends\[{re.escape(ending)}\]</th>.*?<span class="badge \w+">(\w+)<'
        in_page = re.search(named, page)
        found[ending] = Told(
            pytest_red=ending in red,
            junit=facts["outcome"],
            junit_red=failed,
            verdict=json.loads((directory / "verdict.json").read_text())["outcome"],
            listed=f"{directory} " in listed,
            page=in_page[1] if in_page else "",
        )
    return found


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Told]]:
    results = tmp_path_factory.mktemp("agreement") / "results"
    done = run(results)
    return done.returncode, told(results, done.stdout)


def test_all_endings_were_seen(everything: tuple[int, dict[str, Told]]) -> None:
    assert set(everything[1]) == {" ".join(ending) for ending in ENDINGS}


@pytest.mark.parametrize("ending", [" ".join(ending) for ending in ENDINGS])
def test_the_places_agree(everything: tuple[int, dict[str, Told]], ending: str) -> None:
    found = everything[1][ending]
    assert found.agree(), found


@pytest.mark.parametrize("ending", [each for each in ENDINGS if "warn" in "".join(each[:3])], ids=" ".join)
def test_a_splat_that_nobody_declared_is_red_wherever_it_comes(
    everything: tuple[int, dict[str, Told]], ending: tuple[str, ...]
) -> None:
    found = everything[1][" ".join(ending)]
    assert (found.verdict not in GREEN) == ("declared" not in ending[3] or is_red_by_itself(ending)), found


def is_red_by_itself(ending: tuple[str, ...]) -> bool:
    """Whether a test whose splat is declared fails for another reason."""
    words = set("+".join(ending[:3]).replace("sub:", "").split("+"))
    if ending[3] == "declared-strict":
        return not words & {"fail", "skip", "xfail"}
    return "fail" in words


def test_green_alone_ends_with_status_0(everything: tuple[int, dict[str, Told]], tmp_path: Path) -> None:
    status, found = everything
    assert status == pytest.ExitCode.TESTS_FAILED
    green = [ending for ending, each in found.items() if each.verdict in GREEN]
    assert green
    done = run(
        tmp_path / "results",
        *(f"--deselect={SCENE.relative_to(ROOT)}::test_ends[{e}]" for e in found if e not in green),
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout[-3000:]
