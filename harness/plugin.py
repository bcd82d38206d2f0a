"""The pytest plugin: fixtures, markers, options, and pytest's events to verdicts and files.

The only module that imports pytest. Every decision it can leave to a pure
function of another module it leaves there.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

# what pytest itself runs a test with, and what plugins that run one again use; its own hook logs at once
from _pytest.runner import runtestprotocol

from harness import host
from harness.arch import ARCHES, Arch, require_arch
from harness.errors import HarnessError, MachineError, UsageError
from harness.guest import kmemleak
from harness.kernel import outoftree
from harness.kernel.artifact import Kernel
from harness.log.splat import Kind
from harness.machine.machines import Machines, render_counts
from harness.machine.spec import MachineSpec
from harness.machine.vm import Vm
from harness.prepare import ACCELS, TOOLCHAINS, Choices, Platform, Platforms, select_arches
from harness.progress import Display
from harness.report import rundir
from harness.report.cases import FACTS, case_of, confirm, facts_of
from harness.report.known import KnownIssue, load_known
from harness.report.recorder import Recorder
from harness.report.results import load_results
from harness.report.shard import Key, divide, parse_shard, recorded_times, render_plan
from harness.report.verdict import RED, Expectation, Outcome
from harness.repro.interactive import stop_at_failure
from harness.repro.recording import record
from harness.repro.run import find_emulator
from harness.repro.scene import load_run
from harness.request import MachineRequest, incapable, resolve_spec
from harness.testrun import TestRun

_RUN = pytest.StashKey[TestRun]()
_PLATFORMS = pytest.StashKey[Platforms]()
_SESSION = pytest.StashKey[Path]()
_KNOWN = pytest.StashKey[Sequence[KnownIssue]]()
_SHARD = pytest.StashKey[tuple[int, int] | None]()
_TIMES = pytest.StashKey[Mapping[Key, float]]()

_RECORDER = "rustbed-recorder"
_MACHINES = pytest.StashKey[Machines]()

_OURS = Path(__file__).parent
# what a worker tells of its machines
_COUNTS = "rustbed_machines"
_PLAN = "rustbed_plan"


# -- options and markers ---------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line."""
    group = parser.getgroup("rustbed", "Rust drivers in the Linux kernel, under QEMU")
    group.addoption(
        "--kernel",
        default="debian:latest",
        metavar="SRC",
        help="debian:latest, debian:X.Y, tree:PATH, tarball:PATH-OR-URL or built:PATH",
    )
    group.addoption(
        "--arch",
        action="append",
        metavar="A[,B]",
        help=f"architectures to test (default: {', '.join(ARCHES)})",
    )
    group.addoption("--profile", default="default", help="kernel profile: kconfigs/profile/*.config")
    group.addoption(
        "--fragment", action="append", default=[], metavar="FILE", help="a further kconfig fragment"
    )
    group.addoption(
        "--accel",
        default="auto",
        choices=ACCELS,
        help="auto: KVM if a boot proves that it works, else emulation",
    )
    group.addoption(
        "--toolchain",
        default="toolroot",
        choices=TOOLCHAINS,
        help="build with the pinned toolroot or with the host's programs",
    )
    group.addoption(
        "--qemu", metavar="PATH", help="a QEMU binary, or a directory of them, instead of the toolchain's"
    )
    group.addoption(
        "--no-fork",
        action="store_true",
        help="boot a machine for every test instead of forking a booted one",
    )
    group.addoption(
        "--refresh",
        action="store_true",
        help="look for a newer kernel instead of what debian:... meant last time",
    )
    group.addoption(
        "--cache",
        metavar="DIR",
        help="where toolroot, kernels and images are kept (default: $RUSTBED_CACHE, else ~/.cache/rustbed)",
    )
    group.addoption(
        "--results",
        metavar="DIR",
        help="where every run leaves junit.xml and its run directories (default: results)",
    )
    group.addoption(
        "--confirm",
        type=_count,
        default=0,
        metavar="N",
        help="run each red test N times more, on new machines, and report how often it was red; it stays red",
    )
    group.addoption(
        "--known-issues", metavar="FILE", help="YAML, failures that are known: they are red and say so"
    )
    group.addoption(
        "--on-failure", choices=("shell",), help="stop at a red test, with a shell in its machine"
    )
    group.addoption(
        "--record",
        action="store_true",
        help="repeat a red test's commands on a machine that is recorded",
    )
    group.addoption("--shard", metavar="I/N", help="run part I of N; `rustbed gate` judges all together")
    group.addoption(
        "--shard-times",
        action="append",
        default=[],
        metavar="PATH",
        help="earlier results: how long tests took; the same for all parts",
    )


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise ValueError(text)
    return number


MARKERS = (
    "machine(devices, memory_mib, cpus, profile, cmdline, machine_options, device_tree, acpi, free_ports,"
    " qemu_args): what this test's machine must have; keywords only, docs/writing-tests.md explains them",
    "arches(*names): run on these architectures only",
    "needs(*names): skip, by name, where the kernel lacks one of these modules or options (CONFIG_...)",
    "expect_splat(pattern, kind=None): the kernel must report this, and may",
    "kmemleak: look for leaked memory when the test is done; skip, by name, where the kernel cannot",
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options at once and make what the session shares."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        chosen = _choices(config)
        _arches(config)
        if config.getoption("--on-failure") and config.getoption("numprocesses", None):
            raise UsageError("--on-failure needs the terminal, and -n has many workers for it", mend="-n 0")
        known = config.getoption("--known-issues")
        config.stash[_KNOWN] = load_known(Path(known)) if known else ()
        shard = config.getoption("--shard")
        config.stash[_SHARD] = parse_shard(shard) if shard else None
        times = config.getoption("--shard-times")
        config.stash[_TIMES] = recorded_times(load_results(map(Path, times))) if times else {}
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    display = _display(config)
    config.stash[_PLATFORMS] = Platforms(chosen, display)
    config.stash[_MACHINES] = Machines(chosen.cache, display, forks=not config.getoption("--no-fork"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the machine that stands by."""
    if _MACHINES in config.stash:
        config.stash[_MACHINES].close()


def _choices(config: pytest.Config) -> Choices:
    option = config.getoption
    for path in option("--fragment"):
        if not Path(path).is_file():
            raise UsageError(f"no such fragment: {path}")
    extra: dict[str, Any] = {"cache_root": Path(option("--cache")).absolute()} if option("--cache") else {}
    return Choices(
        kernel=option("--kernel"),
        profile=option("--profile"),
        accel=option("--accel"),
        toolchain=option("--toolchain"),
        qemu=Path(option("--qemu")) if option("--qemu") else None,
        fragments=tuple(Path(path).absolute() for path in option("--fragment")),
        refresh=option("--refresh"),
        **extra,
    )


def _arches(config: pytest.Config) -> tuple[Arch, ...]:
    return select_arches(config.getoption("--arch") or (), config.getoption("--kernel"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test that has a machine an architecture, in its id."""
    if "arch" not in metafunc.fixturenames:
        return
    for marker in metafunc.definition.iter_markers("parametrize"):
        if marker.args and "arch" in str(marker.args[0]).replace(",", " ").split():
            test = metafunc.definition.nodeid
            raise pytest.UsageError(f"{test}: arch is given to a test, not by it: use @pytest.mark.arches()")
    arches = _arches(metafunc.config)
    for marker in metafunc.definition.iter_markers("arches"):
        wanted = [require_arch(name) for name in marker.args]
        arches = tuple(arch for arch in arches if arch in wanted)
    metafunc.parametrize("arch", arches, ids=[arch.name for arch in arches], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what needs no machine first, then one architecture after the other: build, test, next."""
    order = {name: rank for rank, name in enumerate(ARCHES, start=1)}

    def rank(item: pytest.Item) -> int:
        callspec = getattr(item, "callspec", None)
        arch = callspec.params.get("arch") if callspec is not None else None
        return order[arch.name] if isinstance(arch, Arch) else 0

    items.sort(key=rank)
    if (shard := config.stash[_SHARD]) is not None:
        _keep_shard(config, items, *shard)


def _keep_shard(config: pytest.Config, items: list[pytest.Item], number: int, count: int) -> None:
    """Leave of the tests those of this part, and remember how they were divided."""
    tests = [item.nodeid for item in items]
    numbers = divide(tests, config.stash[_TIMES], count)
    kept = [item for item, mine in zip(items, numbers, strict=True) if mine == number]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    plan = {"shard": f"{number}/{count}", "shard_plan": render_plan(tests, numbers)}
    # under xdist only the workers collect
    if hasattr(config, "workeroutput"):
        config.workeroutput[_PLAN] = plan
    if recorder := config.pluginmanager.get_plugin(_RECORDER):
        recorder.properties |= plan


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer `-n auto`: as many workers as there are cores and memory for their machines."""
    return host.worker_limit(MachineRequest().memory_mib)


def _display(config: pytest.Config) -> Display:
    """Return a display that reaches the terminal although pytest captures output."""

    def write(text: str) -> None:
        capture = config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            os.write(2, text.encode())

    terminal = not hasattr(config, "workerinput") and os.isatty(2)
    return Display(write, terminal=terminal, columns=shutil.get_terminal_size().columns - 1)


# -- fixtures --------------------------------------------------------------------


def _platform(request: pytest.FixtureRequest, arch: Arch) -> tuple[Platform, MachineRequest]:
    markers = [(marker.args, marker.kwargs) for marker in request.node.iter_markers("machine")]
    wanted = MachineRequest()
    for args, kwargs in reversed(markers):
        if args:
            raise UsageError("the machine marker takes keywords only", given=args)
        wanted = wanted.updated(kwargs)
    platform = request.config.stash[_PLATFORMS].get(arch, wanted.profile)
    needed = [name for marker in request.node.iter_markers("needs") for name in marker.args]
    if request.node.get_closest_marker("kmemleak"):
        needed.append(kmemleak.OPTION)
    if missing := [name for name in needed if not platform.kernel.has(name)]:
        pytest.skip(f"kernel {platform.kernel.release} for {arch} has no {', '.join(missing)}")
    if why := incapable(wanted, arch):
        pytest.skip(why)
    return platform, wanted


def _spec(request: pytest.FixtureRequest, platform: Platform, wanted: MachineRequest) -> MachineSpec:
    if request.node.get_closest_marker("kmemleak"):
        # first, so that what the test asks for itself counts
        wanted = wanted.updated({"cmdline": (*kmemleak.CMDLINE, *wanted.cmdline)})
    return resolve_spec(platform, wanted, base=request.path.parent, cache=_cache(request))


def _test_run(request: pytest.FixtureRequest) -> TestRun:
    node = request.node
    if _RUN not in node.stash:
        expected = [_expectation(marker) for marker in node.iter_markers("expect_splat")]
        node.stash[_RUN] = TestRun(
            test=node.nodeid,
            directory=rundir.run_dir(_session_directory(request.config), node.nodeid),
            source=request.path,
            machines=request.config.stash[_MACHINES],
            expected=expected,
            slowness=max(1.0, _workers(request.config) / host.cores()),
            leaks=node.get_closest_marker("kmemleak") is not None,
        )
    run: TestRun = node.stash[_RUN]
    return run


def _expectation(marker: pytest.Mark) -> Expectation:
    try:
        return _expect(*marker.args, **marker.kwargs)
    except (TypeError, ValueError, re.error) as error:
        raise UsageError(f"expect_splat takes a pattern and a kind: {error}") from error


def _expect(pattern: str, kind: str | None = None) -> Expectation:
    re.compile(pattern)
    return Expectation(pattern=pattern, kind=None if kind is None else Kind(kind))


def _workers(config: pytest.Config) -> int:
    given = getattr(config, "workerinput", {})
    return int(given.get("workercount", 1))


@pytest.fixture
def kernel(arch: Arch, request: pytest.FixtureRequest) -> Kernel:
    """Return the kernel under test, built if need be."""
    return _platform(request, arch)[0].kernel


@pytest.fixture
def vm(arch: Arch, request: pytest.FixtureRequest) -> Iterator[Vm]:
    """One pristine machine, a fork of a booted one; `@pytest.mark.machine` says what it must have."""
    platform, wanted = _platform(request, arch)
    run = _test_run(request)
    spec = _spec(request, platform, wanted)
    with run.machine(platform, spec, from_boot=False) as machine:
        yield machine


@pytest.fixture
def boot(arch: Arch, request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[Vm]]:
    """Return a function that boots a machine of its own; its arguments are those of the machine marker.

    The log of such a machine begins with its boot, and so does judgement.
    """
    platform, marked = _platform(request, arch)
    run = _test_run(request)

    def booted(**wanted: object) -> AbstractContextManager[Vm]:
        asked = marked.updated(wanted)
        spec = _spec(request, platform, asked)
        return run.machine(platform, spec, from_boot=True)

    return booted


@pytest.fixture
def build_modules(arch: Arch, request: pytest.FixtureRequest) -> Callable[[str | Path], dict[str, Path]]:
    """Return a function that builds the modules of a directory for the kernel under test.

    The directory is looked for beside the test and has a Kbuild file or
    Makefile; the returned files, by the modules' names, are what `vm.module` takes.
    """
    platform, _ = _platform(request, arch)

    def build(directory: str | Path) -> dict[str, Path]:
        found = outoftree.build_modules(
            platform.kernel,
            (request.path.parent / directory).absolute(),
            toolchain=platform.toolchain,
            cache=_cache(request),
            report=_display(request.config),
        )
        return {module.name: module.path for module in found}

    return build


@pytest.fixture
def build_module(build_modules: Callable[[str | Path], dict[str, Path]]) -> Callable[[str | Path], Path]:
    """Return a function that builds the one module of a directory; see `build_modules`."""

    def build(directory: str | Path) -> Path:
        found = build_modules(directory)
        if len(found) != 1:
            raise UsageError(f"{directory} has to build one module", built=", ".join(found) or "none")
        return next(iter(found.values()))

    return build


def _cache(request: pytest.FixtureRequest) -> Any:
    return request.config.stash[_PLATFORMS].choices.cache


# -- verdicts ----------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the test when its function is done, while its machines still live."""
    try:
        result = yield
    except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:
        _finish(item, *_outcome(error))
        _record(item)
        _stop_at_failure(item)
        raise
    run = item.stash.get(_RUN, None)
    if run is not None:
        verdict = run.finish(Outcome.PASS, "")
        if verdict.outcome is not Outcome.PASS:
            _record(item)
            _stop_at_failure(item)
            pytest.fail(run.explain(), pytrace=False)
    return result


def _outcome(error: BaseException) -> tuple[Outcome, str]:
    """Return how a test ended that raised `error`, and one line of why."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, pytest.skip.Exception):
        return Outcome.SKIP, reason
    if isinstance(error, MachineError):
        return Outcome(error.outcome), reason
    return Outcome.FAIL, reason


def _finish(item: pytest.Item, outcome: Outcome, reason: str) -> None:
    run = item.stash.get(_RUN, None)
    if run is not None:
        run.finish(outcome, reason)
        if outcome is not Outcome.SKIP:
            item.add_report_section("call", "machine", run.explain())


def _record(item: pytest.Item) -> None:
    """Leave a recording of a red test's commands in its run directory, if that was asked for."""
    run = item.stash.get(_RUN, None)
    wanted = item.config.getoption("--record")
    if not wanted or run is None or run.verdict is None or not run.verdict.is_red:
        return
    choices = item.config.stash[_PLATFORMS].choices
    try:
        scene = load_run(run.directory)
        qemu = find_emulator(scene.spec.arch, choices.qemu, choices.cache)
        record(scene, qemu, run.directory / "recording")
    except HarnessError as error:
        item.add_report_section("call", "recording", f"there is none: {error}")
    else:
        item.add_report_section("call", "recording", f"./rustbed repro replay {run.directory / 'recording'}")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stop_at_failure(item: pytest.Item) -> None:
    """Let a person into the machine of a red test, if that was asked for."""
    run = item.stash.get(_RUN, None)
    if (
        not item.config.getoption("--on-failure")
        or run is None
        or run.verdict is None
        or not run.verdict.is_red
    ):
        return
    choices = item.config.stash[_PLATFORMS].choices
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend(in_=True)
    try:
        _tell(f"\n{run.explain()}")
        stop_at_failure(
            run.directory,
            run.alive,
            lambda arch: find_emulator(arch, choices.qemu, choices.cache),
            input,
            _tell,
        )
    except HarnessError as error:
        _tell(f"no shell: {error}")
    finally:
        if capture is not None:
            capture.resume()


def _hide_ours(call: pytest.CallInfo[None]) -> None:
    """Leave of an error of ours the frames of the test: ours say nothing its text does not."""
    if call.excinfo is not None and isinstance(call.excinfo.value, HarnessError):
        call.excinfo.value.__cause__ = None
        theirs = call.excinfo.traceback.filter(lambda entry: _OURS not in Path(entry.path).parents)
        if theirs:
            call.excinfo.traceback = theirs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the files need to the report, which travels from workers to the writer."""
    _hide_ours(call)
    report = yield
    if call.when == "setup" and call.excinfo is not None and isinstance(call.excinfo.value, HarnessError):
        # what went wrong is in the text; pytest's frames and ours are no news to anybody
        report.longrepr = f"{type(call.excinfo.value).__name__}: {call.excinfo.value}"
    run = item.stash.get(_RUN, None)
    if call.when == "setup" and call.excinfo is not None and run is not None:
        run.finish(*_outcome(call.excinfo.value))
    if run is not None and run.verdict is not None:
        report.user_properties = [
            *(pair for pair in report.user_properties if pair[0] != FACTS),
            facts_of(run.verdict, run.reports, run.directory, run.kernel_log(), run.explain()),
        ]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """With --confirm, run a red test again; what its reports say stands, and these runs beside it."""
    times: int = item.config.getoption("--confirm")
    if not times:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    red = [report for report in reports if case_of(report).outcome in RED]
    again: list[list[pytest.TestReport]] = []
    try:
        for _ in range(times if red else 0):
            if _RUN in item.stash:
                del item.stash[_RUN]
            again.append(runtestprotocol(item, log=False, nextitem=nextitem))
    finally:
        if again:
            confirm(red[0], again)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


# -- results -----------------------------------------------------------------------


def _session_directory(config: pytest.Config) -> Path:
    given = getattr(config, "workerinput", {})
    return Path(given["rustbed_session"]) if "rustbed_session" in given else config.stash[_SESSION]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Open the session's directory and leave in it the document that says we were lost."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    base = Path(config.getoption("--results") or config.rootpath / "results").absolute()
    config.stash[_SESSION] = rundir.open_session(base)
    recorder = Recorder(config.stash[_SESSION], asked=_asked(config), known=config.stash[_KNOWN])
    config.pluginmanager.register(recorder, _RECORDER)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what machines a worker has started to the process that writes the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_COUNTS] = dict(session.config.stash[_MACHINES].counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker that ended handed over."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_MACHINES].counts.update(output.get(_COUNTS, {}))
    if recorder := node.config.pluginmanager.get_plugin(_RECORDER):
        recorder.properties |= output.get(_PLAN, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where the machines came from."""
    if counts := config.stash[_MACHINES].counts:
        terminalreporter.write_line(f"rustbed: {render_counts(counts)}")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which session it works for."""
    node.workerinput["rustbed_session"] = str(node.config.stash[_SESSION])


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is tested."""
    return f"rustbed: {_asked(config)}"


def _asked(config: pytest.Config) -> str:
    arches = ", ".join(arch.name for arch in _arches(config))
    chosen = config.stash[_PLATFORMS].choices
    return f"kernel {chosen.kernel}, profile {chosen.profile}, {arches}, accel {chosen.accel}"
