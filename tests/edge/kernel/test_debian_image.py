"""Debian's own kernels through apt: three packages become an entry of the cache, or nothing does."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.kernel.elf_files import make_bzimage, make_module

from rustbed.arch import require_arch
from rustbed.cache import Cache
from rustbed.errors import HostError, MismatchError, UsageError
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.build import build_kernel
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")

RELEASE = "7.3.4+deb13-amd64"
MODULES = f"usr/lib/modules/{RELEASE}"
VERMAGIC = f"{RELEASE} SMP mod_unload "


def make_deb(directory: Path, name: str, files: Mapping[str, bytes]) -> None:
    root = directory / f"{name}-root"
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 7.3.4-1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    argv = ["dpkg-deb", "--build", str(root), str(directory / f"{name}.deb")]
    subprocess.run(argv, check=True, capture_output=True)


@pytest.fixture
def debs(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three packages of a kernel with two modules, one of which depends on the other."""
    directory = tmp_path / "debs"
    directory.mkdir()
    make_deb(directory, f"linux-binary-{RELEASE}", {f"{MODULES}/vmlinuz": make_bzimage(RELEASE)})
    make_deb(directory, f"linux-base-{RELEASE}", {f"{MODULES}/config": b"CONFIG_RUST=y\n"})
    modules = {
        "drivers/net/phy/qt2025.ko.xz": lzma.compress(make_module("qt2025", VERMAGIC, "libphy")),
        "drivers/net/phy/libphy.ko": make_module("libphy", VERMAGIC),
    }
    make_deb(
        directory,
        f"linux-modules-{RELEASE}",
        {f"{MODULES}/kernel/{name}": data for name, data in modules.items()},
    )
    monkeypatch.setenv("FAKE_DEB", str(directory))
    monkeypatch.setenv("FAKE_PACKAGES", f"linux-binary-{RELEASE} linux-binary-7.3.4+deb13-rt-amd64")
    return directory


def fetch(cache: Cache, toolchain: Toolchain, name: str = "debian-image:latest") -> Kernel:
    return build_kernel(
        name, require_arch("x86_64"), "default", toolchain=toolchain, cache=cache, report=ignore
    )


def entries(cache: Cache) -> list[Path]:
    return list((cache.root / "kernels").glob("*"))


def test_three_packages_become_a_kernel_that_is_fetched_once(
    debs: Path, calls: Path, cache: Cache, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = fetch(cache, toolchain)
    assert (kernel.release, kernel.source) == (RELEASE, "debian-image:latest")
    assert kernel.image.read_bytes() == make_bzimage(RELEASE)
    assert kernel.options == {"RUST": "y"}
    assert [module.name for module in kernel.load_order("qt2025")] == ["libphy", "qt2025"]
    assert kernel.modules["qt2025"].path.read_bytes() == make_module("qt2025", VERMAGIC, "libphy")
    assert kernel.vmlinux is None
    (entry,) = entries(cache)
    assert sorted(path.name for path in entry.iterdir()) == ["config", "manifest.json", "modules", "vmlinuz"]
    calls.write_text("")
    monkeypatch.setenv("FAKE_APT", "unreachable")
    assert fetch(cache, toolchain) == kernel
    assert calls.read_text() == ""


def test_an_image_that_was_damaged_is_fetched_again(debs: Path, cache: Cache, toolchain: Toolchain) -> None:
    kernel = fetch(cache, toolchain)
    kernel.image.chmod(0o644)
    kernel.image.write_bytes(b"junk")
    assert fetch(cache, toolchain) == kernel
    assert kernel.image.read_bytes() == make_bzimage(RELEASE)


def test_a_flavour_is_named_behind_the_version(debs: Path, cache: Cache, toolchain: Toolchain) -> None:
    with pytest.raises(UsageError, match="no kernel of the flavour 'cloud-amd64'") as caught:
        fetch(cache, toolchain, "debian-image:7.3.4/cloud-amd64")
    assert caught.value.facts["available"] == "amd64, rt-amd64"
    assert fetch(cache, toolchain, "debian-image:7.3.4/amd64").release == RELEASE


def test_a_version_that_is_gone_is_answered_with_what_there_is(
    debs: Path, cache: Cache, toolchain: Toolchain
) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(cache, toolchain, "debian-image:7.2")
    assert caught.value.facts["available"] == "7.3.4"


def test_a_kernel_without_rust_is_refused_and_not_kept(
    debs: Path, cache: Cache, toolchain: Toolchain
) -> None:
    shutil.rmtree(debs / f"linux-base-{RELEASE}-root")
    make_deb(debs, f"linux-base-{RELEASE}", {f"{MODULES}/config": b"CONFIG_MODULES=y\n"})
    with pytest.raises(MismatchError, match="built without Rust"):
        fetch(cache, toolchain)
    assert entries(cache) == []


def test_a_fetch_that_breaks_leaves_nothing_behind(
    debs: Path, cache: Cache, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APT", "breaks")
    with pytest.raises(HostError, match="broke off or was damaged"):
        fetch(cache, toolchain)
    assert entries(cache) == []


def test_a_package_that_is_arranged_otherwise_is_named(
    debs: Path, cache: Cache, toolchain: Toolchain
) -> None:
    shutil.rmtree(debs / f"linux-binary-{RELEASE}-root")
    make_deb(debs, f"linux-binary-{RELEASE}", {"boot/vmlinuz": make_bzimage(RELEASE)})
    with pytest.raises(HostError, match=f"package linux-binary-{RELEASE.replace('+', '.')}=7.3.4-1 has no"):
        fetch(cache, toolchain)
    assert entries(cache) == []
