"""What tests of copies of a running machine share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import Vm, testrun
from rustbed.arch import Arch
from rustbed.forks.counts import FORKED
from rustbed.forks.machines import Machines
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import Choices, Platform, prepare
from rustbed.progress import ignore
from tests.boot.copied import Copies, Start, require_copies

# what it finds is shown, as that of a test is
pytest.register_assert_rewrite("tests.boot.promises")


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> Choices:
    return replace(read_choices(given(request.config)), forks="hot")


@pytest.fixture
def platform(arch: Arch, choices: Choices) -> Platform:
    found = prepare(arch, choices, ignore)
    require_copies(found)
    return found


@pytest.fixture
def cpus() -> int:
    return 1


@pytest.fixture
def copies(choices: Choices, platform: Platform, tmp_path: Path, cpus: int) -> Iterator[Copies]:
    with Machines(choices.cache, ignore) as machines:
        made = Copies(machines, platform, tmp_path, cpus)
        # the first of its kind is restored
        with ExitStack() as stack:
            made.next(stack)
        assert machines.counts == {FORKED: 1}
        machines.counts.clear()
        yield made


@pytest.fixture
def forks() -> str:
    return "hot"


@pytest.fixture
def run(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path, forks: str, cpus: int
) -> Iterator[tuple[testrun.TestRun, Start]]:
    """Yield a test run whose machines can be copied unless their forks are restored, and what starts one."""
    choices = replace(read_choices(given(request.config)), forks=forks)
    platform = prepare(arch, choices, ignore)
    require_copies(platform)
    platform = replace(platform, cpus=cpus)
    with Machines(choices.cache, ignore) as machines:
        test = testrun.TestRun(test="test", directory=tmp_path / "run", machines=machines)

        @contextmanager
        def start(*, from_boot: bool = False, **hardware: object) -> Iterator[Vm]:
            spec = platform.spec()
            spec = replace(spec, hardware=replace(spec.hardware, **hardware))  # type: ignore[arg-type]
            with test.machine(platform, spec, from_boot=from_boot) as vm:
                yield vm

        yield test, start


@pytest.fixture
def start(run: tuple[testrun.TestRun, Start]) -> Start:
    return run[1]
