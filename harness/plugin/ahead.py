"""Announces the next test's machine, and how many tests need such a one: it can be started in advance."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest

from rustbed.arch import Arch
from rustbed.errors import HarnessError
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec
from rustbed.plugin.fixtures import arch_of, platform_of, request_of, spec_of
from rustbed.plugin.stash import MACHINES, PLATFORMS
from rustbed.request import MachineRequest

# number of tests that are compared
_SOON = 16


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Announce the machine of the next test while a test runs."""
    if MACHINES in item.config.stash:
        machines = item.config.stash[MACHINES]
        machines.foretell = partial(_machine_of, nextitem)
        machines.count_ahead = partial(count_alike, nextitem)
    return (yield)


def count_alike(item: pytest.Item | None) -> int:
    """Return how many of the next tests, `item` included, need a machine like that of `item`."""
    if item is None or (kind := _kind_of(item)) is None:
        return 0
    items = item.session.items
    first = items.index(item) if item in items else 0
    return sum(_kind_of(each) == kind for each in items[first : first + _SOON])


def _kind_of(item: pytest.Item) -> tuple[Arch | None, MachineRequest] | None:
    """Return what determines a test's machine; None if it has no machine or its markers are wrong."""
    try:
        return (arch_of(item), request_of(item)) if "vm" in getattr(item, "fixturenames", ()) else None
    except HarnessError:
        return None


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
