"""The fixture `kunit`: suites of the kernel's own tests, of which each case is a test of its own.

A kernel runs a suite as a whole. So the first of its tests has the machine, and the others are told what the
suite reported there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.errors import MachineError, SuiteError, UsageError
from rustbed.guest.kunit import find_places
from rustbed.kernel.source import SourceKind, find_source, parse_source
from rustbed.log.ktap import Outcome, Result
from rustbed.log.kunit import find_case, narrow_suite, require_green
from rustbed.log.splat import KILLING, Splat
from rustbed.machine.suites import hear_suite
from rustbed.plugin.fixtures import instruments_of, platform_of, run_of, spec_of
from rustbed.plugin.options import begin
from rustbed.plugin.stash import PLATFORMS
from rustbed.prepare import Choices
from rustbed.report.cases import SUITE
from rustbed.report.ktap import heard_of
from rustbed.report.verdict import Expectation, splat_line

_FIXTURE = "kunit"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What one test is about."""

    suite: str
    # "" for the suite as a whole, where the kernel's source does not tell its cases
    name: str
    # all cases of the suite that have tests
    listed: tuple[str, ...]


@dataclass(kw_only=True)
class Heard:
    """What a suite reported in a machine."""

    result: Result
    # how the machine ended meanwhile, if it did
    died: MachineError | None
    # of the run
    directory: Path
    # what the kernel reported while a case ran, by its name
    causes: Mapping[str, tuple[Splat, ...]] = field(default_factory=dict)
    # tests that were told: one that comes again wants another run
    told: set[str] = field(default_factory=set)


# by architecture, machine and suite
_HEARD = pytest.StashKey[dict[tuple[str, str, str], Heard]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each case of the suites that the markers name."""
    markers = list(metafunc.definition.iter_markers(_FIXTURE))
    if _FIXTURE not in metafunc.fixturenames or not markers:
        return
    try:
        begin(metafunc.config)
        source = _source_of(metafunc.config.stash[PLATFORMS].choices)
        made = [_params(source, *marker.args, **marker.kwargs) for marker in reversed(markers)]
    except (pytest.UsageError, UsageError) as error:
        raise pytest.Collector.CollectError(str(error)) from error
    except TypeError as error:
        raise pytest.Collector.CollectError(f"the marker kunit takes a suite: {error}") from error
    metafunc.parametrize(_FIXTURE, [param for params in made for param in params], indirect=True)


def _source_of(choices: Choices) -> Path | None:
    """Return the source of the session's kernel, if it is here."""
    spec = parse_source(choices.kernel)
    if spec.kind is SourceKind.TREE:
        return spec.path
    found = find_source(spec, choices.cache)
    return found.directory if found else None


def _params(source: Path | None, suite: str, needs: Iterable[str] = ()) -> Iterator[object]:
    """Return what a marker stands for: cases, or the suite as a whole where its source is not here."""
    listed = tuple(find_places(source, suite))
    marks = [pytest.mark.needs(*needs)] if needs else []
    return (
        pytest.param(
            Case(suite=suite, name=name, listed=listed),
            id="-".join(filter(None, (suite, name))),
            marks=marks,
        )
        for name in listed or ("",)
    )


@pytest.fixture
def kunit(rustbed_arch: Arch, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Return a function that runs a case of a suite, both named by the `kunit` marker.

    It raises SuiteError if the case is red, UsageError for a suite that the kernel does not have, and what
    machines raise.
    """
    if not hasattr(request, "param"):
        raise UsageError("the fixture kunit wants @pytest.mark.kunit(SUITE) on the test")
    item, case = request.node, request.param
    _, wanted = platform_of(item, rustbed_arch)
    memory = request.config.stash.setdefault(_HEARD, {})

    def hear() -> None:
        key = (rustbed_arch.name, repr(wanted), case.suite)
        heard = memory.get(key)
        is_first = heard is None or item.nodeid in heard.told
        if heard is None or is_first:
            heard = memory[key] = _run_suite(request, rustbed_arch, case.suite)
            run = run_of(request)
            run.expected = [*run.expected, *leave_to_others(case, heard)]
        heard.told.add(item.nodeid)
        judge(item, rustbed_arch, case, heard, is_first=is_first)

    return hear


def leave_to_others(case: Case, heard: Heard) -> list[Expectation]:
    """Return declarations of what the kernel reported while other cases ran, for the run of the first test.

    Those cases' own tests fail by it. What kills a task or the machine stays with the first test.
    """
    mine = {splat.title for name, found in heard.causes.items() if name in ("", case.name) for splat in found}
    others = {
        splat.title: splat
        for name, found in heard.causes.items()
        if name in case.listed and name != case.name
        for splat in found
    }
    return [
        Expectation(pattern=f"^{re.escape(title)}$", kind=splat.kind)
        for title, splat in others.items()
        if title not in mine and not splat.fatal and splat.kind not in KILLING
    ]


def _require_silence(case: Case, heard: Heard) -> None:
    """Raise SuiteError if the kernel reported something while a case ran."""
    if found := heard.causes.get(case.name, ()):
        raise SuiteError(
            f"{case.suite}: {case.name}: {splat_line(found[0])}", why=f"it is in the log of {heard.directory}"
        )


def _run_suite(request: pytest.FixtureRequest, arch: Arch, suite: str) -> Heard:
    """Run a suite on a machine of its own. Raises what keeps it from being begun."""
    platform, wanted = platform_of(request.node, arch)
    spec = spec_of(request.node, platform, wanted)
    test = run_of(request)
    kept: list[Result] = []
    causes: dict[str, tuple[Splat, ...]] = {}
    died = None
    try:
        instruments = instruments_of(request.node, platform.kernel)
        with test.machine(platform, spec, instruments, from_boot=False) as vm:
            causes = hear_suite(vm.live, suite, kept.append)
    except MachineError as error:
        if not kept:
            raise
        died = error
    return Heard(result=kept[0], died=died, directory=test.directory, causes=causes)


def judge(item: pytest.Item, arch: Arch, case: Case, heard: Heard, *, is_first: bool) -> None:
    """Keep the test's case as a case of its report, and end the test as it ended.

    What no other test is for belongs to the first one: cases that the source does not tell, and the machine.
    """
    found = find_case(heard.result, case.name) if case.name else None
    others = [each for each in heard.result.children if is_first and _is_unlisted(each, case)]
    shown = narrow_suite(heard.result, [*filter(None, [found]), *others], is_first=is_first)
    if shown.children or shown.is_red:
        item.user_properties.append(heard_of(shown, SUITE, arch.name))
    item.add_report_section("call", "kunit", f"{case.suite} ran in {heard.directory}")
    if is_first and heard.died is not None:
        raise heard.died
    require_green(shown)
    if not is_first:
        # the first one's own are in the log of its machine
        _require_silence(case, heard)
    if case.name and found is None:
        pytest.skip(f"{case.suite} of this kernel has no {case.name}")
    if found is not None and found.outcome is Outcome.SKIP:
        pytest.skip(found.reason)


def _is_unlisted(result: Result, case: Case) -> bool:
    """Whether a result has no test of its own; a lost one, which has lost its name, has."""
    return result.name not in case.listed and not (case.listed and result.outcome is Outcome.LOST)
