"""The kernel's selftests of what is written in Rust, taken from its source and run in the guest.

That of the samples is a script for bash and for a modprobe that can pretend (-n), which busybox' cannot: both
are Debian's, fetched when first wanted, and pushed into the guest.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.provided import missing

from rustbed import Vm
from rustbed.cache import Cache, default_root
from rustbed.errors import HostError
from rustbed.guest.modules import PLACE
from rustbed.host import native_arch
from rustbed.log.ktap import Outcome, parse_ktap
from rustbed.progress import ignore
from rustbed.toolroot.packages import Package, fetch_package
from rustbed.toolroot.toolroot import open_toolchain

_SELFTESTS = "tools/testing/selftests"
_SAMPLES = "rust/test_probe_samples.sh"
# what the script runs besides, as it is found in PATH
_APPLETS = ("dirname", "readlink", "uname")
# what kmod and its libcrypto are linked with
_LIBRARIES = ("libcrypto.so.3", "libz.so.1", "libzstd.so.1", "libc.so.6")
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


def fetch(name: str, *, with_dependencies: bool = False) -> Package:
    """Return a package for x86_64, fetched when first wanted; skip the test if that cannot be done."""
    cache = Cache(default_root())
    if not any(cache.root.glob("toolroots/*")):
        missing("no toolroot")
    try:
        return fetch_package(
            name,
            "amd64",
            toolchain=open_toolchain("toolroot", cache, ignore),
            cache=cache,
            report=ignore,
            with_dependencies=with_dependencies,
        )
    except HostError as error:
        pytest.skip(error.headline)


@pytest.fixture
def tools(vm: Vm) -> None:
    """Put bash, kmod and what it is linked with into the guest, and let it index the modules."""
    bash, kmod = fetch("bash-static"), fetch("kmod", with_dependencies=True)
    vm.push(bash.root / "usr/bin/bash-static", "/bin/bash", mode=0o755)
    vm.push(kmod.root / "usr/bin/kmod", "/sbin/modprobe", mode=0o755)
    found = kmod.root / "usr/lib/x86_64-linux-gnu"
    vm.push((found / "ld-linux-x86-64.so.2").resolve(), "/lib64/ld-linux-x86-64.so.2", mode=0o755)
    for name in _LIBRARIES:
        vm.push((found / name).resolve(), f"/lib/x86_64-linux-gnu/{name}", mode=0o755)
    for name in _APPLETS:
        vm.check(f"[ -e /bin/{name} ] || ln -s busybox /bin/{name}")
    here = f"{PLACE}/{vm.kernel.release}"
    vm.check(f"mkdir -p {here} && cp {PLACE}/rust_minimal.ko {PLACE}/rust_print.ko {here}")
    vm.check("ln -s modprobe /sbin/depmod && /sbin/depmod", timeout_s=30)


@pytest.mark.usefixtures("tools")
@pytest.mark.needs("rust_minimal", "rust_print")
@pytest.mark.arches("x86_64")
def test_rust(vm: Vm) -> None:
    source = vm.kernel.source_dir
    if source is None or not (source / _SELFTESTS / _SAMPLES).is_file():
        missing(f"no kernel source with {_SAMPLES}")
    for file in (_SAMPLES, "kselftest/ktap_helpers.sh"):
        vm.push(source / _SELFTESTS / file, f"/selftests/{file}", mode=0o755)
    done = vm.run(f"/selftests/{_SAMPLES}", timeout_s=60)
    report = parse_ktap(done.output.splitlines())
    # its cases are cases of the results file
    vm.live.reported.append(replace(report, name="kselftest_rust"))
    outcomes = {result.name: result.outcome for _, result in report.leaves()}
    assert (done.status, outcomes) == (0, {"rust_minimal": Outcome.PASS, "rust_print": Outcome.PASS})
    # the script does not look whether they could be unloaded
    gone = [record.text.partition(": ")[2] for record in vm.log.matching(r"sample \(exit\)")]
    assert gone == ["Rust minimal sample (exit)", "Rust printing macros sample (exit)"]
