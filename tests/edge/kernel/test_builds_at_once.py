"""Builds that are killed, run beside each other, or whose source changes meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.edge.kernel.made import Builder, entries, notes
from tests.processes import wait_until

from rustbed.cache import Cache
from rustbed.progress import Progress

BUILD = """
import sys
from pathlib import Path
from rustbed.arch import require_arch
from rustbed.cache import Cache
from rustbed.kernel.build import build_kernel
from rustbed.toolroot.toolchain import Toolchain
from rustbed.progress import ignore
versions = {"rustc": "1.96.1", "clang": "19.1.7", "bindgen": "0.71.1", "ld.lld": "19.1.7"}
versions["llvm-objcopy"] = "19.1.7"
toolchain = Toolchain(root=None, versions=tuple(versions.items()), identity="fake")
kernel = build_kernel(f"tree:{sys.argv[1]}", require_arch("x86_64"), "default", toolchain=toolchain,
                      cache=Cache(Path(sys.argv[2])), report=ignore)
print(kernel.key)
"""


def start_build(tree: Path, cache: Cache, **env: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", BUILD, str(tree), str(cache.root)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, **env})


def test_a_killed_build_goes_on_where_it_was(build: Builder, tree: Path, cache: Cache) -> None:
    (tree / "slow").write_text("")
    # it does not come to the next module
    process = start_build(tree, cache, FAKE_MAKE_SLEEPS="600")
    made = "samples/rust_minimal.ko"

    def is_known() -> bool:
        # the module is there, and what make said of it has been read
        logged = any(made in log.read_text() for log in cache.root.glob("logs/kernel-*.log"))
        return logged and any(cache.root.glob(f"builds/*/{made}"))

    wait_until(is_known, f"make makes {made}")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    reports: list[Progress] = []
    kernel = build(report=reports.append)
    assert sorted(kernel.modules) == ["rust_minimal", "rust_print"]
    assert notes(cache).count(made) == 1
    # the bar goes on as well
    assert min(report.done for report in reports if report.detail == "samples/rust_print.ko") == 2
    assert not any(name.startswith(".") for name in entries(cache))


def test_two_processes_build_one_kernel(calls: Path, tree: Path, cache: Cache) -> None:
    (tree / "slow").write_text("")
    both = [start_build(tree, cache) for _ in range(2)]
    answers = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1]
    assert notes(cache).count("make") == 1


def test_an_edit_during_the_build_is_in_the_kernel(build: Builder, tree: Path) -> None:
    (tree / "slow").write_text("")
    edited = False

    def edit(progress: Progress) -> None:
        nonlocal edited
        if progress.detail == "samples/rust_print.ko" and not edited:
            edited = True
            (tree / "samples/rust_minimal.rs").write_text("module, edited meanwhile!")

    kernel = build(report=edit)
    assert b"meanwhile" in kernel.modules["rust_minimal"].path.read_bytes()
