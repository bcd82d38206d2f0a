"""Announces the machine of the next test, so that it can be started in advance."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest

from rustbed.errors import HarnessError
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec
from rustbed.plugin.fixtures import arch_of, platform_of, request_of, spec_of
from rustbed.plugin.stash import MACHINES, PLATFORMS


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Announce the machine of the next test while a test runs."""
    if MACHINES in item.config.stash:
        item.config.stash[MACHINES].foretell = partial(_machine_of, nextitem)
    return (yield)


def _machine_of(item: pytest.Item | None) -> tuple[MachineSpec, Qemu] | None:
    """Return the machine of a test, None if it has none or is not known yet."""
    arch = arch_of(item)
    if item is None or arch is None or "vm" not in getattr(item, "fixturenames", ()):
        return None
    try:
        if not item.config.stash[PLATFORMS].is_made(arch, request_of(item).profile):
            return None
        platform, wanted = platform_of(item, arch)
        return spec_of(item, platform, wanted), platform.qemu
    except (HarnessError, pytest.skip.Exception):
        # the error is reported when it is the test's turn
        return None
