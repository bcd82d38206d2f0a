"""A toolroot is there whole or not at all, whatever happens to the download."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.processes import is_running

from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.progress import Progress, ignore
from rustbed.toolroot.toolroot import open_toolchain

OPEN = """
import sys
from pathlib import Path
from rustbed.cache import Cache
from rustbed.toolroot.toolroot import open_toolchain
from rustbed.progress import ignore
print(open_toolchain("toolroot", Cache(Path(sys.argv[1])), ignore).identity)
"""


def leftovers(cache: Cache) -> list[str]:
    directory = cache.root / "toolroots"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def start_opening(cache: Cache) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", OPEN, str(cache.root)], stdout=subprocess.PIPE)


def test_a_toolroot_is_made_once(calls: Path, cache: Cache) -> None:
    reports: list[Progress] = []
    toolchain = open_toolchain("toolroot", cache, reports.append)
    assert toolchain.root is not None
    assert (toolchain.root / "usr/bin/clang").is_file()
    assert (toolchain.root / "build").is_dir()
    assert not (toolchain.root / "dev/null").exists()
    assert toolchain.version("rustc") == "9.9.9"
    assert reports[-1].finished
    assert open_toolchain("toolroot", cache, ignore) == toolchain
    assert calls.read_text().split().count("mmdebstrap") == 1


def test_the_manifest_has_the_exact_packages(calls: Path, cache: Cache) -> None:
    open_toolchain("toolroot", cache, ignore)
    (key,) = leftovers(cache)
    facts = cache.find("toolroots", key)
    assert facts is not None
    assert facts["packages"] == {"clang": "1:19.0-63", "rustc": "1.96.1-1"}


@pytest.mark.parametrize("mode", ["breaks", "cut off"])
def test_a_download_that_breaks_leaves_nothing_behind(
    calls: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("FAKE_MMDEBSTRAP", mode)
    with pytest.raises(HostError, match="the download broke off") as caught:
        open_toolchain("toolroot", cache, ignore)
    assert Path(str(caught.value.facts["log"])).read_text()
    assert caught.value.facts["fix"]
    assert leftovers(cache) == []
    monkeypatch.delenv("FAKE_MMDEBSTRAP")
    assert open_toolchain("toolroot", cache, ignore).root is not None


def test_a_damaged_toolroot_is_made_again(calls: Path, cache: Cache) -> None:
    root = open_toolchain("toolroot", cache, ignore).root
    assert root is not None
    (root / "usr/bin/clang").write_bytes(b"")
    open_toolchain("toolroot", cache, ignore)
    assert (root / "usr/bin/clang").stat().st_size == 50_000
    assert calls.read_text().split().count("mmdebstrap") == 2


def test_two_processes_make_one_toolroot(calls: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MMDEBSTRAP", "takes its time")
    both = [start_opening(cache) for _ in range(2)]
    answers = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1]
    assert calls.read_text().split().count("mmdebstrap") == 1


def test_a_killed_run_is_followed_by_a_good_one(
    calls: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MMDEBSTRAP", "slow")
    mark = Path(f"{calls}.slow")
    process = start_opening(cache)
    deadline = time.monotonic() + 120
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int(mark.read_text())
    process.kill()
    process.communicate()
    while is_running(child):
        assert time.monotonic() < deadline, "mmdebstrap outlived us"
        time.sleep(0.02)
    assert process.returncode == -signal.SIGKILL
    monkeypatch.delenv("FAKE_MMDEBSTRAP")
    open_toolchain("toolroot", cache, ignore)
    (entry,) = leftovers(cache)
    assert not entry.startswith(".")


def test_a_missing_program_comes_with_its_package(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError) as caught:
        open_toolchain("toolroot", cache, ignore)
    assert caught.value.facts["fix"] == "apt-get install mmdebstrap"
    assert leftovers(cache) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_small_disk_is_noticed_before_anything_is_fetched(calls: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this root may not mount")
    try:
        with pytest.raises(HostError, match=r"0\.0 GiB free in .*, 4 GiB needed") as caught:
            open_toolchain("toolroot", Cache(disk / "cache"), ignore)
        assert "rustbed clean" in str(caught.value.facts["fix"])
        assert calls.read_text() == ""
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_is_called_that(
    calls: Path, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    tar = tmp_path / "bin/tar"
    tar.write_text("#!/bin/sh\nhead -c 1000 >/dev/null\necho 'tar: x: No space left on device' >&2\nexit 2\n")
    tar.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    with pytest.raises(HostError, match="no space left"):
        open_toolchain("toolroot", cache, ignore)
    assert leftovers(cache) == []


def test_the_hosts_shortcomings_are_listed_together(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("setpriv", "sh"):
        if path := shutil.which(name):
            (tmp_path / name).symlink_to(path)
    rustc = tmp_path / "rustc"
    rustc.write_text("#!/bin/sh\necho 'rustc 1.63.0'\n")
    rustc.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError) as caught:
        open_toolchain("host", cache, ignore)
    assert caught.value.facts["rustc"] == "1.63.0 is too old, 1.85.0 or newer needed"
    assert caught.value.facts["clang"] == "missing, 17.0.1 or newer needed"
    assert "bindgen" in str(caught.value.facts["fix"])
