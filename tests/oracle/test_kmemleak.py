"""What keeps kmemleak from seeing a leak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Vm
from tests.oracle.table import MODULES

_FILE = "/sys/kernel/debug/kmemleak"


@pytest.mark.needs("CONFIG_DEBUG_KMEMLEAK")
# where no KASAN supersedes them, the allocator's checks are on
@pytest.mark.machine(cmdline="slab_debug=-")
@pytest.mark.xfail(strict=True, reason="docs/findings/kmemleak-and-sheaves.md")
def test_leak_is_found_without_checks_of_the_allocator(
    vm: Vm, build_modules: Callable[[Path], dict[str, Path]]
) -> None:
    vm.insmod(build_modules(MODULES)["leak"])
    # twice as often and as late as it takes with them
    found = vm.check(f"for scan in 1 2 3 4; do echo scan >{_FILE}; sleep 3; done; cat {_FILE}", timeout_s=60)
    assert "unreferenced object" in found
