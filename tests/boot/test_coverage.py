"""Which lines of a driver ran: those that are known to, and no others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rustbed import runfiles
from rustbed.arch import Arch
from tests.boot import pytest_runs

SOURCE = Path(__file__).parent / "modules/counted/counted.rs"


def marked(word: str) -> set[int]:
    lines = SOURCE.read_text().splitlines()
    return {number for number, line in enumerate(lines, start=1) if line.endswith(f"// {word}")}


@pytest.mark.usefixtures("kernel")
def test_lines_that_ran_are_those_that_do(
    pytestconfig: pytest.Config, rustbed_arch: Arch, tmp_path: Path
) -> None:
    if pytestconfig.getoption("--accel") == "kvm":
        pytest.skip("coverage is recorded where QEMU emulates")
    argv = pytest_runs.pytest_argv(pytestconfig, "scene_coverage.py", rustbed_arch, tmp_path, "--coverage")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    trace = (tmp_path / "latest" / runfiles.COVERAGE).read_text()
    assert f"SF:{SOURCE}\n" in trace
    lines = SOURCE.read_text().splitlines()
    told = (
        (int(number), int(count)) for number, count in re.findall(r"^DA:(\d+),(\d+)$", trace, re.MULTILINE)
    )
    # the compiler chooses which lines of module! have code, and whether a function's end has, which is
    # a jump where nothing is left to do
    begin = lines.index("struct Counted {")
    open_to = re.compile(r"\}|.*// perhaps: .*")
    counts = {
        number: count for number, count in told if number > begin and not open_to.fullmatch(lines[number - 1])
    }
    assert {number for number, count in counts.items() if count} == marked("ran")
    assert {number for number, count in counts.items() if not count} == marked("missed")
    # both tests run the first line of judge(), each of them one branch
    runs = {
        text: counts[lines.index(text) + 1] for text in lines if "high" in text or "judge(level: i64)" in text
    }
    assert sorted(runs.values()) == [0, 1, 2]
    assert "counted: what ran while it was refused" in done.stdout
    assert f'href="{runfiles.COVERAGE_PAGE}"' in (tmp_path / "latest" / runfiles.PAGE).read_text()
