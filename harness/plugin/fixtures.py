"""The fixtures for tests: a kernel, machines, modules."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager

import pytest

from rustbed import host
from rustbed.arch import Arch, require_arch
from rustbed.errors import UsageError
from rustbed.instruments.instrument import Instrument
from rustbed.instruments.table import (
    INSTRUMENTS,
    choose_instruments,
    cmdline_of,
    missing_options,
)
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.names import require_known
from rustbed.log.splat import Kind
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.options import read_arches
from rustbed.plugin.options import given
from rustbed.plugin.stash import COVERAGE, MACHINES, NAME, PLATFORMS, RUN, session_directory
from rustbed.prepare import Platform
from rustbed.report import rundir
from rustbed.report.verdict import Expectation
from rustbed.request import MachineRequest, incapable, resolve_spec
from rustbed.testrun import TestRun

_MISMATCHED = re.compile(r"fixture (?:vm|boot|kernel|build_modules?|build_program) ")
_SCOPES = (
    "vm, boot, kernel and what builds for it belong to one test, whose markers say which machine it"
    " has: a fixture that asks for them has the scope of a function. It costs little: machines are forks, and"
    " modules are built once."
)

# the fixture that all our others use; its name for tests is `arch`
ARCH_FIXTURE = "rustbed_arch"


def arch_of(item: pytest.Item | None) -> Arch | None:
    """Return the architecture that a collected test runs on, None for a test without machines."""
    callspec = getattr(item, "callspec", None)
    arch = callspec.params.get(ARCH_FIXTURE) if callspec is not None else None
    return arch if isinstance(arch, Arch) else None


def arches_of(item: pytest.Item) -> tuple[Arch, ...]:
    """Return the architectures of the session that a test is for. Raises UsageError."""
    arches = read_arches(given(item.config))
    for marker in item.iter_markers("arches"):
        wanted = [require_arch(name) for name in marker.args]
        arches = tuple(arch for arch in arches if arch in wanted)
    return arches


def request_of(item: pytest.Item) -> MachineRequest:
    """Return the requirements of a test's markers for its machine. Raises UsageError."""
    markers = [(marker.args, marker.kwargs) for marker in item.iter_markers("machine")]
    wanted = MachineRequest()
    for args, kwargs in reversed(markers):
        if args:
            raise UsageError("the machine marker takes keywords only", given=args)
        wanted = wanted.updated(kwargs)
    return wanted


def needs_of(item: pytest.Item) -> tuple[str, ...]:
    """Return the modules and options that a test's `needs` markers name."""
    return tuple(name for marker in item.iter_markers("needs") for name in marker.args)


def platform_of(item: pytest.Item, arch: Arch) -> tuple[Platform, MachineRequest]:
    """Return a test's platform, made if necessary, and its request; skips the test if they do not fit."""
    wanted = request_of(item)
    platform = item.config.stash[PLATFORMS].get(arch, wanted.profile)
    versions = [version for marker in item.iter_markers("since") for version in marker.args]
    if newer := [version for version in versions if platform.kernel.is_older(version)]:
        pytest.skip(f"kernel {platform.kernel.release} for {arch} is older than {', '.join(newer)}")
    missing = [name for name in needs_of(item) if not platform.kernel.has(name)]
    require_known(platform.kernel, missing)
    if missing := [*missing, *missing_options(instruments_of(item, platform.kernel), platform.kernel)]:
        pytest.skip(f"kernel {platform.kernel.release} for {arch} has no {', '.join(missing)}")
    if why := incapable(wanted, arch):
        pytest.skip(why)
    return platform, wanted


def instruments_of(item: pytest.Item, kernel: Kernel) -> tuple[Instrument, ...]:
    """Return the instruments for the machines of a test."""
    asked = [each.name for each in INSTRUMENTS if item.get_closest_marker(each.name)]
    return choose_instruments(kernel, asked)


def spec_of(item: pytest.Item, platform: Platform, wanted: MachineRequest) -> MachineSpec:
    """Return a machine of a test; firmware is compiled on the way.

    Skips the test if no machine of the architecture can be that.
    """
    if why := incapable(wanted, platform.kernel.arch):
        pytest.skip(why)
    # first, so that the test's own words override these
    words = cmdline_of(instruments_of(item, platform.kernel))
    wanted = wanted.updated({"cmdline": (*words, *wanted.hardware.cmdline)})
    cache = item.config.stash[PLATFORMS].choices.cache
    return resolve_spec(platform, wanted, base=item.path.parent, cache=cache)


def run_of(request: pytest.FixtureRequest) -> TestRun:
    """Return the run of a test, which begins with its first machine."""
    node = request.node
    if RUN not in node.stash:
        name = node.stash.get(NAME, node.nodeid)
        expected = expected_of(node)
        session = session_directory(request.config)
        with rundir.kept(session):
            directory = rundir.run_dir(session, name)
        node.stash[RUN] = TestRun(
            test=name,
            directory=directory,
            source=request.path,
            machines=request.config.stash[MACHINES],
            expected=expected,
            slowness=max(1.0, _workers(request.config) / host.cores()),
            linger_s=_linger_s(node),
            coverage=request.config.stash.get(COVERAGE, None),
        )
    run: TestRun = node.stash[RUN]
    return run


def expected_of(item: pytest.Item) -> list[Expectation]:
    """Return the splats that a test's markers declare. Raises UsageError."""
    return [_expectation(marker) for marker in item.iter_markers("expect_splat")]


def _expectation(marker: pytest.Mark) -> Expectation:
    try:
        return _expect(*marker.args, **marker.kwargs)
    except (TypeError, ValueError, re.error) as error:
        raise UsageError(f"expect_splat takes a pattern and a kind: {error}") from error


def _expect(pattern: str, kind: str | None = None) -> Expectation:
    re.compile(pattern)
    return Expectation(pattern=pattern, kind=None if kind is None else Kind(kind))


def _linger_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("linger")
    if marker is None:
        return float(given(item.config)("linger"))
    match marker.args:
        case (int() | float() as seconds,) if not marker.kwargs and seconds >= 0:
            return float(seconds)
    raise UsageError(f"linger takes a number of seconds: {marker.args} {marker.kwargs}")


def _workers(config: pytest.Config) -> int:
    given = getattr(config, "workerinput", {})
    return int(given.get("workercount", 1))


@pytest.fixture(scope="session", name=ARCH_FIXTURE)
def _rustbed_arch(request: pytest.FixtureRequest) -> Arch:
    """Return the architecture that a test runs on; `collection` gives one to every test that asks for it."""
    if not hasattr(request, "param"):
        raise UsageError(
            "this test has no architecture: it is a unittest.TestCase, or it asks with getfixturevalue()",
            fix="make it a function with `vm` or `arch` among its arguments",
        )
    arch: Arch = request.param
    return arch


@pytest.fixture(scope="session")
def arch(rustbed_arch: Arch) -> Arch:
    """Return the architecture; the other fixtures do not depend on this name, which a project may have."""
    return rustbed_arch


@pytest.fixture
def kernel(rustbed_arch: Arch, request: pytest.FixtureRequest) -> Kernel:
    """Return the kernel under test, built if need be."""
    return platform_of(request.node, rustbed_arch)[0].kernel


@pytest.fixture
def vm(rustbed_arch: Arch, request: pytest.FixtureRequest) -> Iterator[Vm]:
    """One pristine machine, a fork of a booted one; `@pytest.mark.machine` says what it must have."""
    platform, wanted = platform_of(request.node, rustbed_arch)
    run = run_of(request)
    spec = spec_of(request.node, platform, wanted)
    instruments = instruments_of(request.node, platform.kernel)
    with run.machine(platform, spec, instruments, from_boot=False) as machine:
        yield machine


@pytest.fixture
def boot(rustbed_arch: Arch, request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[Vm]]:
    """Return a function that boots a machine of its own; its arguments are those of the machine marker.

    The log of such a machine begins with its boot, and so does judgement.
    """
    platform, marked = platform_of(request.node, rustbed_arch)
    run = run_of(request)

    def booted(**wanted: object) -> AbstractContextManager[Vm]:
        spec = spec_of(request.node, platform, marked.updated(wanted))
        instruments = instruments_of(request.node, platform.kernel)
        return run.machine(platform, spec, instruments, from_boot=True)

    return booted


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Explain why a fixture that outlives a test cannot have what belongs to one."""
    report = yield
    text = str(call.excinfo.value) if call.when == "setup" and call.excinfo else ""
    if text.startswith("ScopeMismatch") and _MISMATCHED.search(text):
        report.sections.append(("Fixtures of one test", _SCOPES))
    return report
