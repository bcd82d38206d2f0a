"""Devices that the host serves: when their servers live, and what is said when one fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.edge.machine.scene import BOOTS, Scene
from tests.processes import is_running

from rustbed.devices.device import Device
from rustbed.errors import DeviceError, UsageError
from rustbed.forks.counts import FORKED, INSTEAD, RESTORED
from rustbed.machine.booting import boot
from rustbed.machine.spec import Hardware
from rustbed.machine.specfile import parse_machine


@dataclass
class Server:
    """Serves nothing, and remembers when it should have."""

    argv: Sequence[str] = ("-device", "served-by-us")
    pass_fds: Sequence[int] = ()
    failure: str = ""
    qemu: int = 0
    history: tuple[str, ...] = ()

    @contextmanager
    def serve(self, _: Path | None) -> Iterator[Server]:
        self.history += ("started",)
        yield self
        self.history += ("ended with QEMU" if is_running(self.qemu) else "ended after QEMU",)

    def check(self) -> None:
        if self.failure:
            raise DeviceError(self.failure)


def device_of(server: Server, *, forkable: bool = False, shared_memory: bool = False) -> Device:
    return Device(name="edu in Python", serve=server.serve, forkable=forkable, shared_memory=shared_memory)


def test_server_starts_before_qemu_and_ends_after_it(scene: Scene) -> None:
    server = Server()
    spec = replace(scene.spec, hardware=Hardware(devices=("edu", device_of(server))))
    with boot(spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        server.qemu = vm.live.qemu_pid
        argv = Path(f"/proc/{vm.live.qemu_pid}/cmdline").read_text().split("\0")
    assert server.history == ("started", "ended after QEMU")
    assert argv.index("edu,id=device0") < argv.index("served-by-us")


def test_device_that_needs_it_shares_the_guests_memory(scene: Scene) -> None:
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(Server(), shared_memory=True),)))
    with boot(spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        memory = next(word for word in _cmdline(vm.live.qemu_pid) if word.startswith("memory-backend-file"))
        path = Path(f"/proc/{vm.live.qemu_pid}/fd/{memory.partition('/fd/')[2].partition(',')[0]}")
        assert path.stat().st_size == spec.hardware.memory_mib << 20
    assert memory.endswith(",share=on")


def _cmdline(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def test_failed_server_ends_the_wait_for_a_command_as_an_error_of_ours(scene: Scene) -> None:
    server = Server()
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(server),)))
    with boot(spec, scene.qemu(FAKE_QEMU="ready stall"), scene.path / "run") as vm:
        server.failure = "edu in Python: the model raised ZeroDivisionError"
        with pytest.raises(DeviceError, match="ZeroDivisionError"):
            vm.run("sleep 1000")
        assert vm.ended is not None
        assert vm.ended.outcome == "error"


def test_failed_server_is_seen_by_judgement_though_the_test_waited_for_nothing(scene: Scene) -> None:
    server = Server()
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(server),)))
    with boot(spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        server.failure = "edu in Python: the model raised"
        assert list(vm.live.judged) == []
        assert isinstance(vm.ended, DeviceError)


def test_machine_with_a_served_device_is_booted_and_not_forked(scene: Scene) -> None:
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(Server()),)))
    with scene.session() as machines:
        with machines.machine(spec, scene.qemu(), scene.path / "run"):
            pass
        assert dict(machines.counts) == {
            f"{INSTEAD}edu in Python is served by the host, and its state is not saved": 1
        }


def test_each_fork_of_a_forkable_device_has_a_server_of_its_own(scene: Scene) -> None:
    server = Server()
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(server, forkable=True),)))
    with scene.session() as machines:
        machines.foretell = lambda: None
        with machines.machine(spec, scene.qemu(), scene.path / "run"):
            assert server.history == ("started", "ended after QEMU", "started")
        assert dict(machines.counts) == {FORKED: 1}


def test_machines_with_a_served_device_are_restored_where_others_are_copied(scene: Scene) -> None:
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(Server(), forkable=True),)))
    # no process is copied: the library, which is not there, is not used
    qemu = replace(scene.qemu(), shim=scene.path / "shim.so")
    with scene.session() as machines:
        for name in ("one", "two"):
            with machines.machine(spec, qemu, scene.path / name) as vm:
                assert vm.check("echo alive") == "alive"
        assert machines.servers.pids == ()
        assert machines.counts == {FORKED: 2, f"{RESTORED}edu in Python is served to one QEMU": 2}


def test_run_directory_says_that_the_test_served_the_device(scene: Scene) -> None:
    spec = replace(scene.spec, hardware=Hardware(devices=(device_of(Server()),)))
    with boot(spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        facts = json.loads(vm.files.machine.read_text())
        script = vm.files.script.read_text()
    assert facts["machine"]["devices"] == [{"served": "edu in Python"}]
    assert "# It lacks edu in Python, which the test served.\n" in script
    assert "served-by-us" not in script
    with pytest.raises(UsageError, match="the test itself served edu in Python"):
        parse_machine(facts["machine"], scene.path)
