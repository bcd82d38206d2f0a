"""What this host can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed import host
from rustbed.arch import ARCHES
from rustbed.errors import HostError, UsageError


def qemu(directory: Path, version: str) -> Path:
    path = directory / "qemu-system-x86_64"
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)\nCopyright", (11, 1, 3)),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", (7, 2, 22)),
    ],
)
def test_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert host.parse_qemu_version(text) == version


@pytest.mark.parametrize("text", ["", "qemu-img version 11.1.3", "QEMU emulator version x"])
def test_what_is_no_qemu_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a QEMU"):
        host.parse_qemu_version(text)


def test_old_qemu_is_refused_with_the_minimum(tmp_path: Path) -> None:
    chosen = qemu(tmp_path, "QEMU emulator version 7.2.22 (Debian)")
    with pytest.raises(HostError, match=r"QEMU 7\.2\.22 is too old, 10\.0 is needed"):
        host.find_qemu(ARCHES["x86_64"], toolroot=None, chosen=chosen)


def test_qemu_whose_version_is_known_is_not_asked_and_must_be_new_enough(tmp_path: Path) -> None:
    chosen = qemu(tmp_path, "nothing that it says")
    assert host.find_qemu(ARCHES["x86_64"], toolroot=None, chosen=chosen, version=(11, 1, 3)).version == (
        11,
        1,
        3,
    )
    with pytest.raises(HostError, match="is too old"):
        host.find_qemu(ARCHES["x86_64"], toolroot=None, chosen=chosen, version=(9, 2, 0))


def test_binary_or_directory_may_be_chosen(tmp_path: Path) -> None:
    chosen = qemu(tmp_path, "QEMU emulator version 10.0.13 (Debian)")
    for given in (chosen, tmp_path):
        found = host.find_qemu(ARCHES["x86_64"], toolroot=None, chosen=given)
        assert (found.program, found.version) == ((str(chosen),), (10, 0, 13))


def test_chosen_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an executable file"):
        host.find_qemu(ARCHES["x86_64"], toolroot=None, chosen=tmp_path / "nothing")


def test_missing_qemu_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="qemu-system-riscv64 is not installed") as caught:
        host.find_qemu(ARCHES["riscv64"], toolroot=None)
    assert "apt-get install" in str(caught.value)


def test_toolroot_without_qemu_says_how_to_make_it_anew(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="has no qemu-system-aarch64"):
        host.find_qemu(ARCHES["arm64"], toolroot=tmp_path)


def test_kvm_is_inconceivable_for_a_foreign_architecture() -> None:
    foreign = [arch for arch in ARCHES.values() if arch.name not in ("x86_64", "arm64")]
    assert [host.kvm_is_conceivable(arch) for arch in foreign] == [False] * len(foreign)


def test_workers_are_limited_by_memory_and_cores() -> None:
    assert host.worker_limit(1) <= host.cores()
    assert host.worker_limit(10**9) == 1
    assert host.worker_limit(10**9, per_core=2) == 1


@pytest.mark.parametrize(("cores", "workers"), [(1, (1, 2)), (2, (2, 4))])
def test_there_may_be_more_workers_than_cores(
    cores: int, workers: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "available_memory_mib", lambda: 10**6)
    monkeypatch.setattr(host, "cores", lambda: cores)
    assert (host.worker_limit(1), host.worker_limit(1, per_core=2)) == workers


@pytest.mark.parametrize(
    ("uname", "name"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("riscv64", "riscv64"), ("ppc", None)]
)
def test_the_hosts_architecture_is_known_by_what_uname_says(
    monkeypatch: pytest.MonkeyPatch, uname: str, name: str | None
) -> None:
    monkeypatch.setattr("platform.machine", lambda: uname)
    native = host.native_arch()
    assert (native and native.name) == name


def test_programs_of_the_toolroot_find_the_libraries_of_the_hosts_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for path in (tmp_path / "lib/ld-linux-aarch64.so.1", tmp_path / "usr/bin/gdb"):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert f"{tmp_path}/usr/lib/aarch64-linux-gnu" in host.program_in(tmp_path, "gdb")
