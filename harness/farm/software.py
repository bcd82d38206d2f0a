"""What must be of one version on all hosts of a farm."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version


@cache
def software() -> tuple[str, ...]:
    """Return the names, with versions, of what reads what a session of the same sends."""
    return (f"Python {sys.version_info.major}.{sys.version_info.minor}", f"rustbed {version('rustbed')}")
