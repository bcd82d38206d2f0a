"""Debian's kernel sources as apt lists them."""

from __future__ import annotations

import pytest

from rustbed.errors import UsageError
from rustbed.kernel.debian import KernelPackage, choose_package, parse_madison

MADISON = """\
linux-source-7.2 | 7.2.12-1~bpo13+1 | http://mirror/debian trixie-backports/main amd64 Packages
linux-source-7.2 | 7.2.9-1~bpo13+1 | http://mirror/debian trixie-backports/main amd64 Packages
linux-source-7.3 | 7.3.4-1~bpo13+1 | http://mirror/debian trixie-backports/main amd64 Packages
linux-source-6.12 | 6.12.107-1 | http://mirror/debian trixie/main amd64 Packages
linux-source-6.12 |  6.12.94-1 | http://mirror/debian trixie/main amd64 Packages
linux-source | 6.12.94-1 | http://mirror/debian trixie/main amd64 Packages
N: a remark
"""


def test_packages_are_listed_newest_kernel_first() -> None:
    assert [package.upstream for package in parse_madison(MADISON)] == [
        "7.3.4",
        "7.2.12",
        "7.2.9",
        "6.12.107",
        "6.12.94",
    ]


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("latest", "7.3.4-1~bpo13+1"),
        ("7.2", "7.2.12-1~bpo13+1"),
        ("7.2.9", "7.2.9-1~bpo13+1"),
        ("6.12", "6.12.107-1"),
    ],
)
def test_a_name_means_the_newest_that_fits(wanted: str, version: str) -> None:
    assert choose_package(parse_madison(MADISON), wanted).version == version


@pytest.mark.parametrize("wanted", ["7.4", "6.1", "7.2.1"])
def test_a_name_that_is_gone_is_answered_with_what_there_is(wanted: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_package(parse_madison(MADISON), wanted)
    assert caught.value.facts["available"] == "7.3.4, 7.2.12, 7.2.9, 6.12.107, 6.12.94"


def test_a_mirror_without_sources_is_said_to_have_none() -> None:
    with pytest.raises(UsageError) as caught:
        choose_package(parse_madison(""), "latest")
    assert caught.value.facts["available"] == "none at all"


def test_an_epoch_is_not_part_of_the_kernels_version() -> None:
    assert KernelPackage(name="linux-source-7.3", version="1:7.3.4-1").upstream == "7.3.4"
