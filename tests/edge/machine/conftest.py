"""Machines whose QEMU is the stand-in in tests/edge/fakes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.edge.machine.scene import FAKE, Scene, fake_spec

from rustbed.host import Qemu
from rustbed.machine.booting import SLOWNESS, boot
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.machine.watching import Patience

Booter = Callable[..., AbstractContextManager[Vm]]


@pytest.fixture
def spec(tmp_path: Path) -> MachineSpec:
    return fake_spec(tmp_path)


@pytest.fixture
def fake_boot(spec: MachineSpec, tmp_path: Path) -> Booter:
    """Boot a machine that acts as its words say.

    Deadlines are a few tenths of a second. Seconds of silence are meant as they are, and are long: a busy
    host starts the stand-in late.
    """

    def booted(
        *acts: str,
        slowness: float = 0.2,
        unanswered_s: float = 30.0,
        silence_s: float = 60.0,
        idle_s: float = 60.0,
        version: tuple[int, ...] = (11, 1, 3),
        spec: MachineSpec = spec,
    ) -> AbstractContextManager[Vm]:
        env = (("FAKE_QEMU", " ".join(acts)), ("FAKE_KMSG", str(tmp_path / "kmsg")))
        qemu = Qemu(program=(sys.executable, str(FAKE)), env=env, version=version)
        stretched = slowness * SLOWNESS["tcg"]
        patience = Patience(
            silence_s=silence_s / stretched, idle_s=idle_s / stretched, unanswered_s=unanswered_s
        )
        return boot(spec, qemu, tmp_path / "run", slowness=slowness, patience=patience)

    return booted


@pytest.fixture
def scene(tmp_path: Path, spec: MachineSpec) -> Scene:
    for path in (spec.kernel.image, spec.initramfs):
        path.write_bytes(b"contents")
    return Scene(tmp_path, spec)
