"""rustbed as its users have it: a wheel in an environment of its own, and a project of somebody else's."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
FOREIGN = Path(__file__).parent / "foreign"
# what single tests add to it
OVERLAYS = Path(__file__).parent / "overlays"
# what people have beside rustbed; what these need themselves is named, so that they bring no other pytest
PLUGINS = (
    *("pytest-randomly", "pytest-timeout", "pytest-rerunfailures"),
    *("pytest-cov", "coverage", "pytest-asyncio", "typing_extensions"),
    *("watchfiles", "anyio", "idna", "sniffio"),
    *("tree-sitter", "tree-sitter-rust"),
)

Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An environment that has rustbed's wheel, and no way back to the checkout."""

    environment: Path
    # other plugins, which a session gets to see by PYTHONPATH
    plugins: Path
    # of the outer session, as pytest's and rustbed's options
    options: tuple[str, ...]
    # the cache with the kernels
    cache: Path

    def program(self, name: str) -> str:
        return str(self.environment / "bin" / name)


def install(directory: Path) -> tuple[Path, Path]:
    """Make the wheel, an environment with it, and a directory of plugins; return the last two."""
    environment, plugins = directory / "environment", directory / "plugins"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    quiet = ["--quiet", "--no-input"]
    _run([*pip, "wheel", *quiet, "--no-deps", "--wheel-dir", str(directory / "wheel"), str(CHECKOUT)])
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    (wheel,) = (directory / "wheel").glob("*.whl")
    _run([*pip, "--python", str(environment / "bin/python"), "install", *quiet, str(wheel)])
    _run([*pip, "install", *quiet, "--no-deps", "--target", str(plugins), *PLUGINS])
    return environment, plugins


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A copy of the foreign project, and how its owner calls things."""

    installed: Installed
    directory: Path
    # other plugins are there
    beside: bool = False
    # words before each program: who runs it
    runner: tuple[str, ...] = ()

    def with_plugins(self) -> Project:
        return replace(self, beside=True)

    @property
    def results(self) -> Path:
        return self.directory / "results"

    def env(self, **more: str) -> dict[str, str]:
        """Return a person's environment: nothing of the session that we run in."""
        ours = ("RUSTBED", "PYTEST", "PYTHON", "COV", "VIRTUAL_ENV")
        theirs = {
            name: value
            for name, value in os.environ.items()
            # where its temporary directories are: it would remove those of other sessions
            if not name.startswith(ours) or name == "PYTEST_DEBUG_TEMPROOT"
        }
        if self.beside:
            theirs["PYTHONPATH"] = str(self.installed.plugins)
        return {**theirs, "RUSTBED_CACHE": str(self.installed.cache), "TERM": "dumb", **more}

    def start(self, program: str, *words: str | Path, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.runner, self.installed.program(program), *map(str, words)],
            cwd=self.directory,
            env=self.env(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, program: str, *words: str | Path, **env: str) -> Ended:
        """Run a program of the environment to its end; both streams are in `stdout`."""
        with self.start(program, *words, **env) as running:
            try:
                text, _ = running.communicate(timeout=900)
            except subprocess.TimeoutExpired:
                running.kill()
                raise
        return Ended(running.args, running.returncode, text)

    def pytest(self, *words: str | Path, **env: str) -> Ended:
        return self.run("pytest", *self.installed.options, *words, **env)

    def rustbed(self, *words: str | Path) -> Ended:
        return self.run("rustbed", *words)

    def sessions(self) -> list[Path]:
        """Return the sessions' directories, the oldest first."""
        return sorted(path for path in self.results.glob("2*") if path.is_dir())

    def colours(self, session: Path | None = None) -> dict[str, str]:
        """Return what became of the newest session's tests, by name: green, skipped or red."""
        return read_colours((session or self.results / "latest") / "junit.xml")

    def cases(self) -> dict[str, Case]:
        """Return the newest session's tests by name, those that are red once."""
        return read_cases(self.results / "latest" / "junit.xml")

    def run_directory(self, test: str) -> Path:
        """Return the run directory of a test of the newest session."""
        (found,) = (self.results / "latest").resolve().glob(f"*-{test}-*")
        return found


def copy_project(installed: Installed, directory: Path) -> Project:
    """Copy the foreign project to a place whose name is not plain ASCII."""
    target = directory / "Müllers Treiber"
    shutil.copytree(FOREIGN, target, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(installed=installed, directory=target)


def lay_over(project: Project, name: str) -> None:
    """Add a directory of overlays/ to a project."""
    shutil.copytree(OVERLAYS / name, project.directory / name, ignore=shutil.ignore_patterns("__pycache__"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A test as junit.xml has it."""

    # green, skipped or red
    colour: str
    outcome: str
    # of the failure or error
    message: str
    fingerprint: str


def read_cases(junit: Path) -> dict[str, Case]:
    """Return the tests of a junit.xml by their names without the architecture, a red case before others."""
    found: dict[str, Case] = {}
    for element in ET.parse(junit).getroot().iter("testcase"):  # noqa: S314 - our own file
        name = (element.get("name") or "").replace("[x86_64]", "").replace("[x86_64-", "[")
        case = _case_of(element)
        if case.colour == "red" or name not in found:
            found[name] = case
    return found


def _case_of(element: ET.Element) -> Case:
    facts = {item.get("name"): item.get("value") or "" for item in element.iter("property")}
    red = next((found for kind in ("failure", "error") if (found := element.find(kind)) is not None), None)
    skipped = element.find("skipped") is not None
    return Case(
        colour="red" if red is not None else "skipped" if skipped else "green",
        outcome=facts.get("outcome", ""),
        message=(red.get("message") or "") if red is not None else "",
        fingerprint=facts.get("fingerprint", ""),
    )


def read_colours(junit: Path) -> dict[str, str]:
    """Return what became of each test of a junit.xml, by its name without the architecture."""
    return {name: case.colour for name, case in read_cases(junit).items()}


def reds(colours: dict[str, str]) -> set[str]:
    return {name for name, colour in colours.items() if colour == "red"}


def programs_that_name(directory: Path) -> list[str]:
    """Return the command lines of processes that name something below a directory: QEMU names its console."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").replace("\0", " ")
            found += [words] if f"{directory}/" in words else []
    return found


def ordinary_user() -> tuple[str, ...]:
    """Return the words that make an ordinary user of us: with root's rights nothing is read-only."""
    if os.geteuid() != 0:
        return ()
    runner = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    done = subprocess.run([*runner, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"root cannot become an ordinary user here: {done.stderr.strip()}")
    return runner


def forbid_writing(directory: Path) -> None:
    """Make a directory read-only, and all that is in it."""
    for path in (directory, *directory.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
