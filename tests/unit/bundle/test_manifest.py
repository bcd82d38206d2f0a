"""What a bundle may say of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rustbed.bundle.manifest import (
    MANIFEST_LIMIT,
    NAME,
    TOTAL_LIMIT,
    BundleError,
    Manifest,
    Member,
    check_path,
    parse_manifest,
    render_manifest,
)

SUM = "0" * 64


def manifest(**facts: Any) -> Manifest:
    given: dict[str, Any] = {
        "test": "t",
        "outcome": "fail",
        "reason": "why",
        "splats": (("oops", "Oops in toy"),),
        "came": (),
        "machine": {"cpus": 1},
        "argv": ("-nodefaults",),
        "versions": {"qemu": "11.1.3"},
        "files": {"kernel/image": Member(size=3, sha256=SUM)},
    }
    return Manifest(**given | facts)


def test_a_manifest_survives_its_rendering() -> None:
    assert parse_manifest(render_manifest(manifest())) == manifest()


def test_equal_manifests_are_equal_bytes() -> None:
    a, b = Member(size=1, sha256=SUM), Member(size=2, sha256=SUM)
    assert render_manifest(manifest(files={"a": a, "b": b})) == render_manifest(
        manifest(files={"b": b, "a": a})
    )


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "~/x", "-x", ".ssh/x", "a/.b"),
        *("a b", "a,b", "a\\b", "a\nb", "a\0b", "ä", "C:x", "$x", "x" * 201, "/".join("a" * 9)),
    ],
)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(BundleError, match="a forbidden name"):
        check_path(path)


@pytest.mark.parametrize("path", ["run.sh", "kernel/modules/rust_x-1.ko", "inputs/" + SUM, "c++"])
def test_a_plain_path_is_taken(path: str) -> None:
    assert check_path(path) == path


def damaged(**facts: object) -> bytes:
    return json.dumps(json.loads(render_manifest(manifest())) | facts).encode()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000, b"{}"),
        *(damaged(test=3), damaged(argv="x"), damaged(argv=[1]), damaged(splats=[["a"]]), damaged(machine=3)),
        *(
            damaged(files=[]),
            damaged(files={"a": 3}),
            damaged(files={"a": {"size": 1}}),
            damaged(versions=[]),
        ),
        damaged(files={"a": {"size": -1, "sha256": SUM}}),
        damaged(files={"a": {"size": True, "sha256": SUM}}),
        damaged(files={"a": {"size": 1.5, "sha256": SUM}}),
        damaged(files={"a": {"size": 1, "sha256": SUM.upper() + "x"}}),
        damaged(files={"a": {"size": 1, "sha256": 3}}),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_a_manifest_that_is_wrong_is_damaged(data: bytes) -> None:
    with pytest.raises(BundleError, match="manifest is damaged"):
        parse_manifest(data)


def test_a_later_format_says_so() -> None:
    with pytest.raises(BundleError, match="format 99"):
        parse_manifest(damaged(**{"rustbed bundle": 99}))


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_a_file_that_escapes_is_refused(path: str) -> None:
    with pytest.raises(BundleError, match="a forbidden name"):
        parse_manifest(damaged(files={path: {"size": 1, "sha256": SUM}}))


def test_a_file_that_is_a_directory_of_another_is_refused() -> None:
    entry = {"size": 1, "sha256": SUM}
    with pytest.raises(BundleError, match="as a file and as a directory"):
        parse_manifest(damaged(files={"a": entry, "a/b/c": entry}))


def test_a_bundle_that_declares_too_much_is_refused() -> None:
    half = {"size": TOTAL_LIMIT // 2 + 1, "sha256": SUM}
    with pytest.raises(BundleError, match="too large"):
        parse_manifest(damaged(files={"a": half, "b": half}))


def test_too_many_files_are_refused() -> None:
    entry = {"size": 0, "sha256": SUM}
    data = damaged(files={f"f{number}": entry for number in range(20_001)})
    assert len(data) < MANIFEST_LIMIT
    with pytest.raises(BundleError, match="too large"):
        parse_manifest(data)


def test_the_manifest_is_not_among_its_files() -> None:
    with pytest.raises(BundleError, match="names itself"):
        parse_manifest(damaged(files={NAME: {"size": 1, "sha256": SUM}}))
