"""Reading a log needs Python alone: a CI job explains logs without QEMU's client or a test runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[3] / "harness"
MODULES = sorted(
    "rustbed." + ".".join(path.relative_to(HARNESS).with_suffix("").parts).removesuffix(".__init__")
    for stage in ("log", "symbols")
    for path in (HARNESS / stage).rglob("*.py")
)
# a finder before all others refuses whatever is neither ours nor of Python
BLOCKED = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "rustbed" and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not of Python")
sys.meta_path.insert(0, Refuse())
"""


def import_alone(*modules: str) -> subprocess.CompletedProcess[str]:
    program = BLOCKED + "".join(f"import {module}\n" for module in modules)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_log_and_symbols_import_without_any_other_package() -> None:
    done = import_alone(*MODULES)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("package", ["pexpect", "qemu.qmp", "pytest"])
def test_a_package_that_is_not_of_python_is_refused(package: str) -> None:
    assert f"{package.partition('.')[0]} is not of Python" in import_alone(package).stderr
