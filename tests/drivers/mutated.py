"""`python -m tests.drivers.mutated rust_minimal`: whether our tests would notice a wrong line in a driver.

Makes a project of the driver's source and our tests, in which the guest has the project's module in place of
the kernel's, and has `rustbed mutate` try it. Further words are pytest's: --arch x86_64.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rustbed import process
from rustbed.cache import Cache, default_root
from rustbed.errors import UsageError
from rustbed.kernel.rustdrivers import RustDriver, find_rust_drivers
from rustbed.kernel.source import find_source, parse_source

_TESTS = Path(__file__).parent.parent
_CONFTEST = '''\
"""The guest has this project's module in place of the kernel's."""

from contextlib import contextmanager
from pathlib import Path

import pytest


def replace_module(vm, build_module):
    vm.push(build_module(str(Path(__file__).parent / "{name}")), "/lib/modules/{name}.ko", mode=0o644)
    # TAINT_OOT_MODULE: the kernel says it once, and tests count what is said
    vm.write("/proc/sys/kernel/tainted", "4096")
    return vm


@pytest.fixture
def vm(vm, build_module):
    return replace_module(vm, build_module)


@pytest.fixture
def boot(boot, build_module):
    @contextmanager
    def booted(*words, **settings):
        with boot(*words, **settings) as vm:
            yield replace_module(vm, build_module)

    return booted
'''
_DEBUG = "dev_dbg prints nothing without CONFIG_RUST_DEBUG_ASSERTIONS"
_READ_INTO = "what is used of the buffer has been read into it"
# a function, a line of it, and what in the line, if that is not all of it
Place = tuple[str, str] | tuple[str, str, str]
# what no test can notice, and the reason, by driver
EQUIVALENT: Mapping[str, Mapping[Place, str]] = {
    "rust_misc_device": {
        ("set_value", "Ok(0)"): "ioctl throws it away",
        ("get_value", "drop(guard);"): "it is free at the end of the function anyhow",
        ("get_value", "Ok(0)"): "ioctl throws it away",
        ("hello", "Ok(0)"): "ioctl throws it away",
    },
    "rust_driver_platform": {
        ("properties_parse", "let fwnode = dev.fwnode().ok_or(ENOENT)?;"): "the caller has looked",
        ("drop", "fn drop(&mut self) {"): _DEBUG,
    },
    "rust_debugfs": {
        ("from_str", ".ok_or(EINVAL)?"): "the abstraction makes EINVAL of any error",
        ("from_str", ".map_err(|_| EINVAL)?;"): "the abstraction makes EINVAL of any error",
        ("from_str", "return Err(EINVAL);"): "the abstraction makes EINVAL of any error",
        ("build_counter", 'dir.read_write_file(c"counter", Atomic::<usize>::new(0))'): "probe stores 91",
    },
    "rust_driver_auxiliary": {("connect", "_ => return Err(EINVAL),"): "the parent registers no other id"},
    "rust_debugfs_scoped": {
        ("remove_file_write", "let mut buf = [0u8; 128];", "0u8"): _READ_INTO,
        ("create_file_write", "let mut buf = [0u8; 128];", "0u8"): _READ_INTO,
    },
    "rust_driver_pci": {("drop", "fn drop(&mut self) {"): _DEBUG},
    "rust_driver_serdev": {
        ("probe", ".unwrap_or(115200),"): "a UART has the same divisor for 115201",
        ("probe", "return Err(EINVAL);"): "no port says so: docs/findings/serdev-speed-is-what-was-asked.md",
        ("probe", "sdev.set_parity(serdev::Parity::None)?;"): "the line is opened without parity",
        ("drop", "fn drop(&mut self) {"): _DEBUG,
    },
}


def make_project(driver: RustDriver, tree: Path, directory: Path) -> None:
    """Fill a directory with the driver's source and our tests. Raises UsageError."""
    place = tree / Path(driver.source).parent
    own = directory / driver.name
    own.mkdir(parents=True)
    parts = re.search(rf"^{driver.name}-y\s*:?=(.*)$", (place / "Makefile").read_text(), re.MULTILINE)
    objects = parts[1].split() if parts else [f"{driver.name}.o"]
    for each in objects:
        source = next(path for path in map((place / each).with_suffix, (".rs", ".c")) if path.exists())
        (own / source.name).write_text(mark(source.read_text(), EQUIVALENT.get(driver.name, {})))
    rule = f"{driver.name}-y := {' '.join(objects)}\n" if parts else ""
    (own / "Kbuild").write_text(f"ccflags-y += -I$(src)\nobj-m := {driver.name}.o\n{rule}")
    (directory / "conftest.py").write_text(_CONFTEST.format(name=driver.name))
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_TESTS / "drivers", directory / "tests/drivers", ignore=ignore)
    shutil.copyfile(_TESTS / "conftest.py", directory / "tests/conftest.py")


def mark(source: str, reasons: Mapping[Place, str]) -> str:
    """Return a source whose lines that no test can notice a change in say so. Raises UsageError."""
    lines = source.splitlines()
    for (function, text, *what), reason in reasons.items():
        named = re.compile(rf"fn {function}[<(]")
        begin = next((at for at, line in enumerate(lines) if named.search(line)), len(lines))
        end = next(
            (at for at in range(begin + 1, len(lines)) if re.search(r"\bfn \w", lines[at])), len(lines)
        )
        found = [at for at in range(begin, end) if lines[at].strip() == text]
        if not found:
            raise UsageError(f"no line of fn {function} is {text!r}", reason=reason)
        for at in found:
            lines[at] += f" // no mutant{''.join(f' of `{each}`' for each in what)}: {reason}"
    return "\n".join([*lines, ""])


def find_tests(name: str) -> list[str]:
    """Return the files of our tests that are about a driver."""
    files = sorted((_TESTS / "drivers").glob("test_*.py"))
    named = [file for file in files if file.stem == f"test_{name}"] or [
        file for file in files if f'"{name}"' in file.read_text()
    ]
    return [f"tests/drivers/{file.name}" for file in named]


def main(name: str, *words: str) -> int:
    """Try the mutants of a driver and return the status of `rustbed mutate`. Raises UsageError."""
    tree = find_source(parse_source("debian:latest"), Cache(default_root()))
    if tree is None:
        raise UsageError("the kernel's source is not here", fix="rustbed build")
    drivers = {driver.name: driver for driver in find_rust_drivers(tree.directory)}
    if name not in drivers:
        raise UsageError(f"the kernel has no driver {name}", drivers=", ".join(drivers))
    with tempfile.TemporaryDirectory(prefix="rustbed-mutated-") as scratch:
        project = Path(scratch) / name
        make_project(drivers[name], tree.directory, project)
        tried = ("-m", "rustbed", "mutate", str(project), "--file", f"{name}/*.rs")
        return process.run_attached([sys.executable, *tried, *find_tests(name), *words])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
