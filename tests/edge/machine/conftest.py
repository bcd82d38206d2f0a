"""Machines whose QEMU is the stand-in in tests/edge/fakes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.edge.machine.scene import FAKE, Scene, fake_spec

from rustbed.host import Qemu
from rustbed.machine.booting import boot
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.machine.watching import Patience

Booter = Callable[..., AbstractContextManager[Vm]]


@pytest.fixture
def spec(tmp_path: Path) -> MachineSpec:
    return fake_spec(tmp_path)


@pytest.fixture
def fake_boot(spec: MachineSpec, tmp_path: Path) -> Booter:
    """Boot a machine that acts as its words say; silence and deadlines are a few tenths of a second."""

    def booted(
        *acts: str,
        slowness: float = 0.1,
        unanswered_s: float = 30.0,
        idle_s: float = 60.0,
        version: tuple[int, ...] = (11, 1, 3),
    ) -> AbstractContextManager[Vm]:
        env = (("FAKE_QEMU", " ".join(acts)), ("FAKE_KMSG", str(tmp_path / "kmsg")))
        qemu = Qemu(program=(sys.executable, str(FAKE)), env=env, version=version)
        patience = Patience(silence_s=2.0, idle_s=idle_s, unanswered_s=unanswered_s)
        return boot(spec, qemu, tmp_path / "run", slowness=slowness, patience=patience)

    return booted


@pytest.fixture
def scene(tmp_path: Path, spec: MachineSpec) -> Scene:
    for path in (spec.kernel.image, spec.initramfs):
        path.write_bytes(b"contents")
    return Scene(tmp_path, spec)
