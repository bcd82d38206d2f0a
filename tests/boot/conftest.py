"""What tests of copies of a running machine share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from platform import machine

import pytest

from rustbed.arch import Arch
from rustbed.forks.counts import FORKED
from rustbed.forks.machines import Machines
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import Choices, Platform, prepare
from rustbed.progress import ignore
from tests.boot.copied import Copies

# of hosts that copies can be made on: forks/hot/shim/host.h
HOSTS = ("x86_64", "aarch64")


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> Choices:
    return replace(read_choices(given(request.config)), forks="hot")


@pytest.fixture
def platform(arch: Arch, choices: Choices) -> Platform:
    found = prepare(arch, choices, ignore)
    if found.accel != "tcg":
        pytest.skip("KVM's machines are not copied")
    if found.qemu.shim is None:
        # a library that does not compile here is no reason to test nothing
        assert found.packed is not None or machine() not in HOSTS, found.qemu.uncopyable
        pytest.skip(found.qemu.uncopyable)
    return found


@pytest.fixture
def cpus() -> int:
    return 1


@pytest.fixture
def copies(choices: Choices, platform: Platform, tmp_path: Path, cpus: int) -> Iterator[Copies]:
    with Machines(choices.cache, ignore) as machines:
        made = Copies(machines, platform, tmp_path, cpus)
        # the first of its kind is restored
        with ExitStack() as stack:
            made.next(stack)
        assert machines.counts == {FORKED: 1}
        machines.counts.clear()
        yield made
