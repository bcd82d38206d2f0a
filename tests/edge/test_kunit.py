"""Which tests pytest makes of the suites that a kernel's source has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.farms import SLOW_S, environment
from tests.unit.kernel.elf_files import make_elf

from rustbed.farm.store import Job, write_cases, write_job

SOURCE = """
#[macros::kunit_tests(rust_kvec)]
mod tests {
    #[test]
    fn retain() {}

    #[test]
    fn shrink() {}
}
"""
TESTS = """
import pytest

@pytest.mark.kunit("rust_kvec", needs=["CONFIG_RUST_KVEC_KUNIT_TEST"])
@pytest.mark.kunit("string-stream")
def test_kernel(kunit):
    kunit()
"""


def collect(directory: Path, tests: str, *words: str) -> tuple[int, list[str]]:
    tree = directory / "linux"
    (tree / "rust").mkdir(parents=True, exist_ok=True)
    (tree / "rust/kvec.rs").write_text(SOURCE)
    (directory / "test_it.py").write_text(tests)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "--arch",
        "arm64",
    ]
    done = subprocess.run(
        [*argv, "--strict-markers", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env=environment(),
        timeout=SLOW_S,
    )
    return done.returncode, done.stdout.splitlines()


def test_each_case_is_a_test_and_so_is_a_suite_whose_cases_are_not_known(tmp_path: Path) -> None:
    whole = "test_it.py::test_kernel[string-stream-arm64]"
    cases = [f"test_it.py::test_kernel[rust_kvec-{name}-arm64]" for name in ("retain", "shrink")]
    kernel = ("--kernel", f"tree:{tmp_path / 'linux'}")
    assert collect(tmp_path, TESTS, *kernel)[1][:3] == [*cases, whole]
    assert collect(tmp_path, TESTS, *kernel, "-k", "shrink")[1][0] == cases[1]
    # a kernel that was built elsewhere comes without its source
    built = ["test_it.py::test_kernel[rust_kvec-arm64]", whole]
    assert collect(tmp_path, TESTS, "--kernel", "built:/nonexistent")[1][:2] == built


def test_examples_are_tests_where_the_kernel_is_built_and_one_test_elsewhere(tmp_path: Path) -> None:
    tests = TESTS.replace('"string-stream"', '"rust_doctests_kernel"')
    kernel = ("--kernel", f"built:{tmp_path}", "-k", "doctests")
    assert collect(tmp_path, tests, *kernel)[1][0] == "test_it.py::test_kernel[rust_doctests_kernel-arm64]"
    names = [f"rust_doctest_kernel_str_rs_{number}" for number in (0, 1)]
    strings = b"".join(b"\0" + name.encode() for name in names) + b"\0"
    (tmp_path / "vmlinux").write_bytes(make_elf({".strtab": strings}))
    cases = [f"test_it.py::test_kernel[rust_doctests_kernel-{name}-arm64]" for name in names]
    assert collect(tmp_path, tests, *kernel)[1][:2] == cases


def test_a_worker_of_a_farm_has_the_tests_of_its_session_whatever_its_host_has(tmp_path: Path) -> None:
    tests, attempt = TESTS.replace('"string-stream"', '"rust_doctests_kernel"'), tmp_path / "farm/1"
    write_job(Job(attempt=str(attempt), arguments=(), directory="", environment={}, tests=("test_it.py::x",)))
    found = {":rust_kvec": ["shrink"], ":rust_doctests_kernel": ["rust_doctest_kernel_str_rs_0"]}
    write_cases(attempt.parent, {f"test_it.py::test_kernel {name}": cases for name, cases in found.items()})
    words = ("--kernel", "built:/nonexistent", f"--rustbed-farm-attempt={attempt}")
    assert collect(tmp_path, tests, *words)[1][:2] == [
        f"test_it.py::test_kernel[{name[1:]}-{case}-arm64]" for name, (case,) in found.items()
    ]


def test_cases_of_a_drivers_own_suite_are_those_of_its_sources(tmp_path: Path) -> None:
    directory = tmp_path / "driver"
    directory.mkdir()
    (directory / "driver.rs").write_text(SOURCE.replace("rust_kvec", "own"))
    tests = TESTS.replace('"string-stream"', '"own", module="driver"')
    kernel = ("--kernel", "built:/nonexistent", "-k", "own")
    cases = [f"test_it.py::test_kernel[own-{name}-arm64]" for name in ("retain", "shrink")]
    assert collect(tmp_path, tests, *kernel)[1][:2] == cases


def test_a_marker_without_a_suite_is_an_error(tmp_path: Path) -> None:
    status, lines = collect(tmp_path, TESTS.replace('"string-stream"', ""))
    assert status == 2
    assert any("the marker kunit takes a suite: " in line for line in lines), lines
