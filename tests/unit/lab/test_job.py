"""What KernelCI's API says of jobs, and what is sent back."""

from __future__ import annotations

from typing import Any

import pytest

from rustbed.lab.job import (
    Ending,
    RefusedError,
    claimed,
    find_arch,
    finished,
    parse_definition,
    parse_event,
)

NODE: dict[str, Any] = {
    "id": "6aa",
    "kind": "job",
    "state": "available",
    "owner": "x",
    "group": "g",
    "treeid": "t",
    "artifacts": {"job_definition": "https://storage/1.json"},
    "data": {"runtime": "lab", "platform": "qemu"},
}


def test_an_event_of_a_job_is_an_offer() -> None:
    offer = parse_event({"timestamp": "2026", "node": NODE})
    assert offer is not None
    assert (offer.node, offer.definition, offer.runtime) == ("6aa", "https://storage/1.json", "lab")


@pytest.mark.parametrize("event", [None, [], {}, {"node": {}}, {"node": NODE | {"kind": "kbuild"}}])
def test_other_events_offer_nothing(event: object) -> None:
    assert parse_event(event) is None
    assert parse_event({"node": NODE | {"artifacts": {}}}) is None


def test_a_definition_that_is_no_address_is_refused() -> None:
    with pytest.raises(RefusedError, match="is not an address: 'file:///x'"):
        parse_event({"node": NODE | {"artifacts": {"job_definition": "file:///x"}}})


@pytest.mark.parametrize("name", ["../../home", "", ".", "a/b", 5, None])
def test_a_node_whose_id_is_no_name_of_a_directory_is_refused(name: object) -> None:
    with pytest.raises(RefusedError, match="it has no id"):
        parse_event({"node": NODE | {"id": name}})


@pytest.mark.parametrize(
    ("name", "arch"),
    [("x86_64", "x86_64"), ("arm64", "arm64"), ("riscv", "riscv64"), ("s390", "s390x"), ("mips", None)],
)
def test_architectures_have_our_name_or_the_kernels(name: str, arch: str | None) -> None:
    found = find_arch(name)
    assert (found.name if found else None) == arch


def test_checksums_are_of_the_kernel_and_its_modules_and_may_be_missing() -> None:
    artifacts = {"kernel": "https://s/Image", "modules": "https://s/modules.tar.xz"}
    definition = {"artifacts": artifacts, "environment": {"arch": "arm64"}}
    assert parse_definition(definition).sha256 == {}
    # KernelCI's template writes that where it has none
    assert parse_definition(definition | {"integrity": {"sha256": {"_comment": "later"}}}).sha256 == {}
    sums = {"kernel": "AB" * 32, "dtb": "x"}
    assert parse_definition(definition | {"integrity": {"sha256": sums}}).sha256 == {"kernel": "ab" * 32}
    with pytest.raises(RefusedError, match="SHA-256 of its modules is not one: 'abc'"):
        parse_definition(definition | {"integrity": {"sha256": {"modules": "abc"}}})


def test_a_claim_is_an_id_beside_what_the_node_has() -> None:
    assert claimed(NODE, "lab:1") == {"data": {"runtime": "lab", "platform": "qemu", "job_id": "lab:1"}}
    assert claimed(NODE | {"state": "done"}, "lab:2") is None
    assert claimed(NODE | {"data": {"job_id": "lab:1"}}, "lab:2") is None


def test_an_event_says_whether_its_job_was_free() -> None:
    for change, is_free in (({}, True), ({"state": "done"}, False), ({"data": {"job_id": "x"}}, False)):
        offer = parse_event({"node": NODE | change})
        assert offer is not None
        assert offer.is_free is is_free


def test_an_ending_sends_nothing_that_the_node_has() -> None:
    assert finished(NODE, Ending(result="pass")) == {"state": "done", "result": "pass"}
    sent = finished(NODE, Ending(result="incomplete", error="why"))
    assert sent["data"] == NODE["data"] | {"error_code": "Infrastructure", "error_msg": "why"}
