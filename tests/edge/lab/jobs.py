"""Jobs that a KernelCI offers, and a lab that runs them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.edge.lab.conftest import TOKEN, KernelCi
from tests.unit.kernel.elf_files import make_bzimage, make_module

# runs without a machine: what a lab does about tests is not what they do
TESTS = """
from pathlib import Path
import pytest

def test_is_given_the_jobs_kernel(request):
    directory = Path(request.config.getoption("--rustbed-kernel").partition(":")[2])
    assert (directory / "image").is_file()
    assert sorted(path.name for path in (directory / "modules").iterdir()) == ["rust_minimal.ko"]

def test_is_red():
    assert "this" == "that"

@pytest.mark.skip(reason="not here")
def test_is_skipped():
    pass
"""

KILLS = """
import os, signal

def test_kills_the_lab():
    os.kill(os.getppid(), signal.SIGKILL)
"""

BREAKS = """
import urllib.request

def test_passes():
    urllib.request.urlopen("ADDRESS/storage/break")
"""


def modules_tar(names: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:xz") as tar:
        for name, data in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return sink.getvalue()


MODULES = modules_tar({"lib/modules/7.3.4/kernel/samples/rust/rust_minimal.ko": make_module()})


def offer(
    kernelci: KernelCi, name: str, arch: str = "x86_64", modules: bytes = MODULES, **more: object
) -> None:
    kernelci.files |= {f"/storage/{name}/bzImage": make_bzimage(), f"/storage/{name}/modules.tar.xz": modules}
    base = f"{kernelci.address}/storage/{name}"
    artifacts = {"kernel": f"{base}/bzImage", "modules": f"{base}/modules.tar.xz"}
    kernelci.add_job(name, artifacts=artifacts, environment={"arch": "x86_64", "platform": "qemu"}, **more)


def lab(
    kernelci: KernelCi, directory: Path, *words: str, tests: str = TESTS
) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(tests)
    words = ("--runtime", "rustbed-lab", "--once", "test_it.py", "-p", "no:cacheprovider", *words)
    return subprocess.run(
        [sys.executable, "-m", "rustbed.cli", "lab", "--kernelci", f"{kernelci.address}/latest", *words],
        cwd=directory,
        env={**os.environ, "KERNELCI_API_TOKEN": TOKEN, "KCIDB_JWT": TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )
