"""The drivers that a test is about: those that it needs or builds, or whose life cycle it tests. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

# user property with the drivers as JSON, from a worker to the process that writes the files
ABOUT = "rustbed-about"
# user property for each module that was built, or could not be built, for a test
BUILT_FOR = "rustbed-built"
# properties of a case: drivers in its `needs` markers, modules built for it, and the driver that `life` tests
NEEDS, BUILT, LIFE = "needs", "built", "life"


def about_of(needed: Sequence[str], life: str) -> tuple[str, str]:
    """Return a test's drivers as a property of its report; `life` is "" unless the test is such a step."""
    told = {NEEDS: " ".join(needed), LIFE: life}
    return ABOUT, json.dumps({name: value for name, value in told.items() if value})
