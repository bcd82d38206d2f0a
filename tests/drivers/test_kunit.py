"""The kernel's own Rust tests: KUnit suites.

Each case is a test, and a case of the results file; the doctests are one test. x86_64 is tested on its debug
kernel; the others on that of the session, which has the suites with --profile debug.
"""

from __future__ import annotations

from collections.abc import Callable

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


def every_suite(test: Callable[..., None]) -> Callable[..., None]:
    """Make a test for each case of the suites."""
    for suite, option in reversed(SUITES.items()):
        test = pytest.mark.kunit(suite, needs=[option])(test)
    return test


@every_suite
@pytest.mark.since("7.3")
@pytest.mark.arches("x86_64")
@pytest.mark.machine(profile="debug")
def test_kunit(kunit: Callable[[], None]) -> None:
    kunit()


@every_suite
@pytest.mark.since("7.3")
@pytest.mark.arches("arm64", "riscv64")
def test_kunit_on_the_kernel_of_the_session(kunit: Callable[[], None]) -> None:
    kunit()


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


@pytest.mark.needs("CONFIG_RUST_KERNEL_DOCTESTS", "CONFIG_DEBUG_OBJECTS_TIMERS")
@pytest.mark.arches("arm64", "riscv64")
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a timer on the stack is set up as if it were not: docs/findings/hrtimer-on-the-stack.md",
)
@pytest.mark.expect_splat("ODEBUG")
def test_doctests_on_the_kernel_of_the_session(vm: Vm) -> None:
    vm.kunit("rust_doctests_kernel")
    assert "but NOT annotated" not in vm.log
