"""Which tests run, on which architectures, in which order and by how many workers."""

from __future__ import annotations

import pytest

from rustbed import host
from rustbed.arch import ARCHES, Arch, require_arch
from rustbed.options import read_arches
from rustbed.plugin.stash import RECORDER, SHARD, TIMES
from rustbed.report.shard import divide, render_plan
from rustbed.request import MachineRequest

# what a worker tells of how the tests were divided
PLAN = "rustbed_plan"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test that has a machine an architecture, in its id."""
    if "arch" not in metafunc.fixturenames:
        return
    for marker in metafunc.definition.iter_markers("parametrize"):
        if marker.args and "arch" in str(marker.args[0]).replace(",", " ").split():
            test = metafunc.definition.nodeid
            raise pytest.UsageError(f"{test}: arch is given to a test, not by it: use @pytest.mark.arches()")
    arches = read_arches(metafunc.config.getoption)
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
    if (shard := config.stash[SHARD]) is not None:
        _keep_shard(config, items, *shard)


def _keep_shard(config: pytest.Config, items: list[pytest.Item], number: int, count: int) -> None:
    """Leave of the tests those of this part, and remember how they were divided."""
    tests = [item.nodeid for item in items]
    numbers = divide(tests, config.stash[TIMES], count)
    divided = list(zip(items, numbers, strict=True))
    config.hook.pytest_deselected(items=[item for item, part in divided if part != number])
    items[:] = [item for item, part in divided if part == number]
    plan = {"shard": f"{number}/{count}", "shard_plan": render_plan(tests, numbers)}
    # under xdist only the workers collect
    if hasattr(config, "workeroutput"):
        config.workeroutput[PLAN] = plan
    if recorder := config.pluginmanager.get_plugin(RECORDER):
        recorder.properties |= plan


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer `-n auto`: as many workers as there are cores and memory for their machines."""
    return host.worker_limit(MachineRequest().memory_mib)
