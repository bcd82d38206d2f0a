"""What machines of a cache claim of the host's memory, as the ledger's file says."""

from __future__ import annotations

import json
from pathlib import Path


def claims(cache: Path) -> list[dict[str, int]]:
    """Return the claims below a cache's directory: `pid`, `born`, `serial` and `mib` of each."""
    found: list[dict[str, int]] = json.loads((cache / "locks/machines.json").read_text())
    return found
