"""What a worker says of KVM: nothing before a boot on its host has proven it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.farms import SLOW_S, up
from tests.processes import wait_until

from rustbed import host
from rustbed.cache import Cache
from rustbed.kvm import proven_arches

if find_spec("distributed") is None:
    pytest.skip("distributed is not installed: the extra farm has it", allow_module_level=True)

from rustbed.farm.engine import connect


def prove(cache: Cache, key: str, **facts: object) -> None:
    cache.publish("accel", key, lambda directory: facts)


def test_a_proof_holds_for_its_architecture_until_the_host_reboots(tmp_path: Path) -> None:
    cache, now = Cache(tmp_path), host.boot_id()
    assert proven_arches(cache) == set()
    prove(cache, "1", works=False, arch="arm64", boot=now)
    prove(cache, "2", works=True, arch="riscv64", boot="an earlier one")
    # of a version that did not say for which
    prove(cache, "3", works=True)
    assert proven_arches(cache) == set()
    prove(cache, "4", works=True, arch="x86_64", boot=now)
    assert proven_arches(cache) == {"x86_64"}


def test_a_worker_has_kvm_from_the_boot_on_that_proves_it(tmp_path: Path) -> None:
    with up(1, "--arch", "x86_64,arm64", RUSTBED_CACHE=str(tmp_path)) as farm, connect(farm.url) as client:
        prove(Cache(tmp_path), "1", works=False, arch="arm64", boot=host.boot_id())
        wait_until(lambda: client.workers() != [], "a worker", SLOW_S)
        (before,) = client.workers()
        assert not [name for name in before if name.startswith("kvm")]
        prove(Cache(tmp_path), "2", works=True, arch="x86_64", boot=host.boot_id())
        prove(Cache(tmp_path), "3", works=True, arch="riscv64", boot=host.boot_id())
        wait_until(lambda: client.workers() != [before], "KVM", SLOW_S)
        # of the architectures that the worker is for
        assert client.workers() == [{**before, "kvm x86_64": 1.0}]
