"""What is imported when: a part of rustbed comes without the rest, and help without anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.shape import load_sources

import rustbed
from rustbed.cli.main import COMMANDS, load_command

HARNESS = Path(rustbed.__file__).parent

# what the project depends on, and what only conversations need
THIRD_PARTY = {"pexpect", "qemu", "yaml", "junit_xml", "pytest", "_pytest", "pluggy", "xdist", "asyncio"}
PURE = [
    module
    for module in sorted(load_sources(HARNESS))
    if module.split(".")[1:2] in (["log"], ["report"], ["symbols"])
]
# the lists of known issues and of declared differences are YAML
READ_YAML = {
    f"rustbed.report.{name}" for name in ("known", "changes", "declared", "gate", "gate_formats", "recorder")
}


def imports(code: str, blocked: set[str]) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter where importing some packages fails."""
    block = f"import sys\nsys.modules.update(dict.fromkeys({sorted(blocked)}))\n"
    argv = [sys.executable, "-c", block + code]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", PURE)
def test_what_reads_text_imports_no_package_of_others(module: str) -> None:
    done = imports(f"import {module}", THIRD_PARTY - ({"yaml"} if module in READ_YAML else set()))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_import_of_a_blocked_package_is_seen() -> None:
    assert "ModuleNotFoundError" in imports("import rustbed.machine.monitor", THIRD_PARTY).stderr


def test_a_log_is_explained_without_packages_of_others(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("[    4.100000] toy: ready\n")
    code = f"from rustbed.cli.main import main\nsys.exit(main(['explain', {str(tmp_path / 'log')!r}]))"
    done = imports(code, THIRD_PARTY)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_no_module_that_is_not_for_the_terminal() -> None:
    code = (
        "from rustbed.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('rustbed')), file=sys.stderr)"
    )
    wanted = ["rustbed", "rustbed.cli", "rustbed.cli.main", "rustbed.cli.terminal", "rustbed.errors"]
    assert imports(code, set()).stderr.strip() == str(wanted)


# what few sessions use: devices in Python, packs, farms, recordings, downloads, shards
RARE = (
    *("rustbed.devices.pci", "rustbed.devices.serial", "rustbed.devices.usb", "rustbed.devices.i2c"),
    *("rustbed.devices.served", "rustbed.packs.pull", "rustbed.farm", "rustbed.repro", "rustbed.bundle"),
    *("urllib.request", "statistics"),
)
LOOKS = f"""\
import gc, sys

def pytest_collection_finish():
    print("collected with", type(sys.modules["rustbed.testrun"].__loader__).__name__)
    print("rare", [name for name in {RARE} if name in sys.modules])
    # only splats need them: collecting three tests takes 0.93 of the processor time without
    print("rules", sys.modules["rustbed.log.families.places"].rules.cache_info().currsize)
    print("collector", gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_a_session_imports_ours_as_python_does_and_not_what_few_use_nor_what_splats_need(
    tmp_path: Path,
) -> None:
    (tmp_path / "conftest.py").write_text(LOOKS)
    argv = [sys.executable, "-m", "pytest", "-s", "-q", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert [line for line in done.stdout.splitlines() if line.startswith(("collec", "r"))] == [
        "collected with SourceFileLoader",
        "rare []",
        "rules 0",
        "collector True True",
    ], done.stdout


# -- the face ------------------------------------------------------------------------


@pytest.mark.parametrize("name", rustbed.__all__)
def test_every_name_for_authors_is_there(name: str) -> None:
    assert getattr(rustbed, name) is not None
    assert name in dir(rustbed)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert "has no attribute 'Nope'" in imports("import rustbed\nrustbed.Nope", set()).stderr
    assert "cannot import name 'Nope'" in imports("from rustbed import Nope", set()).stderr


# -- commands ------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_module_of_its_name(name: str) -> None:
    command = load_command(name)
    assert command.__doc__ is not None
    assert command.__doc__.startswith(f"`rustbed {name}`: ")
    assert callable(command.add_arguments)
    assert callable(command.run)
