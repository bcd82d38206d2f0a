"""Clippy comes from Debian when somebody lints, in the version of the toolroot's rustc."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.progress import Progress, ignore
from rustbed.toolroot.clippy import find_clippy
from rustbed.toolroot.toolchain import Toolchain

# stands in for bubblewrap with apt-get and dpkg-deb in it; what goes wrong is in $FAKE_APT
BWRAP = r"""#!/usr/bin/env python3
import json, os, sys
from pathlib import Path

words = sys.argv[1:]
work = Path(words[words.index("/work") - 1])
with Path(os.environ["FAKE_CALLS"]).open("a") as calls:
    calls.write(json.dumps(words[words.index("--chdir") + 2 :]) + "\n")
if "update" in words:
    with Path(os.environ["FAKE_CALLS"]).open("a") as calls:
        calls.write(json.dumps((work / "sources.list").read_text()) + "\n")
    if os.environ.get("FAKE_APT") == "unreachable":
        sys.exit("Err:1 http://mirror.invalid InRelease\n  Could not resolve 'mirror.invalid'")
elif "download" in words:
    if os.environ.get("FAKE_APT") == "newer":
        sys.exit("E: Version '1.96.1-1' for 'rust-clippy' was not found")
    (work / "rust-clippy_1.96.1-1_amd64.deb").touch()
elif "-x" in words:
    (work / "root/usr/bin").mkdir(parents=True)
    (work / "root/usr/bin/clippy-driver").touch()
elif "-f" in words:
    print("1.96.1-1")
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin/bwrap"
    program.parent.mkdir()
    program.write_text(BWRAP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("RUSTBED_MIRROR", "http://mirror.invalid/debian")
    return tmp_path / "calls"


@pytest.fixture
def toolroot(tmp_path: Path) -> Toolchain:
    status = tmp_path / "root/var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text("Package: rustc\nVersion: 1.96.1-1\n")
    return Toolchain(root=tmp_path / "root", versions=(), identity="")


def test_the_version_of_the_toolroots_rustc_is_fetched_once(
    calls: Path, toolroot: Toolchain, cache: Cache
) -> None:
    reports: list[Progress] = []
    clippy = find_clippy(toolroot, cache, reports.append)
    assert (clippy.program, clippy.version) == ("/work/usr/bin/clippy-driver", "1.96.1-1")
    ((root, seen),) = clippy.binds
    assert (root / "usr/bin/clippy-driver").is_file()
    assert seen == "/work"
    said = [json.loads(line) for line in calls.read_text().splitlines()]
    assert [words[-2:] for words in said if "download" in words] == [["download", "rust-clippy=1.96.1-1"]]
    assert "http://mirror.invalid/debian trixie-backports main\n" in said[1]
    assert reports[-1].finished
    assert find_clippy(toolroot, cache, ignore) == clippy
    assert len(calls.read_text().splitlines()) == len(said)


CAUSES = {
    "unreachable": "fetching rust-clippy 1.96.1-1 for .*: the Debian mirror cannot be reached",
    "newer": "fetching rust-clippy 1.96.1-1 for .*: Debian has a newer version, and no longer this one",
}


@pytest.mark.parametrize("trouble", CAUSES)
def test_why_there_is_none_is_said(
    calls: Path, toolroot: Toolchain, cache: Cache, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setenv("FAKE_APT", trouble)
    with pytest.raises(HostError, match=CAUSES[trouble]) as caught:
        find_clippy(toolroot, cache, ignore)
    assert caught.value.facts["fix"]
    monkeypatch.delenv("FAKE_APT")
    assert find_clippy(toolroot, cache, ignore).version == "1.96.1-1"


def test_a_host_without_clippy_is_told_the_package(
    cache: Cache, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="clippy-driver") as caught:
        find_clippy(toolchain, cache, ignore)
    assert "rust-clippy" in str(caught.value)
