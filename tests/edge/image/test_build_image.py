"""Making images with real processes, against programs that are shell scripts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.cpio import parse_cpio
from tests.edge.image.conftest import Fakes, KernelMaker

from rustbed.cache import Cache
from rustbed.errors import BuildError, HostError, SpecError
from rustbed.image.cpio import Kind, Member
from rustbed.image.initramfs import Image, build_image
from rustbed.kernel.artifact import Kernel
from rustbed.progress import Progress, ignore
from rustbed.toolroot.toolchain import Toolchain


class Builder:
    """Builds images in one cache."""

    def __init__(self, toolchain: Toolchain, root: Path) -> None:
        self.toolchain = toolchain
        self.cache = Cache(root)

    def __call__(self, kernel: Kernel, name: str = "default") -> Image:
        return build_image(name, kernel, toolchain=self.toolchain, cache=self.cache, report=ignore)


@pytest.fixture
def build(toolchain: Toolchain, tmp_path: Path, fakes: Fakes) -> Builder:
    assert fakes.calls("clang") == 0
    return Builder(toolchain, tmp_path / "cache")


def members(image: Image) -> dict[str, Member]:
    return {member.name: member for member in parse_cpio(image.path.read_bytes())}


def test_image_holds_init_busybox_rbctl_and_stripped_modules(
    build: Builder, make_kernel: KernelMaker
) -> None:
    found = members(build(make_kernel(rust_minimal="minimal")))
    assert (found["init"].mode, found["init"].data[:10]) == (0o755, b"#!/bin/sh\n")
    assert (found["bin/busybox"].mode, found["bin/busybox"].data) == (0o755, b"busybox\n")
    assert (found["bin/rbctl"].mode, found["bin/rbctl"].data) == (0o755, b"rbctl\n")
    assert (found["bin/sh"].kind, found["bin/sh"].data) == (Kind.SYMLINK, b"busybox")
    assert found["lib/modules/rust_minimal.ko"].data == b"minimal\n"
    assert (found["dev/console"].kind, found["dev/console"].major, found["dev/console"].minor) == (
        Kind.CHARACTER_DEVICE,
        5,
        1,
    )
    assert found["etc/rustbed/early-modules"].data == b""


def test_second_call_starts_no_program(build: Builder, make_kernel: KernelMaker, fakes: Fakes) -> None:
    kernel = make_kernel(a="a", b="b")
    first = build(kernel)
    before = (fakes.home / "calls").read_text()
    assert build(kernel) == first
    assert (fakes.home / "calls").read_text() == before


def test_image_made_twice_is_the_same_bytes(
    build: Builder, make_kernel: KernelMaker, toolchain: Toolchain, tmp_path: Path
) -> None:
    kernel = make_kernel(a="a", b="b")
    again = Builder(toolchain, tmp_path / "another cache")
    assert build(kernel).path.read_bytes() == again(kernel).path.read_bytes()
    assert build(kernel).key == again(kernel).key


def test_changed_module_is_the_only_one_stripped_again(
    build: Builder, make_kernel: KernelMaker, fakes: Fakes
) -> None:
    old = build(make_kernel("k1", a="a", b="b", c="c"))
    assert fakes.calls("llvm-objcopy") == 3
    new = build(make_kernel("k2", a="a", b="edited", c="c"))
    assert fakes.calls("llvm-objcopy") == 4
    assert (fakes.calls("clang"), fakes.calls("make")) == (1, 1)
    assert members(old)["lib/modules/b.ko"].data == b"b\n"
    assert members(new)["lib/modules/b.ko"].data == b"edited\n"


def test_later_images_need_no_network(build: Builder, make_kernel: KernelMaker, fakes: Fakes) -> None:
    build(make_kernel("k1"))
    fakes.switch("offline")
    build(make_kernel("k2"))


def test_damaged_image_is_made_again(build: Builder, make_kernel: KernelMaker) -> None:
    kernel = make_kernel(a="a")
    image = build(kernel)
    whole = image.path.read_bytes()
    image.path.write_bytes(whole[:500] + b"\xff" + whole[501:])
    assert build(kernel).path.read_bytes() == whole


def test_damaged_parts_are_made_again(build: Builder, make_kernel: KernelMaker, fakes: Fakes) -> None:
    whole = build(make_kernel("k1", a="a")).path.read_bytes()
    for name in ("busybox", "rbctl", "module.ko"):
        (found,) = (path for path in build.cache.root.rglob(name) if path.is_file())
        found.write_bytes(b"x")
    assert build(make_kernel("k2", a="a")).path.read_bytes() == whole
    assert (fakes.calls("clang"), fakes.calls("llvm-objcopy")) == (2, 2)


def test_early_modules_come_with_what_they_need_in_loading_order(
    build: Builder, make_kernel: KernelMaker, tmp_path: Path
) -> None:
    kernel = make_kernel(
        needs={"virtio_pci": ("virtio", "virtio_ring"), "virtio": ("virtio_ring",)},
        virtio="1",
        virtio_ring="2",
        virtio_pci="3",
        rust_minimal="4",
    )
    spec = tmp_path / "few.yaml"
    spec.write_text(
        "busybox: busybox-static\ninit: init\nrbctl: rbctl\n"
        "modules: [rust-minimal]\nearly_modules: [virtio-pci, virtio_console]\n"
    )
    found = members(build(kernel, str(spec)))
    assert found["etc/rustbed/early-modules"].data == b"virtio_ring\nvirtio\nvirtio_pci\n"
    modules = [name.rpartition("/")[2] for name in found if name.endswith(".ko")]
    assert modules == ["rust_minimal.ko", "virtio.ko", "virtio_pci.ko", "virtio_ring.ko"]


def test_module_that_the_kernel_lacks_is_named_with_its_choices(
    build: Builder, make_kernel: KernelMaker, tmp_path: Path
) -> None:
    spec = tmp_path / "few.yaml"
    spec.write_text("busybox: busybox-static\ninit: init\nrbctl: rbctl\nmodules: [rust_minimum]\n")
    with pytest.raises(SpecError, match=r"few\.yaml: kernel 7\.3\.4 for arm64 has no module") as caught:
        build(make_kernel(rust_minimal="x"), str(spec))
    assert (caught.value.key, caught.value.choices) == ("modules", ("rust_minimal",))


def test_unreachable_mirror_is_named_and_the_next_try_succeeds(
    build: Builder, make_kernel: KernelMaker, fakes: Fakes
) -> None:
    fakes.switch("offline")
    with pytest.raises(
        HostError, match="fetching busybox-static for arm64: the Debian mirror cannot be reached"
    ):
        build(make_kernel())
    assert [path.name for path in (build.cache.root / "packages").iterdir()] == []
    fakes.switch("offline", on=False)
    build(make_kernel())


def test_full_disk_is_named(build: Builder, make_kernel: KernelMaker, fakes: Fakes) -> None:
    fakes.switch("full")
    with pytest.raises(HostError, match="fetching busybox-static for arm64: no space left") as caught:
        build(make_kernel())
    assert "rustbed clean" in str(caught.value)
    assert [path.name for path in (build.cache.root / "packages").iterdir()] == []


def test_package_without_busybox_is_named(build: Builder, make_kernel: KernelMaker, fakes: Fakes) -> None:
    fakes.switch("hollow")
    with pytest.raises(HostError, match=r"busybox-static 1:1\.0-1 has no busybox in it"):
        build(make_kernel())


def test_compiler_error_is_shown_with_the_command_to_repeat(
    build: Builder, make_kernel: KernelMaker, fakes: Fakes
) -> None:
    fakes.switch("typo")
    with pytest.raises(BuildError, match="compiling rbctl for arm64 failed") as caught:
        build(make_kernel())
    assert "steps.c:3:1: error: unknown type name 'inth'" in str(caught.value)
    assert "clang --target=aarch64-linux-gnu" in str(caught.value)


def test_headers_that_cannot_be_exported_are_a_build_error(
    build: Builder, make_kernel: KernelMaker, fakes: Fakes
) -> None:
    fakes.switch("no-headers")
    with pytest.raises(BuildError, match="exporting the kernel's headers for arm64 failed"):
        build(make_kernel())


def test_file_that_is_no_module_is_named(build: Builder, make_kernel: KernelMaker) -> None:
    kernel = make_kernel(a="a")
    kernel.modules["a"].path.write_text("something else")
    with pytest.raises(BuildError, match="stripping module a of its debug information failed") as caught:
        build(kernel)
    assert str(kernel.modules["a"].path) in str(caught.value)


@pytest.mark.parametrize("has", ["no sources", "sources without nolibc"])
def test_kernel_without_nolibc_takes_another_trees(
    build: Builder, make_kernel: KernelMaker, toolchain: Toolchain, tmp_path: Path, has: str
) -> None:
    kernel = make_kernel(a="a")
    bare = dataclasses.replace(kernel, source_dir=None if has == "no sources" else tmp_path)
    image = build_image(
        "default",
        bare,
        toolchain=toolchain,
        cache=build.cache,
        report=ignore,
        nolibc_source=kernel.source_dir,
    )
    assert image == build(kernel)


def test_progress_is_reported_to_the_end(
    toolchain: Toolchain, make_kernel: KernelMaker, tmp_path: Path, fakes: Fakes
) -> None:
    seen: list[Progress] = []
    build_image(
        "default", make_kernel(), toolchain=toolchain, cache=Cache(tmp_path / "cache"), report=seen.append
    )
    assert {progress.what for progress in seen if not progress.finished} == {
        progress.what for progress in seen if progress.finished
    }
    assert seen[-1].what == "image default for 7.3.4 arm64"
    assert fakes.calls("clang") == 1
