from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from rustbed.packs import oci
from rustbed.packs.oci import Blob, Pack, PackError

BLOB = Blob(digest="sha256:" + "1" * 64, size=7)
CONFIG = Blob(digest="sha256:" + "2" * 64, size=9, media_type=oci.CONFIG)


def test_a_manifest_says_what_it_was_made_of() -> None:
    data = oci.render_manifest({"arch": "x86_64"}, {"boot": BLOB}, CONFIG)
    blob = oci.describe(data, oci.MANIFEST)
    assert oci.parse_manifest(data, blob) == Pack(
        blob=blob, facts={"arch": "x86_64"}, parts={"boot": BLOB}, config=CONFIG
    )
    assert blob.matches(data)
    assert not blob.matches(data + b" ")


def test_an_index_leads_to_its_packs_whatever_their_order() -> None:
    packs = [
        Pack(blob=Blob(digest=f"sha256:{number:064}", size=1, media_type=oci.MANIFEST), facts={"kind": "x"})
        for number in range(3)
    ]
    data = oci.render_index(packs)
    assert data == oci.render_index(packs[::-1])
    assert oci.parse_index(data) == tuple(packs)
    top = oci.render_layout(oci.describe(data, oci.INDEX))["index.json"]
    assert oci.parse_top(top) == oci.describe(data, oci.INDEX)


def test_an_index_that_a_client_copied_under_another_name_is_found() -> None:
    ours = {"mediaType": oci.INDEX, "digest": BLOB.digest, "size": 1}
    today = ours | {"annotations": {"org.opencontainers.image.ref.name": "today"}}
    image = ours | {"mediaType": oci.MANIFEST}
    for entry in (ours, today):
        assert oci.parse_top(json.dumps({"manifests": [image, entry]}).encode()).digest == BLOB.digest
    with pytest.raises(PackError, match="this layout has no packs"):
        oci.parse_top(json.dumps({"manifests": [ours, today]}).encode())


def test_images_of_others_in_an_index_are_passed_over() -> None:
    entry = {"mediaType": oci.MANIFEST, "digest": BLOB.digest, "size": 1}
    assert oci.parse_index(json.dumps({"manifests": [entry]}).encode()) == ()


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(PackError, match="no part 'symbols'"):
        Pack(blob=BLOB, facts={}).part("symbols")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"manifests": {}}',
        '{"manifests": []}',
        '{"manifests": [{"annotations": {"org.opencontainers.image.ref.name": "packs"}}]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_top_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(PackError) as caught:
        oci.parse_top(text.encode())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [None, 1, "text", [], {}])
@pytest.mark.parametrize(
    "make",
    [
        lambda kind: {"manifests": [kind]},
        lambda kind: {"manifests": [{"mediaType": oci.MANIFEST, "digest": kind, "size": 1}]},
        lambda kind: {"manifests": [{"mediaType": oci.MANIFEST, "digest": BLOB.digest, "size": "1"}]},
        lambda kind: {"layers": [kind], "annotations": {"rustbed.kind": "x"}},
        lambda kind: {"layers": [], "annotations": {"rustbed.kind": "x"}, "config": kind},
        lambda kind: {"layers": [], "annotations": kind},
    ],
)
def test_any_json_is_a_document_or_an_error(make: Callable[[object], object], kind: object) -> None:
    data = json.dumps(make(kind)).encode()
    for parse in (oci.parse_top, oci.parse_index, lambda data: oci.parse_manifest(data, BLOB)):
        with suppress(PackError):
            parse(data)
