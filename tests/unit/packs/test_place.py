from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.packs.place import Kind, Place, parse_place, parse_places

PIN = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/packs", Place(kind=Kind.DIRECTORY, base="/packs")),
        (f"/packs@{PIN}", Place(kind=Kind.DIRECTORY, base="/packs", pin=PIN)),
        ("here", Place(kind=Kind.DIRECTORY, base=str(Path.cwd() / "here"))),
        (f"https://host/a/b@{PIN}", Place(kind=Kind.WEB, base="https://host", name="a/b", pin=PIN)),
        (f"http://host:80@{PIN}", Place(kind=Kind.WEB, base="http://host:80", pin=PIN)),
        (f"http://host/@{PIN}", Place(kind=Kind.WEB, base="http://host", pin=PIN)),
        (f"oci://host/a/b@{PIN}", Place(kind=Kind.REGISTRY, base="https://host", name="a/b", pin=PIN)),
        (
            f"oci+http://host:5000/a@{PIN}",
            Place(kind=Kind.REGISTRY, base="http://host:5000", name="a", pin=PIN),
        ),
    ],
)
def test_a_place_is_understood(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text",
    ["https://host/packs", "oci://host/name", "http://host/a@sha256:12", "https://host/a@md5:1234"],
)
def test_a_remote_without_a_digest_is_refused_and_how_to_pin_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="has to be pinned") as caught:
        parse_place(text)
    assert "@sha256:" in str(caught.value)
    assert "pack list" in str(caught.value)


@pytest.mark.parametrize("text", ["ftp://host/a", "file:///a", "https://", "/a@sha256:12", ""])
def test_what_is_no_place_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="not a"):
        parse_place(text)


def test_places_keep_their_order_and_may_have_spaces() -> None:
    assert [place.base for place in parse_places(["/b c", "/a", "/b c"])] == ["/b c", "/a"]
