"""What every driver should survive, tried on drivers of the kernel's tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

# the steps are the same everywhere; elsewhere they are tried by `rustbed life`
pytestmark = pytest.mark.arches("x86_64")

Life = Callable[[], None]


@pytest.mark.needs("rust_misc_device")
@pytest.mark.lifecycle("rust_misc_device", ioctls=[0x7C80, 0x80047C81, 0x40047C82])
def test_rust_misc_device(life: Life) -> None:
    life()
