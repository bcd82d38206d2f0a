"""How properties are tried. Settings of a test's own inherit from these if they are made after the import."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# nothing is asserted about time: hosts are busy. A gate says the same of the same commit, so it tries the
# same inputs each time; new ones are searched for with --hypothesis-profile=search
settings.register_profile(
    "rustbed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile(
    "search", settings.get_profile("rustbed"), derandomize=False, max_examples=2000, print_blob=True
)
settings.load_profile("rustbed")
