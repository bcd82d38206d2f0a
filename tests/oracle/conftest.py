"""Which kernel the oracle's modules are built for."""

from __future__ import annotations

import pytest

# has every detector; the other architectures are tested with the profile that the session asks for
FULL = "x86_64"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give that architecture the kernel that notices most."""
    callspec = getattr(item, "callspec", None)
    if callspec is not None and getattr(callspec.params.get("rustbed_arch"), "name", "") == FULL:
        item.add_marker(pytest.mark.machine(profile="debug"))
