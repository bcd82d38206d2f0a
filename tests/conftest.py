"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# nothing is asserted about time: hosts are busy
settings.register_profile("rustbed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rustbed")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered: names are the same in every worker, and compressed bytes hold the time of day."""
    return argname if isinstance(val, bytes) else None
