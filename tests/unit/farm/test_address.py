"""Which addresses a farm may have."""

from __future__ import annotations

import pytest

from rustbed.errors import UsageError
from rustbed.farm.address import parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("localhost:1", "tcp://localhost:1"),
        ("tcp://127.1.2.3:8786/", "tcp://127.1.2.3:8786"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
    ],
)
def test_loopback_is_taken_without_tls(text: str, address: str) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["tls://127.0.0.1:8786", "tls://farm.example.org:1", "tls://[fd00::2]:8786"])
def test_any_host_is_taken_with_tls(text: str) -> None:
    assert parse_address(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tcp://10.0.0.1:8786", "plain TCP is for this host only"),
        ("tcp://0.0.0.0:8786", "plain TCP is for this host only"),
        ("example.org:8786", "plain TCP is for this host only"),
        ("tcp://localhost.example.org:8786", "plain TCP is for this host only"),
        ("tls://farm.example.org", "not the address of a farm"),
        ("tls://:8786", "not the address of a farm"),
        ("tcp://127.0.0.1", "not the address of a farm"),
        ("tcp://127.0.0.1:http", "not the address of a farm"),
        ("tcp://[::1:8786", "not the address of a farm"),
        ("inproc://1", "not the address of a farm"),
        ("", "not the address of a farm"),
    ],
)
def test_others_are_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_address(text)
