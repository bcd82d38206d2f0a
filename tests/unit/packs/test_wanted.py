from __future__ import annotations

from dataclasses import replace

import pytest

from rustbed.arch import ARCHES
from rustbed.packs.oci import Blob, Pack
from rustbed.packs.wanted import (
    Wanted,
    can_be_packed,
    choose_pack,
    choose_qemu,
    describe_wanted,
    explain_lack,
)

WANTED = Wanted(source="debian:latest", arch=ARCHES["x86_64"], profile="default", recipe="r")


def pack(number: int = 0, **facts: str) -> Pack:
    blob = Blob(digest=f"sha256:{number:064}", size=1)
    return Pack(blob=blob, facts=WANTED.facts() | {"release": "7.3.4"} | facts)


@pytest.mark.parametrize(
    ("source", "wanted", "served"),
    [
        ("debian:latest", "debian:latest", True),
        ("debian:latest", "debian:7.3", True),
        ("debian:latest", "debian:7.3.4", True),
        ("debian:latest", "debian:7.3.40", False),
        ("debian:7.3", "debian:latest", False),
        ("tree:/home/me/linux", "debian:7.3", False),
        ("tarball:https://a/b", "tarball:https://a/b", True),
        ("tarball:https://a/b", "tarball:https://a/c", False),
    ],
)
def test_a_pack_serves_what_its_kernel_is(source: str, wanted: str, *, served: bool) -> None:
    found = choose_pack([pack(source=source)], replace(WANTED, source=wanted))
    assert (found is not None) == served


def test_of_several_the_newest_release_is_taken() -> None:
    packs = [pack(1, release="7.3.4"), pack(2, release="7.10.1"), pack(3, release="7.9.9")]
    assert choose_pack(packs, WANTED) == packs[1]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"arch": "arm64"}, "no kernel for x86_64, only arm64"),
        ({"source": "tree:/a"}, "no kernel for debian:latest on x86_64"),
        ({"profile": "debug"}, "no kernel for x86_64 with profile default"),
        ({"recipe": "other"}, "of another recipe"),
        ({"kind": "qemu"}, "no kernels"),
    ],
)
def test_why_none_will_do_is_said(facts: dict[str, str], why: str) -> None:
    packs = [pack(0, **facts)]
    assert choose_pack(packs, WANTED) is None
    assert why in explain_lack(packs, WANTED)


def test_a_qemu_is_chosen_by_its_package_and_the_host() -> None:
    packs = [
        Pack(
            blob=Blob(digest=f"sha256:{host:0>64}", size=1),
            facts={"kind": "qemu", "package": "q", "host": host},
        )
        for host in ("amd64", "arm64")
    ]
    assert choose_qemu(packs, "q", "arm64") == packs[1]
    assert choose_qemu(packs, "p", "arm64") is None


def test_what_is_wanted_differs_with_profile_and_architecture() -> None:
    made = {
        describe_wanted("debian:latest", ARCHES[arch], profile, (), "default").recipe
        for arch in ("x86_64", "arm64")
        for profile in ("default", "debug")
    }
    assert len(made) == 4
    again = describe_wanted("debian:latest", ARCHES["arm64"], "debug", (), "default")
    assert again.recipe in made


@pytest.mark.parametrize(
    ("source", "can"),
    [("debian:7.3", True), ("tarball:https://a/b", True), ("tarball:/a/b", False), ("tree:/a", False)],
)
def test_only_what_means_the_same_everywhere_is_packed_unasked(source: str, *, can: bool) -> None:
    assert can_be_packed(source) == can
