"""Format and style of a driver, with stand-ins for rustfmt and checkpatch."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import HostError, UsageError
from rustbed.kernel.style import can_check_style, check_format, check_style, require_sources
from rustbed.toolroot.toolchain import Toolchain

HOST = Toolchain(root=None, versions=(), identity="")


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    (tmp_path / "driver/deep").mkdir(parents=True)
    for name in ("toy.rs", "deep/regs.rs", "glue.c", "Kbuild"):
        (tmp_path / "driver" / name).touch()
    return tmp_path / "driver"


@pytest.fixture
def rustfmt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a rustfmt on PATH, which does what the test writes into it."""
    program = tmp_path / "bin/rustfmt"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def test_sources_are_found_wherever_they_are(driver: Path) -> None:
    names = [str(path.relative_to(driver)) for path in require_sources(driver)]
    assert names == ["deep/regs.rs", "glue.c", "toy.rs"]


def test_a_directory_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no sources in"):
        require_sources(tmp_path / "nothing")


def test_rustfmt_gets_the_kernels_settings_and_the_rust_sources(
    driver: Path, rustfmt: Path, tmp_path: Path
) -> None:
    rustfmt.write_text('#!/bin/sh\necho "$@"; exit 1\n')
    said = check_format(require_sources(driver), driver, tmp_path / "linux", HOST).split()
    assert said[said.index("--config-path") + 1] == f"{tmp_path}/linux/.rustfmt.toml"
    assert said[-2:] == [f"{driver}/deep/regs.rs", f"{driver}/toy.rs"]


def test_a_rustfmt_that_is_content_has_no_remarks(driver: Path, rustfmt: Path, tmp_path: Path) -> None:
    assert check_format(require_sources(driver), driver, tmp_path, HOST) == ""


def test_a_rustfmt_that_fails_is_no_clean_driver(driver: Path, rustfmt: Path, tmp_path: Path) -> None:
    rustfmt.write_text("#!/bin/sh\necho broken >&2; exit 101\n")
    with pytest.raises(HostError, match=r"status 101(.|\n)*broken"):
        check_format(require_sources(driver), driver, tmp_path, HOST)


@pytest.mark.skipif(not can_check_style(), reason="this host has no perl, or not all of it")
def test_checkpatch_is_the_kernels_own(driver: Path, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/checkpatch.pl").write_text('print "$_\\n" for @ARGV; exit 1;')
    assert check_style(require_sources(driver), tmp_path).splitlines()[-3:] == [
        f"{driver}/deep/regs.rs",
        f"{driver}/glue.c",
        f"{driver}/toy.rs",
    ]
