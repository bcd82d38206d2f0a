"""Which gdb is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.arch import ARCHES
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.repro.gdb_program import find_gdb


def install(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have nothing on PATH but what the test puts there, on a host of x86_64."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return programs


@pytest.mark.parametrize(
    ("name", "there", "taken"),
    [
        ("x86_64", ("gdb", "gdb-multiarch"), "gdb"),
        ("x86_64", ("gdb-multiarch",), "gdb-multiarch"),
        ("arm64", ("gdb", "gdb-multiarch"), "gdb-multiarch"),
    ],
)
def test_the_hosts_is_taken_if_it_knows_the_architecture(
    path: Path, tmp_path: Path, name: str, there: tuple[str, ...], taken: str
) -> None:
    install(path, *there)
    assert find_gdb(ARCHES[name], Cache(tmp_path / "cache"), print) == (str(path / taken),)


def test_one_that_cannot_be_had_is_named_with_its_package(path: Path, tmp_path: Path) -> None:
    install(path, "gdb")
    said: list[str] = []
    with pytest.raises(HostError) as caught:
        find_gdb(ARCHES["riscv64"], Cache(tmp_path / "cache"), said.append)
    assert "apt-get install gdb-multiarch" in str(caught.value)
    assert said == [
        "  note    no gdb for riscv64 here: Debian's gdb-multiarch is fetched into the cache, once"
    ]
