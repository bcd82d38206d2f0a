"""What holds for tests of pure functions. Those with machines do without hypothesis, which loads slowly."""

from __future__ import annotations

import tests.properties  # noqa: F401 - loads the profile
