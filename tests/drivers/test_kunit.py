"""The kernel's own Rust tests: KUnit suites.

Each case is a case of the results file. x86_64 is tested on its debug kernel; the others on that of the
session, which has the suites with --profile debug.
"""

from __future__ import annotations

import pytest

from rustbed import Vm

# all but those of drm and nova, whose code the profiles leave out
SUITES = {
    "rust_allocator": "CONFIG_RUST_ALLOCATOR_KUNIT_TEST",
    "rust_kvec": "CONFIG_RUST_KVEC_KUNIT_TEST",
    "rust_kernel_bitmap": "CONFIG_RUST_BITMAP_KUNIT_TEST",
    "rust_kernel_kunit": "CONFIG_RUST_KUNIT_SELFTEST",
    "rust_kernel_str": "CONFIG_RUST_STR_KUNIT_TEST",
    "rust_atomics": "CONFIG_RUST_ATOMICS_KUNIT_TEST",
    "rust_kernel_bitfield": "CONFIG_RUST_BITFIELD_KUNIT_TEST",
    # these have no option of their own
    "rust_kernel_fmt": "CONFIG_KUNIT",
    "rust_netlink": "CONFIG_KUNIT",
    "rust_spinlock_irq_condvar": "CONFIG_KUNIT",
}

every_suite = pytest.mark.parametrize(
    "suite",
    [
        pytest.param(suite, marks=[pytest.mark.needs(option), pytest.mark.since("7.3")])
        for suite, option in SUITES.items()
    ],
)


@every_suite
@pytest.mark.arches("x86_64")
@pytest.mark.machine(profile="debug")
def test_kunit(vm: Vm, suite: str) -> None:
    vm.kunit(suite)


@every_suite
@pytest.mark.arches("arm64", "riscv64")
def test_kunit_on_the_kernel_of_the_session(vm: Vm, suite: str) -> None:
    vm.kunit(suite)


@pytest.mark.needs("CONFIG_RUST_KERNEL_DOCTESTS", "CONFIG_DEBUG_OBJECTS_TIMERS")
@pytest.mark.arches("x86_64")
@pytest.mark.machine(profile="debug")
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a timer on the stack is set up as if it were not: docs/findings/hrtimer-on-the-stack.md",
)
@pytest.mark.expect_splat("ODEBUG")
def test_doctests(vm: Vm) -> None:
    vm.kunit("rust_doctests_kernel")
    assert "but NOT annotated" not in vm.log
