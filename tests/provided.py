"""What `./rustbed check` provides: without it tests are skipped elsewhere, and fail there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """End a test for want of something that `./rustbed check` makes before it runs the tests."""
    if os.environ.get("RUSTBED_CHECK"):
        pytest.fail(f"{what}, although ./rustbed check has made one")
    pytest.skip(f"{what}: ./rustbed build")
