"""What plug makes of a device's options; plugging itself is in tests/boot."""

from __future__ import annotations

import pytest

from rustbed.machine.deviceadd import typed


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("on", "bool", True),
        ("no", "bool", False),
        ("4096", "uint64", 4096),
        ("0x10", "uint32", 16),
        ("-1", "int32", -1),
        ("65536", "size", 65536),
        ("12", "str", "12"),
        ("on", "OnOffAuto", "on"),
        # QEMU's own words about these are the best ones
        ("perhaps", "bool", "perhaps"),
        ("1M", "size", "1M"),
        ("", "uint64", ""),
    ],
)
def test_value_gets_the_type_of_its_property(text: str, kind: str, value: object) -> None:
    assert (typed(text, kind), type(typed(text, kind))) == (value, type(value))
