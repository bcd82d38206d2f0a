"""The fixture `kunit`: KUnit suites of the kernel or of a module, of which each case is a test of its own.

A kernel runs a suite as a whole. So the first of its tests has the machine, and the others are told what the
suite reported there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.errors import MachineError, SuiteError, UsageError
from rustbed.guest.kunit import find_places
from rustbed.kernel.doctests import is_of_doctests, list_doctests
from rustbed.kernel.source import SourceKind, find_source, parse_source
from rustbed.log.ktap import Outcome, Result
from rustbed.log.kunit import find_case, narrow_suite, require_green
from rustbed.log.splat import KILLING, Splat
from rustbed.machine.suites import hear_suite
from rustbed.plugin.fixtures import (
    arches_of,
    expected_of,
    instruments_of,
    platform_of,
    request_of,
    run_of,
    spec_of,
)
from rustbed.plugin.options import begin
from rustbed.plugin.stash import CASES, PLATFORMS
from rustbed.prepare import Choices, find_vmlinux
from rustbed.report.cases import SUITE
from rustbed.report.ktap import heard_of
from rustbed.report.verdict import Expectation, splat_line

_FIXTURE = "kunit"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What one test is about."""

    suite: str
    # "" for the suite as a whole, where nothing tells its cases
    name: str
    # all cases of the suite that have tests
    listed: tuple[str, ...]
    # the module that has the suite, or its directory, relative to the test's; "" for what is built in
    module: str = ""


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
    # the suite's cases as its kernel itself names them; none where it does not
    named: tuple[str, ...] = ()
    # tests that were told: one that comes again wants another run
    told: set[str] = field(default_factory=set)


# by architecture, machine, module and suite
_HEARD = pytest.StashKey[dict[tuple[str, str, str, str], Heard]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each case of the suites that the markers name."""
    markers = list(metafunc.definition.iter_markers(_FIXTURE))
    if _FIXTURE not in metafunc.fixturenames or not markers:
        return
    try:
        begin(metafunc.config)
        made = [_params(metafunc.definition, *marker.args, **marker.kwargs) for marker in reversed(markers)]
    except (pytest.UsageError, UsageError) as error:
        raise pytest.Collector.CollectError(str(error)) from error
    except TypeError as error:
        raise pytest.Collector.CollectError(f"the marker kunit takes a suite: {error}") from error
    metafunc.parametrize(_FIXTURE, [param for params in made for param in params], indirect=True)


def suite_of(item: pytest.Item) -> str:
    """Return the suite of which a test is a case, "" for another test."""
    made = getattr(item, "callspec", None)
    case = made.params.get(_FIXTURE) if made else None
    return f"{case.module}:{case.suite}" if isinstance(case, Case) else ""


def _source_of(choices: Choices) -> Path | None:
    """Return the source of the session's kernel, if it is here."""
    spec = parse_source(choices.kernel)
    if spec.kind is SourceKind.TREE:
        return spec.path
    found = find_source(spec, choices.cache)
    return found.directory if found else None


def _params(item: pytest.Item, suite: str, needs: Iterable[str] = (), module: str = "") -> Iterator[object]:
    """Return what a marker stands for: cases, or the suite as a whole where nothing tells them."""
    listed = _list_known(item, suite, module)
    marks = [pytest.mark.needs(*needs)] if needs else []
    return (
        pytest.param(
            Case(suite=suite, name=name, listed=listed, module=module),
            id="-".join(filter(None, (suite, name))),
            marks=marks,
        )
        for name in listed or ("",)
    )


def _list_known(item: pytest.Item, suite: str, module: str) -> tuple[str, ...]:
    """Return the cases of a suite; on a worker of a farm those of its session, whose tests it gets.

    What a host finds depends on the kernels and sources in its cache.
    """
    cases, name = item.config.stash.setdefault(CASES, {}), f"{item.nodeid} {module}:{suite}"
    if name not in cases:
        cases[name] = _list_cases(item, suite, module)
    return tuple(cases[name])


def _list_cases(item: pytest.Item, suite: str, module: str) -> tuple[str, ...]:
    """Return the cases of a suite by the sources, or by the kernels if these are built."""
    if (item.path.parent / module).is_dir() and module:
        return tuple(_find_own_places(item, suite, module))
    choices = item.config.stash[PLATFORMS].choices
    if listed := tuple(find_places(_source_of(choices), suite)):
        return listed
    if not is_of_doctests(suite):
        return ()
    choices = choices.with_profile(request_of(item).profile)
    named = (list_doctests(find_vmlinux(arch, choices), suite) for arch in arches_of(item))
    return tuple(dict.fromkeys(name for names in named for name in names))


def _find_own_places(item: pytest.Item, suite: str, module: str) -> dict[str, str]:
    """Return file:line of each case of a suite of the project's own, relative to the project."""
    root, directory = item.config.rootpath, (item.path.parent / module).resolve()
    if directory.is_relative_to(root):
        return find_places(root, suite, [str(directory.relative_to(root))])
    return find_places(directory, suite, ["."])


@pytest.fixture
def kunit(rustbed_arch: Arch, request: pytest.FixtureRequest) -> Callable[[], Result]:
    """Return a function that runs the test's case of the suite in the `kunit` marker, and returns its result.

    It raises SuiteError if the case is red, UsageError for a suite that the kernel does not have, and what
    machines raise.
    """
    if not hasattr(request, "param"):
        raise UsageError("the fixture kunit wants @pytest.mark.kunit(SUITE) on the test")
    item, case = request.node, request.param
    _, wanted = platform_of(item, rustbed_arch)
    module: str | Path = case.module
    if module and (item.path.parent / module).is_dir():
        module = request.getfixturevalue("build_module")(module)
    memory = request.config.stash.setdefault(_HEARD, {})

    def hear() -> Result:
        key = (rustbed_arch.name, repr(wanted), str(module), case.suite)
        heard = memory.get(key)
        is_first = heard is None or item.nodeid in heard.told
        if heard is None or is_first:
            heard = memory[key] = _run_suite(request, rustbed_arch, case, module)
            run = run_of(request)
            run.expected = [*run.expected, *leave_to_others(case, heard)]
        heard.told.add(item.nodeid)
        return judge(item, rustbed_arch, case, heard, is_first=is_first)

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


def _require_declared(item: pytest.Item, case: Case, heard: Heard) -> None:
    """Raise SuiteError unless the kernel reported what the test declares while a case ran, and no more."""
    found, declared = heard.causes.get(case.name, ()), expected_of(item)
    where = f"it is in the log of {heard.directory}"
    if odd := [splat for splat in found if not any(each.matches(splat) for each in declared)]:
        raise SuiteError(f"{case.suite}: {case.name}: {splat_line(odd[0])}", why=where)
    if unmet := [each for each in declared if not any(each.matches(splat) for splat in found)]:
        raise SuiteError(f"{case.suite}: {case.name}: expected splat {unmet[0]} did not come", why=where)


def _run_suite(request: pytest.FixtureRequest, arch: Arch, case: Case, module: str | Path) -> Heard:
    """Run a suite on a machine of its own. Raises what keeps it from being begun."""
    item = request.node
    platform, wanted = platform_of(item, arch)
    spec = spec_of(item, platform, wanted)
    test = run_of(request)
    kept: list[Result] = []
    causes: dict[str, tuple[Splat, ...]] = {}
    died = None
    is_own = isinstance(module, Path)
    places = _find_own_places(item, case.suite, case.module) if is_own else None
    try:
        instruments = instruments_of(item, platform.kernel)
        with (
            test.machine(platform, spec, instruments, from_boot=False) as vm,
            vm.module(module) if module else nullcontext(),
        ):
            causes = hear_suite(vm.live, case.suite, kept.append, places)
    except MachineError as error:
        if not kept:
            raise
        died = error
    named = list_doctests(platform.kernel.vmlinux, case.suite)
    return Heard(result=kept[0], died=died, directory=test.directory, causes=causes, named=named)


def judge(item: pytest.Item, arch: Arch, case: Case, heard: Heard, *, is_first: bool) -> Result:
    """Keep the test's case as a case of its report, and end the test as it ended; return its result.

    What no other test is for belongs to the first one: cases that nothing told before, and the machine.
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
    if is_first:
        _require_named(case.suite, heard)
    else:
        # the first one's own are in the log of its machine
        _require_declared(item, case, heard)
    if case.name and found is None:
        if case.name in heard.named:
            raise SuiteError(f"{case.suite}: {case.name}: the kernel has this case and did not report it")
        pytest.skip(f"{case.suite} of this kernel has no {case.name}")
    if found is not None and found.outcome is Outcome.SKIP:
        pytest.skip(found.reason or "the suite skipped it and gave no reason")
    return found or heard.result


def _require_named(suite: str, heard: Heard) -> None:
    """Raise SuiteError for a case that the kernel's ELF file does not name: it is another kernel's."""
    known = {*heard.named, *(each.name for each in heard.result.children if each.outcome is Outcome.LOST)}
    if heard.named and (strays := [each.name for each in heard.result.children if each.name not in known]):
        raise SuiteError(f"{suite}: the kernel reported cases that it does not have", cases=", ".join(strays))


def _is_unlisted(result: Result, case: Case) -> bool:
    """Whether a result has no test of its own; a lost one, which has lost its name, has."""
    return result.name not in case.listed and not (case.listed and result.outcome is Outcome.LOST)
