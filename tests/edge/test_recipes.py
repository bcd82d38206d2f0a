"""The recipes of docs/ci: valid, in step with the command line, and their gate does what it says when run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from rustbed.arch import ARCHES
from rustbed.report.junit import render_junit
from rustbed.report.known import load_known
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

RECIPES = Path(__file__).parent.parent.parent / "docs" / "ci"
GITHUB: dict[Any, Any] = yaml.safe_load((RECIPES / "github.yml").read_text())
GITLAB: dict[Any, Any] = yaml.safe_load((RECIPES / "gitlab.yml").read_text())


KUBERNETES: dict[Any, Any] = yaml.safe_load((RECIPES / "kubernetes.yml").read_text())
PAGES_GITHUB: dict[Any, Any] = yaml.safe_load((RECIPES / "pages-github.yml").read_text())
PAGES_GITLAB: dict[Any, Any] = yaml.safe_load((RECIPES / "pages-gitlab.yml").read_text())


def step(job: str, name: str, recipe: dict[Any, Any] = GITHUB) -> str:
    return next(str(each["run"]) for each in recipe["jobs"][job]["steps"] if each.get("name") == name)


def script(job: str, part: str = "script", recipe: dict[Any, Any] = GITLAB) -> str:
    return "\n".join(recipe[job][part])


SCRIPTS = {
    "github-packages": step("test", "packages"),
    "github-test": step("test", "test"),
    "github-gate": step("gate", "gate"),
    **{f"gitlab-test-{part}": script("test", part) for part in ("before_script", "script", "after_script")},
    "gitlab-gate-before": script("gate", "before_script"),
    "gitlab-gate": script("gate"),
    **{f"github-{name}": step("site", name, PAGES_GITHUB) for name in ("site", "addresses")},
    "gitlab-pages": script("pages", recipe=PAGES_GITLAB),
    "slurm": (RECIPES / "slurm.sh").read_text(),
    "kubernetes": KUBERNETES["spec"]["template"]["spec"]["containers"][0]["command"][-1],
}


def test_both_test_all_architectures() -> None:
    names = list(ARCHES)
    assert GITHUB["jobs"]["test"]["strategy"]["matrix"]["arch"] == names
    assert GITLAB["test"]["parallel"]["matrix"] == [{"ARCH": names}]


def test_kubernetes_starts_as_many_pods_as_the_session_is_divided_into() -> None:
    spec = KUBERNETES["spec"]
    assert spec["completionMode"] == "Indexed"
    assert f"--shard auto/{spec['completions']} " in SCRIPTS["kubernetes"]


@pytest.mark.parametrize(
    ("name", "job", "shard"),
    [
        ("kubernetes", {"JOB_COMPLETION_INDEX": "3"}, "auto/4"),
        ("slurm", {"SLURM_ARRAY_JOB_ID": "71", "SLURM_ARRAY_TASK_ID": "3"}, "auto"),
    ],
)
@pytest.mark.parametrize("status", [0, 1, 4])
def test_a_part_is_red_if_it_did_not_run_and_not_if_tests_failed(
    tmp_path: Path, name: str, job: dict[str, str], shard: str, status: int
) -> None:
    for program, text in (("rustbed", f'echo "$@" >called; exit {status}'), ("apt-get", "")):
        (tmp_path / program).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "baseline").mkdir()
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_SUBMIT_DIR": str(tmp_path), **job}
    ended = subprocess.run(["bash", "-euc", SCRIPTS[name]], cwd=tmp_path, env=env, check=False)
    parts = "parts-71/3" if name == "slurm" else "parts/3"
    called = f"test --shard {shard} --shard-times baseline --results {parts}\n"
    assert (ended.returncode, (tmp_path / "called").read_text()) == (int(status > 1), called)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_of_the_shells_language(name: str) -> None:
    subprocess.run(["bash", "-n"], input=SCRIPTS[name], text=True, check=True)


def test_every_option_exists() -> None:
    texts = "\n".join(SCRIPTS.values())
    for command in ("test", "gate"):
        said = subprocess.run(
            [sys.executable, "-m", "rustbed.cli", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        options = {
            option
            for line in texts.splitlines()
            if f"./rustbed {command} " in line
            for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", line)
        }
        assert options
        # pytest's help names ours with the prefix, which may be left out
        known = said.stdout.replace("--rustbed-", "--")
        assert sorted(option for option in options if option not in known) == []


@pytest.mark.parametrize("name", ["github-site", "gitlab-pages"])
def test_a_site_is_made_with_what_the_package_declares(name: str) -> None:
    project = tomllib.loads((RECIPES.parent.parent / "pyproject.toml").read_text())["project"]
    assert "pip install '.[docs]'\nsphinx-build -W --keep-going docs " in SCRIPTS[name]
    assert project["optional-dependencies"]["docs"] != []


def test_known_issues_of_the_docs_are_readable(tmp_path: Path) -> None:
    example = (RECIPES.parent / "ci.md").read_text().split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "known.yaml"
    file.write_text(example)
    link = tmp_path / "docs" / "findings" / "rnull-size-wraps.md"
    link.parent.mkdir(parents=True)
    link.touch()
    (issue,) = load_known(file)
    assert (issue.arches, issue.splat) == (("arm64", "riscv64"), "WARNING in blk_validate_limits")


def junit(path: Path, outcome: str) -> None:
    cases = [
        Result(
            name="test_a[arm64]",
            classname="tests.x",
            file="tests/x.py",
            outcome=Outcome(outcome),
            message="m",
        ),
        Result(name="test_b[arm64]", classname="tests.x", file="tests/x.py", outcome=Outcome.PASS),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_junit("rustbed", cases))


def run(directory: Path, name: str, **env: str) -> subprocess.CompletedProcess[str]:
    rustbed = directory / "rustbed"
    rustbed.write_text(f'#!/bin/sh\nexec {sys.executable} -m rustbed.cli "$@"\n')
    rustbed.chmod(0o755)
    # what the runners call a script with
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPTS[name]],
        cwd=directory,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.parametrize(
    ("before", "after", "adopt", "ended"),
    [
        ("pass", "pass", "false", (0, "pass")),
        ("pass", "crash", "false", (1, "pass")),
        ("pass", "skip", "false", (2, "pass")),
        ("crash", "crash", "false", (0, "crash")),
        (None, "pass", "false", (2, None)),
        (None, "pass", "true", (0, "pass")),
        ("pass", "crash", "true", (0, "crash")),
    ],
)
def test_githubs_gate(
    tmp_path: Path, before: str | None, after: str, adopt: str, ended: tuple[int, str | None]
) -> None:
    if before:
        junit(tmp_path / "baseline" / "results-arm64" / "junit.xml", before)
    junit(tmp_path / "new" / "results-arm64" / "junit.xml", after)
    summary = tmp_path / "summary.md"
    done = run(tmp_path, "github-gate", GITHUB_STEP_SUMMARY=str(summary), ADOPT=adopt)
    assert (done.returncode, find(tmp_path / "baseline")) == ended
    if before:
        assert summary.read_text().startswith("### rustbed gate: ")
        assert ("::error file=tests/x.py" in done.stdout) == (before != after)


def find(directory: Path) -> str | None:
    """Return how the first test ended in the results of a directory."""
    files = list(directory.rglob("*.xml"))
    found = [re.search(r'"outcome" value="(\w+)"', file.read_text()) for file in files]
    return next((match[1] for match in found if match), None)


CURL = """#!/bin/sh
# stands for GitLab: the last artifact, if there is one
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
[ -e last.zip ] && cp last.zip "$out"
"""
UNZIP = """#!/bin/sh
exec python3 -m zipfile -e "$2" .
"""


@pytest.mark.parametrize(
    ("before", "after", "adopt", "ended"),
    [
        ("pass", "pass", "false", (0, "pass")),
        ("pass", "crash", "false", (1, "pass")),
        (None, "pass", "false", (2, None)),
        (None, "pass", "true", (0, "pass")),
    ],
)
def test_gitlabs_gate(
    tmp_path: Path, before: str | None, after: str, adopt: str, ended: tuple[int, str | None]
) -> None:
    (tmp_path / "bin").mkdir()
    for name, text in (("curl", CURL), ("unzip", UNZIP)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    if before:
        junit(tmp_path / "baseline" / "results-arm64" / "junit.xml", before)
        argv = [sys.executable, "-m", "zipfile", "-c", "last.zip", "baseline"]
        subprocess.run(argv, cwd=tmp_path, check=True)
        (tmp_path / "baseline" / "results-arm64" / "junit.xml").unlink()
    junit(tmp_path / "results-arm64" / "junit.xml", after)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "ADOPT": adopt}
    env |= {"CI_API_V4_URL": "u", "CI_PROJECT_ID": "1", "CI_DEFAULT_BRANCH": "main", "CI_JOB_TOKEN": "t"}
    done = run(tmp_path, "gitlab-gate", **env)
    assert (done.returncode, find(tmp_path / "baseline")) == ended
    if before:
        report = json.loads((tmp_path / "gl-code-quality-report.json").read_text())
        assert len(report) == (before != after)
