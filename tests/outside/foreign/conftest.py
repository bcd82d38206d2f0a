"""What all tests of this project share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def drivers_directory() -> Path:
    return Path(__file__).parent / "drivers"
