"""The kernel's own Rust tests: KUnit suites.

Each case is a test, and a case of the results file. x86_64 is tested on its debug kernel; the others on that
of the session, which has the suites with --profile debug.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rustbed.arch import ARCHES, Arch
from rustbed.errors import SuiteError
from rustbed.log.ktap import Result

# those that are tested on the kernel of the session
OTHERS = tuple(name for name in ARCHES if name != "x86_64")

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

DOCTESTS = ("CONFIG_RUST_KERNEL_DOCTESTS", "CONFIG_DEBUG_OBJECTS_TIMERS")
# examples that the kernel warns of; "" is all of them in one test, where no kernel was built before
WARNED = ("", "rust_doctest_kernel_time_hrtimer_rs_1", "rust_doctest_kernel_time_hrtimer_rs_2")


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


@pytest.fixture
def bits_from_the_other_end(arch: Arch, request: pytest.FixtureRequest) -> None:
    """Expect what is known of the flags of a netlink family where bits are counted from the other end."""
    if arch.big_endian and request.node.callspec.params["kunit"].suite == "rust_netlink":
        reason = "flags are put together as on little-endian: docs/findings/netlink-flags-on-big-endian.md"
        request.applymarker(pytest.mark.xfail(strict=True, raises=SuiteError, reason=reason))


@pytest.mark.usefixtures("bits_from_the_other_end")
@every_suite
@pytest.mark.since("7.3")
@pytest.mark.arches(*OTHERS)
def test_kunit_on_the_kernel_of_the_session(kunit: Callable[[], None]) -> None:
    kunit()


def log_of(result: Result) -> str:
    return "\n".join([*result.log, *(line for case in result.children for line in case.log)])


@pytest.fixture
def timers_on_the_stack(arch: Arch, request: pytest.FixtureRequest) -> None:
    """Expect what the kernel says of the examples that keep a timer on the stack."""
    name = request.node.callspec.params["kunit"].name
    if name in WARNED[:2] and arch.console == "ttysclp0":
        # lockdep reports it once: docs/findings/s390-console-starts-a-timer.md
        request.applymarker(pytest.mark.expect_splat("possible deadlock"))
    if name in WARNED:
        request.applymarker(pytest.mark.expect_splat("ODEBUG"))
        reason = "a timer on the stack is set up as if it were not: docs/findings/hrtimer-on-the-stack.md"
        request.applymarker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@pytest.mark.usefixtures("timers_on_the_stack")
@pytest.mark.kunit("rust_doctests_kernel", needs=DOCTESTS)
@pytest.mark.arches("x86_64")
@pytest.mark.machine(profile="debug")
def test_doctests(kunit: Callable[[], Result]) -> None:
    assert "but NOT annotated" not in log_of(kunit())


@pytest.mark.usefixtures("timers_on_the_stack")
@pytest.mark.kunit("rust_doctests_kernel", needs=DOCTESTS)
@pytest.mark.arches(*OTHERS)
def test_doctests_on_the_kernel_of_the_session(kunit: Callable[[], Result]) -> None:
    assert "but NOT annotated" not in log_of(kunit())


@pytest.mark.kunit("rustbed_tested", needs=["CONFIG_KUNIT"], module="modules/tested")
@pytest.mark.arches("x86_64")
@pytest.mark.machine(profile="debug")
def test_suite_of_a_module_of_ones_own(kunit: Callable[[], Result]) -> None:
    # in a module, too, each case is a test
    assert kunit().source.startswith("tests/drivers/modules/tested/tested.rs:")
