"""Machines that are copies of a running one; the last test waits to be interrupted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rustbed import Vm


# fewer would be forks of the saved machine
@pytest.mark.parametrize("number", range(5))
def test_before(vm: Vm, number: int) -> None:
    vm.check("echo alive")


def test_waits(vm: Vm) -> None:
    with vm.forks(2) as twins:
        for twin in twins:
            twin.check("echo alive")
        Path(os.environ["SCENE_READY"]).write_text("ready\n")
        time.sleep(60)
