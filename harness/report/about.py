"""What a test is about: drivers that it needs or had built, and the one whose life it is a step of. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

# user property that carries it, as JSON, from a worker to the process that writes the files
ABOUT = "rustbed-about"
# the same for a module that was built for a test, or was to be, once for each
BUILT_FOR = "rustbed-built"
# properties of a case: what its `needs` markers name, the modules built for it, and the driver of a life
NEEDS, BUILT, LIFE = "needs", "built", "life"


def about_of(needed: Sequence[str], life: str) -> tuple[str, str]:
    """Return what a test is about, as a property of its report; `life` is "" of a test that is no step."""
    told = {NEEDS: " ".join(needed), LIFE: life}
    return ABOUT, json.dumps({name: value for name, value in told.items() if value})
