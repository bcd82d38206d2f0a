"""What holds for tests of pure functions. Those with machines do without hypothesis, which loads slowly."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# nothing is asserted about time: hosts are busy
settings.register_profile("rustbed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rustbed")
