"""How apt is asked for a package of another architecture."""

from __future__ import annotations

from pathlib import Path

from rustbed.toolroot.packages import render_options, render_sources


def options(arch: str) -> dict[str, str]:
    words = render_options("/work", arch)
    assert words[::2] == ("-o",) * (len(words) // 2)
    return dict(word.split("=", 1) for word in words[1::2])


def test_apt_knows_the_guests_architecture_and_no_other() -> None:
    found = options("riscv64")
    assert (found["APT::Architecture"], found["APT::Architectures"]) == ("riscv64", "riscv64")


def test_a_package_comes_from_its_suite_alone() -> None:
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    assert render_sources("http://mirror/debian", "loong64", "forky", keyring) == (
        f"deb [arch=loong64 signed-by={keyring}] http://mirror/debian forky main\n"
    )


def test_what_backports_do_not_have_comes_from_the_suite_below() -> None:
    assert render_sources("http://mirror/debian", "amd64", "trixie-backports", None) == (
        "deb [arch=amd64] http://mirror/debian trixie-backports main\n"
        "deb [arch=amd64] http://mirror/debian trixie main\n"
    )


def test_nothing_of_the_hosts_apt_is_read_or_written() -> None:
    found = options("arm64")
    assert {name: value for name, value in found.items() if name.startswith("Dir::")} == {
        "Dir::State": "/work/state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": "/work/cache",
        "Dir::Etc::sourcelist": "/work/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
    }


def test_nothing_switches_verification_off() -> None:
    assert not {
        name for name in options("amd64") if "AllowInsecure" in name or "AllowUnauthenticated" in name
    }
