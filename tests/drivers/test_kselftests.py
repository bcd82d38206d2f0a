"""The kernel's selftests of what is written in Rust, compiled from its source and run in the guest.

The one of samples/rust is a script for bash and modprobe, which the image lacks;
it loads two modules, as test_rust_minimal.py and test_rust_print.py do.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.provided import missing

from rustbed import Vm
from rustbed.cache import Cache, default_root
from rustbed.host import native_arch
from rustbed.log.ktap import Outcome, parse_ktap
from rustbed.progress import ignore
from rustbed.toolroot.toolroot import open_toolchain

_BINDERFS = "tools/testing/selftests/filesystems/binderfs/binderfs_test.c"


@pytest.fixture
def binderfs_test(vm: Vm, tmp_path: Path) -> Path:
    """Compile the test as a static program with the C library of the toolroot."""
    cache, source = Cache(default_root()), vm.kernel.source_dir
    if source is None or not (source / _BINDERFS).is_file() or not any(cache.root.glob("toolroots/*")):
        missing(f"no kernel source with {_BINDERFS}, or no toolroot")
    if native_arch() != vm.kernel.arch:
        pytest.skip("the toolroot's C library is for the host's architecture")
    toolchain = open_toolchain("toolroot", cache, ignore)
    argv = ["clang", "-static", "-O1", "-pthread", "-I/src/tools/testing/selftests", f"/src/{_BINDERFS}"]
    command = toolchain.command(
        [*argv, "-o", "/work/binderfs_test"], binds=[(tmp_path, "/work")], read_only=[(source, "/src")]
    )
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "binderfs_test"


@pytest.mark.needs("CONFIG_ANDROID_BINDER_IPC_RUST")
@pytest.mark.arches("x86_64")
def test_binderfs(vm: Vm, binderfs_test: Path) -> None:
    vm.push(binderfs_test, "/tmp/binderfs_test", mode=0o755)
    report = parse_ktap(vm.run("/tmp/binderfs_test", timeout_s=60).output.splitlines())
    outcomes = {path[-1]: result for path, result in report.leaves()}
    privileged = outcomes.pop("global.binderfs_test_privileged")
    assert privileged.outcome is Outcome.PASS, privileged.log
    # two of the three begin with a socket pair, which takes CONFIG_UNIX
    if not vm.kernel.has("CONFIG_UNIX"):
        told = [
            line for result in outcomes.values() for line in result.log if "Failed to create socket" in line
        ]
        assert len(told) == len(outcomes) == 2
        return
    assert [name for name, result in outcomes.items() if result.is_red] == []
