"""Names of tests."""

from __future__ import annotations


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered: names are the same in every worker, and compressed bytes hold the time of day."""
    return argname if isinstance(val, bytes) else None
