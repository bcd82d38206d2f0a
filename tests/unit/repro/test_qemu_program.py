"""Which QEMU a run is reproduced with, where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rustbed.arch import ARCHES
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.repro.qemu_program import find_emulator


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have nothing on PATH but what programs are started by, and what the test puts there."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("setpriv", "sh"):
        (programs / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(programs))
    return programs


def too_old(path: Path) -> None:
    program = path / "qemu-system-x86_64"
    program.write_text("#!/bin/sh\necho QEMU emulator version 7.2.22\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("there", "problem"), [(False, "is not installed"), (True, "QEMU 7.2.22 is too old")]
)
def test_without_a_usable_one_the_user_is_asked_and_the_way_out_is_named(
    path: Path, tmp_path: Path, there: bool, problem: str
) -> None:
    if there:
        too_old(path)
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(HostError) as caught:
        find_emulator(ARCHES["x86_64"], None, Cache(tmp_path / "cache"), refuse)
    assert len(asked) == 1
    assert problem in asked[0]
    assert "fetch Debian's qemu-system-x86" in asked[0]
    assert "--yes" in str(caught.value)
    assert "build: its toolroot has QEMU" in str(caught.value)


def test_what_fetching_needs_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="apt-get is not installed"):
        find_emulator(ARCHES["riscv64"], None, Cache(tmp_path / "cache"), lambda question: True)


def test_a_chosen_one_that_will_not_do_is_not_replaced(path: Path, tmp_path: Path) -> None:
    too_old(path)
    with pytest.raises(HostError, match="too old"):
        find_emulator(ARCHES["x86_64"], path, Cache(tmp_path / "cache"), pytest.fail)
