"""The debug kernel's own checks are still on when a test begins, and do not report the kernel itself."""

from __future__ import annotations

import re

import pytest

from rustbed import Vm
from rustbed.kernel.artifact import Kernel


@pytest.fixture
def known(kernel: Kernel, request: pytest.FixtureRequest) -> bool:
    """For tests of checks that powerpc has against it: whether it is that kernel."""
    is_known = kernel.arch.name == "powerpc64le"
    if is_known:
        reason = "docs/findings/powerpc-debug-checks-end-early.md"
        request.applymarker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))
    return is_known


@pytest.fixture
def reported(known: bool, request: pytest.FixtureRequest) -> None:
    """For a test that is reported there, too."""
    if known:
        request.applymarker(pytest.mark.expect_splat("smp_processor_id", kind="lockdep"))


@pytest.mark.needs("CONFIG_PROVE_LOCKING")
@pytest.mark.usefixtures("known")
def test_lockdep_is_on(vm: Vm) -> None:
    assert re.search(r"^ *debug_locks: +1$", vm.check("cat /proc/lockdep_stats"), re.MULTILINE)


@pytest.mark.needs("CONFIG_DEBUG_PREEMPT", "CONFIG_HARDLOCKUP_DETECTOR")
@pytest.mark.usefixtures("reported")
def test_list_of_timers_is_read_without_a_report(vm: Vm) -> None:
    assert "Timer List Version" in vm.check("cat /proc/timer_list")
    assert vm.log.matching("^BUG: ") == []
