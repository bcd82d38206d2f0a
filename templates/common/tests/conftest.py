"""What the tests of @name@ share."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def driver(build_module: Callable[[str], Path]) -> Path:
    """Return the driver, built for the kernel under test."""
    return build_module(str(Path(__file__).parent.parent / "driver"))
