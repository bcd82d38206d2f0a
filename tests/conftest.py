"""What holds for all tests, and a bug of the kernel that none of them is about."""

from __future__ import annotations

import pytest

from rustbed.kernel.artifact import Kernel


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered: names are the same in every worker, and compressed bytes hold the time of day."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def hotplug(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """For tests that plug devices: the kernel's own hotplug driver makes lockdep report.

    Nothing else may fail them: what a verdict raises is no AssertionError and no error of a machine.
    """
    if kernel.has("CONFIG_PROVE_LOCKING"):
        known = pytest.mark.xfail(
            strict=True, raises=pytest.fail.Exception, reason="docs/findings/pciehp-reset-lock.md"
        )
        request.applymarker(known)
