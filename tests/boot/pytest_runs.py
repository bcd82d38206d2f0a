"""Pytest under pytest: runs a scene the way the outer run was asked to, and reads what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from rustbed.arch import Arch

SCENES = Path(__file__).parent / "scenes"
# put before a command: beside many other tests a guest that hangs gets so little time that its host is
# rightly called slow; for a user who may not give a process more, nice only warns
PREFERRED = ("nice", "-n", "-10")


def pytest_argv(config: pytest.Config, scene: str, arch: Arch, results: Path, *words: str) -> list[str]:
    option = config.getoption
    argv = [sys.executable, "-m", "pytest", str(SCENES / scene), "-p", "no:cacheprovider", "-q"]
    argv += ["--arch", arch.name, "--results", str(results)]
    for name in ("--kernel", "--profile", "--accel", "--toolchain", "--qemu", "--forks", "--cache"):
        if value := option(name):
            argv += [name, str(value)]
    if option("--no-fork"):
        argv.append("--no-fork")
    return [*argv, *words]


def start(argv: list[str], **env: str) -> subprocess.Popen[bytes]:
    # a job in a script's background ignores Ctrl-C, and so would what we start
    return subprocess.Popen(
        ["env", "--default-signal=INT", *argv],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def all_cases(results: Path) -> list[ET.Element]:
    """Return the cases of the newest junit.xml."""
    root = ET.parse(results / "latest" / "junit.xml").getroot()  # noqa: S314 - our own file
    return list(root.iter("testcase"))


def cases(results: Path) -> dict[str, ET.Element]:
    """Return the cases of the newest junit.xml by their names, architectures left out."""
    return {(case.get("name") or "").partition("[")[0]: case for case in all_cases(results)}


def colour(case: ET.Element) -> str:
    """Return what stands below a case: failure, error, skipped, or passed if nothing does."""
    return next((kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), "passed")


def run_directory(results: Path, case: ET.Element) -> Path:
    """Return the run directory of a case of the newest session."""
    return results / "latest" / (properties(case).get("run_directory") or "")


def properties(case: ET.Element) -> dict[str | None, str | None]:
    return {item.get("name"): item.get("value") for item in case.iter("property")}
