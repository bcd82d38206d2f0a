"""Every bad module turns a run red for the right reason, and its good twin leaves it green.

The scene is run once for each architecture, by pytest under pytest; what it leaves behind is looked at here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from tests.boot import pytest_runs
from tests.oracle.rows import Bad, Seen
from tests.oracle.table import ASSERTED, BAD, ENDING_MODULES, ENDINGS, MODULES, marked_lines
from tests.sharing import make_once

SCENE = Path(__file__).parent / "scenes" / "scene_modules.py"


@dataclass(frozen=True)
class Ran:
    """One test of the scene."""

    colour: str
    verdict: dict[str, Any]
    # the kernel log of its window
    log: str
    # what junit.xml says: the failure, or why it was skipped
    text: str


@pytest.fixture
def ran(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Ran]:
    """Run the scene for an architecture; once, also where several workers want it."""

    def run(results: Path) -> None:
        argv = pytest_runs.pytest_argv(request.config, str(SCENE), arch, results, "-n", "auto")
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr

    results = make_once(request.config, tmp_path_factory, f"oracle-{kernel.key}", run)
    return dict(_read(results, arch))


def _read(results: Path, arch: Arch) -> Iterator[tuple[str, Ran]]:
    """Yield what is left of each test under its name and parameters, without the architecture."""
    for case in pytest_runs.all_cases(results):
        name, _, parameters = (case.get("name") or "").rstrip("]").partition("[")
        directory = pytest_runs.run_directory(results, case)
        verdict, log = directory / "verdict.json", directory / "kernel.log"
        colour = pytest_runs.colour(case)
        ended = case.find(colour)
        yield (
            " ".join([name, *(word for word in parameters.split("-") if word != arch.name)]),
            Ran(
                colour=colour,
                verdict=json.loads(verdict.read_text()) if verdict.is_file() else {},
                log=log.read_text() if log.is_file() else "",
                text=f"{ended.get('message')}\n{ended.text}" if ended is not None else "",
            ),
        )


def expected(row: Bad, kernel: Kernel) -> Seen:
    if why := row.incapable(kernel.arch):
        pytest.skip(why)
    seen = row.expected(kernel)
    if seen is None:
        pytest.skip(f"kernel {kernel.release} for {kernel.arch} has nothing that sees it")
    return seen


each_bad = pytest.mark.parametrize("row", [pytest.param(row, id=row.module) for row in BAD])


@each_bad
def test_bad_module_is_red_for_the_right_reason(row: Bad, kernel: Kernel, ran: dict[str, Ran]) -> None:
    seen = expected(row, kernel)
    found = ran[f"test_bad {row.module}"]
    assert (found.colour, found.verdict.get("outcome")) == ("failure", seen.outcome), found.text
    assert [splat["kind"] for splat in found.verdict["splats"][:1]] == ([seen.kind] if seen.kind else [])


@each_bad
def test_function_and_line_are_named(row: Bad, kernel: Kernel, ran: dict[str, Ran]) -> None:
    seen = expected(row, kernel)
    if seen.kind is None:
        pytest.skip(f"kernel {kernel.release} for {kernel.arch} says nothing of it")
    splat = ran[f"test_bad {row.module}"].verdict["splats"][0]
    function = seen.full_function(row.module)
    assert (splat["title"], splat["function"]) == (f"{seen.title} in {function}", function)
    # as the session's working directory is the project's
    assert splat["file"] == str(MODULES / f"{row.module}.rs").removeprefix(f"{Path.cwd()}/")
    assert splat["line"] in marked_lines(row.module)


@each_bad
def test_good_twin_stays_green(row: Bad, ran: dict[str, Ran]) -> None:
    found = ran[f"test_good {row.module}"]
    if found.colour == "skipped":
        pytest.skip(found.text)
    assert found.colour == "passed", found.text


@pytest.mark.needs("CONFIG_DEBUG_KMEMLEAK")
def test_leaks_that_cannot_be_looked_for_are_red(ran: dict[str, Ran], kernel: Kernel) -> None:
    found = ran["test_leaks_cannot_be_looked_for"]
    assert (found.colour, found.verdict.get("outcome")) == ("failure", "fail"), found.text
    assert [splat["title"] for splat in found.verdict["splats"]] == ["kmemleak does not scan"]


def test_kernel_without_kmemleak_is_a_skip_by_name(ran: dict[str, Ran], kernel: Kernel) -> None:
    if kernel.has("CONFIG_DEBUG_KMEMLEAK"):
        pytest.skip("this one has it")
    found = ran["test_leaks_cannot_be_looked_for"]
    assert found.colour == "skipped"
    assert f"kernel {kernel.release} for {kernel.arch} has no CONFIG_DEBUG_KMEMLEAK" in found.text


@pytest.mark.parametrize(("module", "said"), ASSERTED.items(), ids=ASSERTED)
def test_wrong_answer_is_red_by_assertion_alone(module: str, said: str, ran: dict[str, Ran]) -> None:
    found = ran[f"test_{module} bad"]
    assert (found.colour, found.verdict.get("outcome")) == ("failure", "fail"), found.text
    assert found.verdict["machines"][0]["splats"] == []
    assert said in found.text


@pytest.mark.parametrize("module", ASSERTED)
def test_right_answer_is_green(module: str, ran: dict[str, Ran]) -> None:
    found = ran[f"test_{module} good"]
    assert found.colour == "passed", found.text


@pytest.mark.parametrize("ending", ENDINGS)
def test_splat_is_red_however_the_test_ends(ending: str, kernel: Kernel, ran: dict[str, Ran]) -> None:
    (row,) = (row for row in BAD if row.module == ENDING_MODULES[ending])
    seen = expected(row, kernel)
    found = ran[f"test_ends_by_{ending} bad"]
    assert (found.colour, found.verdict.get("outcome")) == ("failure", seen.outcome), found.text
    assert found.verdict["splats"][0]["kind"] == seen.kind


@pytest.mark.parametrize(("ending", "colour"), ENDINGS.items(), ids=ENDINGS)
def test_without_a_splat_it_ends_as_it_says(ending: str, colour: str, ran: dict[str, Ran]) -> None:
    found = ran[f"test_ends_by_{ending} good"]
    assert found.colour == colour, found.text
