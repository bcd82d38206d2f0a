"""Decides which tests run, on which architectures, in which order and on how many workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed import host
from rustbed.arch import ARCHES
from rustbed.cache import is_cache
from rustbed.errors import UsageError
from rustbed.plugin import results
from rustbed.plugin.fixtures import ARCH_FIXTURE, arch_of, arches_of, needs_of
from rustbed.plugin.lifecycle import life_of
from rustbed.plugin.options import begin, is_asked, is_wanted
from rustbed.plugin.stash import PLAN, RECORDER, SHARD, TIMES, is_worker, outputs_of
from rustbed.report import rundir
from rustbed.report.about import about_of
from rustbed.report.shard import divide, render_plan
from rustbed.request import MachineRequest

# pytest shows its text without a traceback
_NO_TEST = pytest.Collector.CollectError


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out results anywhere, because the copies of tests in them are evidence.

    A cache below the project, as some CI services want it, is left out, too.
    """
    return True if rundir.is_evidence(collection_path) or is_cache(collection_path) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize every test with a machine by architecture."""
    if ARCH_FIXTURE not in metafunc.fixturenames:
        return
    for marker in metafunc.definition.iter_markers("parametrize"):
        if marker.args and "arch" in str(marker.args[0]).replace(",", " ").split():
            test = metafunc.definition.nodeid
            raise _NO_TEST(f"{test}: a test cannot parametrize arch: use @pytest.mark.arches()")
    try:
        begin(metafunc.config)
        arches = arches_of(metafunc.definition)
    except (pytest.UsageError, UsageError) as error:
        raise _NO_TEST(str(error)) from error
    made = [pytest.param(arch, id=arch.name) for arch in arches]
    if not made:
        # pytest would speak of an empty parameter set
        wanted = " and ".join(", ".join(marker.args) for marker in metafunc.definition.iter_markers("arches"))
        made = [pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"it is for {wanted} only"))]
    metafunc.parametrize(ARCH_FIXTURE, made, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests: first those without a machine, then one architecture after the other.

    In a session that does not use rustbed the order is not changed.
    """
    ours = [item for item in items if arch_of(item) is not None]
    for item in ours:
        _build_first(item)
        item.user_properties.append(about_of(needs_of(item), life_of(item)))
    if ours:
        order = {name: rank for rank, name in enumerate(ARCHES, start=1)}
        items.sort(key=lambda item: order[arch.name] if (arch := arch_of(item)) else 0)
    if ours or is_asked(config):
        results.begin(config, items)
    if (shard := config.stash.get(SHARD, None)) is not None:
        _keep_shard(config, items, *shard)


def _build_first(item: pytest.Item) -> None:
    """Put fixtures that build before `vm`, wherever a test names them: what does not build needs no machine.

    Fixtures that build and use the machine stay where they are.
    """
    names: list[str] = getattr(item, "fixturenames", [])
    if "vm" not in names or not isinstance(item, pytest.Function):
        return
    behind = names[names.index("vm") + 1 :]
    first = [
        name for name in behind if "build_modules" in (wanted := _closure(item, name)) and "vm" not in wanted
    ]
    rest = [name for name in names if name not in first]
    at = rest.index("vm")
    # the tests of one function share the list
    item.fixturenames = [*rest[:at], *first, *rest[at:]]


def _closure(item: pytest.Function, name: str) -> frozenset[str]:
    """Return the names of a fixture and of all that it asks for."""
    found, todo = set(), [name]
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            todo += [
                each for made in item._fixtureinfo.name2fixturedefs.get(name, ()) for each in made.argnames
            ]
    return frozenset(found)


def _keep_shard(config: pytest.Config, items: list[pytest.Item], number: int, count: int) -> None:
    """Select the tests of this part, and note the division."""
    tests = [item.nodeid for item in items]
    numbers = divide(tests, config.stash[TIMES], count)
    divided = list(zip(items, numbers, strict=True))
    config.hook.pytest_deselected(items=[item for item, part in divided if part != number])
    items[:] = [item for item, part in divided if part == number]
    plan = {"shard": f"{number}/{count}", "shard_plan": render_plan(tests, numbers)}
    # under xdist only workers collect
    if is_worker(config):
        outputs_of(config)[PLAN] = plan
    if recorder := config.pluginmanager.get_plugin(RECORDER):
        recorder.properties |= plan


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Answer `-n auto` in a session of ours: as many workers as cores and memory allow."""
    return host.worker_limit(MachineRequest().hardware.memory_mib) if is_wanted(config) else None
