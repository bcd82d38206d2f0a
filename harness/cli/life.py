"""`rustbed life`: tries on a driver what every driver should survive, without a test to write."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from rustbed import process
from rustbed.cache import write_atomically
from rustbed.cli.arguments import fault_options, parse_count
from rustbed.errors import UsageError
from rustbed.kernel.kbuildfile import require_makefile

# below the current directory
_RESULTS = "results"
_TEST = """\
{imports}

@pytest.mark.lifecycle({arguments})
def test_life(life):
    life()
"""
_IMPORT = "import pytest\n"
_IMPORTS = """\
import sys

import pytest

sys.path.insert(0, {directory!r})
from {module} import {name}
"""
# --device of one that is written in Python
_WRITTEN = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the driver; all other arguments are pytest's."""
    parser.add_argument(
        "driver", metavar="DRIVER", help="name of a kernel module, or a directory with a Kbuild file"
    )
    parser.add_argument(
        "--device",
        help="the device that the driver binds to: an argument of QEMU's -device, or FILE.py:CLASS for one"
        " written in Python",
    )
    parser.add_argument(
        "--faults",
        nargs="?",
        const="all",
        metavar="WHICH",
        help="repeat each step with every fault of a device in Python, or with these faults only",
    )
    parser.add_argument(
        "--ioctl",
        action="append",
        default=[],
        type=_number,
        metavar="N",
        help="number of an ioctl of the driver; may be given several times",
    )
    parser.add_argument(
        "--cycles",
        type=parse_count,
        default=100,
        metavar="N",
        help="how often to load and bind the driver (default: 100)",
    )
    parser.add_argument(
        "--setup",
        metavar="COMMAND",
        help="a shell command for the guest that makes what the driver binds to, before the driver is loaded",
    )
    parser.set_defaults(pytest_args=[])


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a number, as 0x4004 or 16388 is") from error


def run(args: argparse.Namespace) -> int:
    """Run the driver's life as a test and return pytest's status. Raises UsageError."""
    is_directory = Path(args.driver).is_dir()
    if not is_directory and (args.driver.endswith(".ko") or "/" in args.driver):
        raise UsageError(
            f"there is no directory {args.driver}", wanted="one with a Kbuild file, or a module's name"
        )
    # here, because all steps on all architectures would say so
    driver = str(require_makefile(Path(args.driver).absolute())) if is_directory else args.driver
    written = _WRITTEN.fullmatch(args.device or "")
    if args.faults and not written:
        raise UsageError("--faults wants a device written in Python", fix="--device FILE.py:CLASS")
    if written and not Path(written["file"]).is_file():
        raise UsageError(f"there is no file {written['file']}", wanted="--device FILE.py:CLASS")
    known = {"device": args.device, "ioctls": args.ioctl, "cycles": args.cycles, "setup": args.setup}
    given = {name: value for name, value in known.items() if value}
    # the file is kept, because the output refers to it, and the author may build on it
    file = Path.cwd() / _RESULTS / "life" / f"{re.sub(r'[^A-Za-z0-9]', '_', Path(driver).name)}.py"
    write_atomically(file, render_test(driver, given))
    words = [
        *(sys.executable, "-m", "pytest", str(file), f"--rootdir={file.parent}"),
        *(f"--rustbed-results={Path.cwd() / _RESULTS}", "-p", "no:cacheprovider", "-rsx"),
        *(fault_options(args.faults) if args.faults else ()),
        *args.pytest_args,
    ]
    return process.run_attached(words)


def render_test(driver: str, given: Mapping[str, object]) -> str:
    """Return the file that pytest is to run; a device FILE.py:CLASS is imported from there."""
    values = {name: repr(value) for name, value in given.items()}
    imports = _IMPORT
    if written := _WRITTEN.fullmatch(str(given.get("device", ""))):
        file = Path(written["file"]).absolute()
        imports = _IMPORTS.format(directory=str(file.parent), module=file.stem, name=written["name"])
        values["device"] = written["name"]
    arguments = [repr(driver), *(f"{name}={value}" for name, value in values.items())]
    return _TEST.format(imports=imports, arguments=", ".join(arguments))
