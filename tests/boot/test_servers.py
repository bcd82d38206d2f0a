"""The machines of a session that are copied: which have none, how many live, for whom they are ended."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.forks.counts import FORKED, RESTORED, render_counts
from rustbed.forks.machines import Machines
from rustbed.prepare import Choices, Platform
from rustbed.progress import Progress
from tests.boot.copied import Copies

# nothing of it is an architecture's
pytestmark = pytest.mark.arches("x86_64")


def test_reason_why_machines_are_not_copied_is_said_once_and_counted_for_each(
    choices: Choices, platform: Platform, tmp_path: Path
) -> None:
    why = "a machine under kvm belongs to one process"
    said: list[Progress] = []
    uncopyable = replace(platform, qemu=replace(platform.qemu, shim=None, uncopyable=why))
    with Machines(choices.cache, said.append) as machines, ExitStack() as stack:
        copies = Copies(machines, uncopyable, tmp_path, cpus=1)
        assert [copies.next(stack).check("echo alive") for _ in range(3)] == ["alive"] * 3
        assert machines.servers.pids == ()
    assert machines.counts == {FORKED: 3, f"{RESTORED}{why}": 3}
    assert [each.what for each in said if why in each.what] == [f"restoring instead of copying: {why}"]
    assert render_counts(machines.counts).splitlines() == [
        "3 machines forked, 0 booted as asked",
        f"  3 restored instead of copied because {why}",
    ]
