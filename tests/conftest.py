"""What holds for all tests, and a bug of the kernel that none of them is about."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest

from rustbed import CommandError
from rustbed.kernel.artifact import Kernel
from rustbed.machine.spec import Hardware
from rustbed.request import MachineRequest, incapable

# each of these, or the scene that it asks for, takes 40 to 160 s of the gate; most of that is waiting
LONGEST = (
    "tests/boot/test_hangs.py",
    "tests/oracle/",
    "tests/outside/test_builds.py",
    "tests/boot/test_copies_debug.py",
    "tests/boot/test_queue.py",
    "tests/boot/test_twins.py",
    "tests/boot/test_repro.py",
)


def pytest_configure() -> None:
    """Let tests press Ctrl-C: what a script starts in the background ignores it, with all its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered: names are the same in every worker, and compressed bytes hold the time of day."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """With workers, let the tests that take longest begin first: nobody waits for one at the end."""
    yield
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """Keep what collection has made out of later garbage collections.

    Tests that look for what was left open collect garbage, some of them a hundred times. In a session of all
    tests that took 0.16 s each time, for 290,000 objects that stay anyway.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _sessions_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let sessions that tests start have a place of their own for temporary directories, and no hypothesis.

    At its end pytest removes those of the user's earlier sessions, and with `-n` it always does. After all
    was said that took minutes on a busy disk, for what other sessions had left.

    Hypothesis' plugin imports all of hypothesis at the end of each session (6.170), a sixth of the processor
    time of a session of one test. No such session uses it.
    """
    # made first, where this session's are
    place = tmp_path_factory.mktemp("sessions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DEBUG_TEMPROOT", str(place))
        patch.setenv("PYTEST_ADDOPTS", f"{os.environ.get('PYTEST_ADDOPTS', '')} -p no:hypothesispytest")
        yield


@pytest.fixture
def slots(kernel: Kernel) -> None:
    """For tests that plug devices, in a session of their own, too."""
    if not kernel.arch.hotplug_port:
        pytest.skip(f"{kernel.arch}'s machine has no {'slots' if kernel.arch.has_pci else 'PCI'}")


@pytest.fixture
def hotplug(slots: None, kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """For tests that plug devices: the kernel's own hotplug driver makes lockdep report.

    Nothing else may fail them: what a verdict raises is no AssertionError and no error of a machine.
    """
    if kernel.has("CONFIG_PROVE_LOCKING"):
        known = pytest.mark.xfail(
            strict=True, raises=pytest.fail.Exception, reason="docs/findings/pciehp-reset-lock.md"
        )
        request.applymarker(known)


@pytest.fixture
def hotplug_testdev(hotplug: None, kernel: Kernel) -> None:
    """For tests that plug a pci-testdev."""
    if why := incapable(MachineRequest(hardware=Hardware(devices=("pci-testdev",))), kernel.arch):
        pytest.skip(why)


@pytest.fixture
def last_words(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """For tests of what is printed while the machine goes down."""
    if kernel.arch.drops_last_words:
        # not strict: what decides is whether 50 ms go by between the words and the end
        known = pytest.mark.xfail(
            strict=False, raises=AssertionError, reason="docs/findings/s390-last-words.md"
        )
        request.applymarker(known)


@pytest.fixture
def wide_numbers(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """For tests whose driver prints numbers of 64 bits, which ends it on 32 bits."""
    if kernel.arch.word_bits == 32:
        known = pytest.mark.xfail(
            strict=True,
            raises=(CommandError, AssertionError),
            reason="docs/findings/rust-prints-no-wide-numbers-on-arm.md",
        )
        request.applymarker(known)
        request.applymarker(pytest.mark.expect_splat("^undefined instruction in ", kind="oops"))
