"""A pytest that is imported and waits: it runs when its arguments come, one JSON list on standard input.

Starting Python and importing what machines need takes longer than many a test. Each run has a process of
its own all the same, so that no run leaves anything for the next.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

import pytest

# not the plugin's own modules, whose asserts pytest rewrites
_HEAVY = ("rustbed.testrun", "rustbed.forks.machines", "rustbed.repro.interactive", "rustbed.report.recorder")
# pytest would rewrite everything below rustbed, which has no asserts that need it
_ARGUMENTS = ("-W", "ignore:Module already imported so cannot be rewritten")


def main() -> int:
    """Import, wait, and run pytest; return its exit status, or 0 if there is nothing to run."""
    for module in _HEAVY:
        import_module(module)
    line = sys.stdin.readline()
    return int(pytest.main([*_ARGUMENTS, *json.loads(line)])) if line else 0


if __name__ == "__main__":
    sys.exit(main())
