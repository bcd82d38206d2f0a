"""Servers that run before a session begins, as those of `rustbed watch`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from rustbed.forks.counts import FORKED
from rustbed.forks.hot.ahead import keep_kinds, load_kept, open_servers
from rustbed.forks.machines import Machines
from rustbed.prepare import Choices, Platform
from rustbed.progress import ignore
from tests.boot.copied import Copies
from tests.processes import children


@pytest.mark.parametrize("is_parked", [True, False])
def test_first_machine_is_a_copy_where_the_session_before_kept_its_kind(
    choices: Choices, platform: Platform, tmp_path: Path, *, is_parked: bool
) -> None:
    before, file, second = set(children(os.getpid())), tmp_path / "machines", tmp_path / "second"
    second.mkdir()
    with Machines(choices.cache, ignore) as machines, ExitStack() as stack:
        Copies(machines, platform, tmp_path, cpus=1).next(stack)
        assert machines.counts == {FORKED: 1}
        keep_kinds(file, choices.cache, machines.kinds)
    kept = load_kept(file)
    assert kept is not None
    with open_servers(kept, tmp_path) as (servers, parking):
        (park,) = parking
        if is_parked:
            park()
        with Machines(choices.cache, ignore, servers=servers) as machines, ExitStack() as stack:
            vm = Copies(machines, platform, second, cpus=1).copy(stack)
            assert vm.check("echo alive") == "alive"
    assert set(children(os.getpid())) <= before
