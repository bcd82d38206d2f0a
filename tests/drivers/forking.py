"""Copies of a test's machine, for tests that want one for each of many cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rustbed import Vm
from rustbed.errors import ForkError


@contextmanager
def copied(vm: Vm) -> Iterator[Vm]:
    """Yield a copy of a machine; the test is skipped where that machine cannot be copied."""
    try:
        with vm.fork() as twin:
            yield twin
    except ForkError as error:
        pytest.skip(f"one machine for each fault: {error.headline}")
