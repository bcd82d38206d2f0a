"""A driver that needs what the kernel was built without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_builds(build_module: Callable[[str], Path]) -> None:
    assert build_module("gated")
