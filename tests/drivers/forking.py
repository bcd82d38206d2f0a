"""Copies of a test's machine, for tests that want one for each of many cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rustbed import Vm


@contextmanager
def copied(vm: Vm) -> Iterator[Vm]:
    """Yield a copy of a machine; the test is skipped where this session's machines are not copied.

    Those are started without the library that copies them: under KVM, with `--forks restored`, or where it
    cannot be compiled. A ForkError of any other machine is a failure.
    """
    if vm.live.running.control is None:
        pytest.skip("one machine for each fault: this session's machines are not copied")
    with vm.fork() as twin:
        yield twin
