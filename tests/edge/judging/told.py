"""How tests ended, by those who tell: pytest, junit.xml, verdict.json, the list of runs and the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from rustbed.repro.listing import list_runs

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
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


def run(scene: str, results: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a scene of this folder."""
    argv = [
        sys.executable,
        "-m",
        "pytest",
        str(HERE / scene),
        "-p",
        "no:cacheprovider",
        "-q",
        "-rA",
        "--no-fork",
    ]
    argv += ["--results", str(results), f"--basetemp={results}.tmp", *words]
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=ROOT, timeout=540, env={**os.environ, **env}
    )


def read_told(results: Path, output: str) -> dict[str, Told]:
    """Return what is told of each test that had a machine, by its name and parameters."""
    session = (results / "latest").resolve()
    page = (session / "report.html").read_text()
    listed = "\n".join(list_runs(session, everything=False))
    red = set(re.findall(r"^(?:FAILED|ERROR) \S*::(\w+(?:\[[^\]]*\])?)", output, re.MULTILINE))
    found = {}
    for case in ET.parse(session / "junit.xml").getroot().iter("testcase"):  # noqa: S314 - our own file
        facts = {each.get("name"): each.get("value") or "" for each in case.iter("property")}
        if "run_directory" not in facts:
            continue
        directory = session / facts["run_directory"]
        failed = case.find("failure") is not None or case.find("error") is not None
        full = case.get("name") or ""
        named = rf'<th scope="row">{re.escape(full)}</th>.*?<span class="badge \w+">(\w+)<'
        in_page = re.search(named, page)
        name = full.rpartition("::")[2]
        found[name] = Told(
            pytest_red=name in red,
            junit=facts["outcome"],
            junit_red=failed,
            verdict=json.loads((directory / "verdict.json").read_text())["outcome"],
            listed=f"{directory} " in listed,
            page=in_page[1] if in_page else "",
        )
    return found
