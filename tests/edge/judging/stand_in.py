"""The fixture `vm` for scenes whose QEMU is the stand-in: their guest's shell is the host's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.machine.scene import BOOTS, FAKE, fake_spec

from rustbed import Vm
from rustbed.host import Qemu
from rustbed.image.initramfs import Image
from rustbed.plugin.fixtures import run_of
from rustbed.prepare import Platform
from rustbed.toolroot.toolchain import Toolchain

WARNING = "WARNING: drivers/toy/toy.c:88 at toy_{name}+0x2f/0x90, CPU#1: insmod/74"


def warn(vm: Vm, name: str) -> None:
    """Let the guest's kernel warn of a function."""
    vm.check(f"echo '<4>{WARNING.format(name=name)}' >/dev/kmsg")


@pytest.fixture
def vm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vm]:
    spec = fake_spec(tmp_path)
    for path in (spec.kernel.image, spec.initramfs):
        path.write_bytes(b"contents")
    env = {"FAKE_QEMU": BOOTS, "FAKE_KMSG": str(tmp_path / "kmsg")}
    platform = Platform(
        kernel=spec.kernel,
        image=Image(path=spec.initramfs, key="fake", spec="fake"),
        qemu=Qemu(program=(sys.executable, str(FAKE)), env=tuple(env.items()), version=(11, 1, 3)),
        compilers=lambda: Toolchain(root=None, versions=(), identity="fake"),
        accel="tcg",
    )
    with run_of(request).machine(platform, spec, from_boot=False) as machine:
        yield machine
