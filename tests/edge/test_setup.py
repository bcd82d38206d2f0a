"""How tests are set up: what is built comes before the machine, and what fails for many is shown once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = """\
import pytest

@pytest.fixture
def driver(build_module):
    return "driver"

@pytest.fixture
def loaded(driver, vm):
    return "loaded"

@pytest.fixture
def plain():
    return 1

def pytest_collection_finish(session):
    for item in session.items:
        print("order", *(name for name in item.fixturenames if name in item._fixtureinfo.argnames))
"""


def run_pytest(directory: Path, *words: str) -> str:
    argv = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False).stdout


# what tests ask for, and in which order it is set up
ORDERS = {
    "vm, driver": "driver vm",
    "plain, vm, build_module, driver": "plain build_module driver vm",
    "driver, vm": "driver vm",
    # needs the machine itself
    "vm, loaded": "vm loaded",
    "vm, plain": "vm plain",
    "driver, plain": "driver plain",
}


def test_what_is_built_comes_before_the_machine(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    tests = [f"def test_{number}({asked}):\n    pass\n" for number, asked in enumerate(ORDERS)]
    (tmp_path / "test_it.py").write_text("\n".join(tests))
    said = run_pytest(tmp_path, "--collect-only", "--arch", "x86_64,arm64")
    found = [line for line in said.splitlines() if line.startswith("order")]
    assert found == [f"order {order}" for order in ORDERS.values()] * 2, said


FAILING = """\
import pytest
from rustbed.errors import UsageError

@pytest.fixture
def same():
    raise UsageError("there is no such driver", known="many others")

@pytest.fixture
def own(request):
    raise UsageError("there is no such device", known=request.node.name)

def test_one(same): pass

def test_two(same): pass

@pytest.mark.parametrize("n", (1, 2))
def test_other(own, n): pass
"""


def test_what_keeps_several_tests_from_being_set_up_is_shown_once(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FAILING)
    said = run_pytest(tmp_path)
    assert said.count("\n  known  many others\n") == 1
    assert said.count("UsageError: there is no such driver (as in test_it.py::test_one)\n") == 1
    assert said.count("(as in") == 1
    # others are whole
    assert said.count("\n  known  test_other[") == 2
