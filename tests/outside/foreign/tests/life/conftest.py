"""A fixture that is nearer than those above."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def reader(drivers: dict[str, Path]) -> Path:
    return drivers["reader"]
