"""How programs are called inside a toolroot and on the host, and which versions will do."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.toolroot.toolchain import (
    Toolchain,
    find_shortcomings,
    identity_of,
    parse_version,
    version_key,
)

ROOTED = Toolchain(root=Path("/cache/root"), versions=(("rustc", "1.96.1"),), identity="x")
HOST = Toolchain(root=None, versions=(), identity="host-x")


def pairs(argv: list[str], option: str) -> list[tuple[str, str]]:
    return [(argv[i + 1], argv[i + 2]) for i, word in enumerate(argv) if word == option]


def test_a_toolroot_sees_what_is_bound_and_cannot_be_written() -> None:
    argv = ROOTED.command(
        ["make", "-C", "/src"],
        binds=[(Path("/cache/builds/1"), "/build")],
        read_only=[(Path("/home/me/linux"), "/src")],
        cwd="/build",
    )
    assert argv[0] == "bwrap"
    assert pairs(argv, "--ro-bind") == [("/cache/root", "/"), ("/home/me/linux", "/src")]
    assert pairs(argv, "--bind") == [("/cache/builds/1", "/build")]
    assert argv[-5:] == ["--chdir", "/build", "make", "-C", "/src"]
    assert ROOTED.seen(Path("/home/me/linux"), "/src") == "/src"


def test_a_toolroot_has_no_network_unless_asked() -> None:
    assert "--unshare-net" in ROOTED.command(["true"])
    assert "--unshare-net" not in ROOTED.command(["true"], network=True)


def test_a_toolroot_does_not_inherit_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCFLAGS", "-O0")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    argv = ROOTED.command(["true"], env={"LLVM": "1"})
    assert "--clearenv" in argv
    assert dict(pairs(argv, "--setenv"))["LLVM"] == "1"
    assert {"KCFLAGS", "https_proxy"}.isdisjoint(dict(pairs(argv, "--setenv")))
    assert dict(pairs(ROOTED.command(["true"], network=True), "--setenv"))["https_proxy"]


def test_on_the_host_paths_are_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "-k")
    assert HOST.seen(Path("/home/me/linux"), "/src") == "/home/me/linux"
    argv = HOST.command(["make"], binds=[(Path("/b"), "/build")], cwd="/b", env={"X": "1"})
    assert argv[:3] == ["env", "-i", "--chdir=/b"]
    assert argv[-2:] == ["X=1", "make"]
    assert not any(word.startswith("MAKEFLAGS") for word in argv)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rustc 1.96.1 (31fca3adb 2026-06-26) (built from a source tarball)", "1.96.1"),
        ("Debian clang version 19.1.7 (3+b1)\nTarget: x86_64", "19.1.7"),
        ("Debian LLD 19.1.7 (compatible with GNU linkers)", "19.1.7"),
        ("bindgen 0.71.1", "0.71.1"),
        ("GNU Make 4.4.1\nBuilt for x86_64", "4.4.1"),
        ("v1.30", "1.30"),
        ("QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)", "11.1.3"),
        ("*** Zstandard CLI (64-bit) v1.5.7, by Yann Collet ***", "1.5.7"),
        ("no version here", None),
        ("", None),
    ],
)
def test_versions_are_found_in_what_programs_print(text: str, expected: str | None) -> None:
    assert parse_version(text) == expected


def test_versions_compare_by_number() -> None:
    assert version_key("1.100.0") > version_key("1.85.0")
    assert version_key("1.85.0-nightly") == version_key("1.85.0")
    assert version_key("17.0.1") > version_key("17.0")


def test_all_shortcomings_are_found_at_once() -> None:
    versions = {"rustc": "1.84.1", "clang": "17.0.1", "bindgen": None, "flex": None}
    minimums = {"rustc": "1.85.0", "clang": "17.0.1", "bindgen": "0.71.1", "flex": "", "make": "4.0"}
    assert find_shortcomings(versions, minimums) == (
        ("rustc", "1.84.1 is too old, 1.85.0 or newer needed"),
        ("bindgen", "missing, 0.71.1 or newer needed"),
        ("flex", "missing"),
        ("make", "missing, 4.0 or newer needed"),
    )


def test_a_good_host_has_no_shortcomings() -> None:
    assert find_shortcomings({"rustc": "1.85.0"}, {"rustc": "1.85.0"}) == ()


def test_compilers_decide_about_identity_and_qemu_does_not() -> None:
    one = {"rustc": "1.96.1", "clang": "19.1.7", "qemu": "11.1.3"}
    assert identity_of(one) == identity_of({**one, "qemu": "12.0.0"})
    assert identity_of(one) != identity_of({**one, "rustc": "1.97.0"})
