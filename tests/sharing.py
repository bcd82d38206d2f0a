"""What the workers of a session make once and share: an installation, the results of a scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed.cache import Cache


def make_once(
    config: pytest.Config, factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """Return a directory of this session that `make` has filled; the other workers wait for the first one.

    What `make` raises is raised, and the next one who asks begins anew.
    """
    base = factory.getbasetemp()
    shared = (base.parent if hasattr(config, "workerinput") else base) / "shared"
    made = shared / f"{name}.made"
    with Cache(shared).lock(name):
        if not made.exists():
            (shared / name).mkdir(exist_ok=True)
            make(shared / name)
            made.touch()
    return shared / name
