"""Which mirror is used, and what failed downloads are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.toolroot.mirror import failure, find_cause, find_mirror, parse_mirrors, render_tail

TARGETS = """\
http://security.debian.org/debian-security|Debian|Debian-Security
https://deb.nodesource.com/node_20.x|. nodistro|. nodistro
http://ftp.example.org/debian/|Debian|Debian
http://ftp.example.org/debian/|Debian|Debian
cdrom://Debian|Debian|Debian
"""


def test_the_mirror_is_debians_and_not_the_security_archive() -> None:
    assert parse_mirrors(TARGETS) == ("http://ftp.example.org/debian",)


def test_lists_that_were_never_fetched_are_judged_by_address() -> None:
    assert parse_mirrors("http://a.example/debian||\nhttp://a.example/debian-security||\n") == (
        "http://a.example/debian",
    )


@pytest.mark.parametrize("text", ["", "nonsense", "http://archive.ubuntu.com/ubuntu|Ubuntu|Ubuntu\n"])
def test_a_host_without_debians_mirror_has_none(text: str) -> None:
    assert parse_mirrors(text) == ()


def test_the_user_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTBED_MIRROR", "http://mine.example/debian/")
    assert find_mirror() == "http://mine.example/debian"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("E: Could not resolve 'deb.example'", "cannot be reached"),
        ("Err:1 http://x trixie InRelease\n  Temporary failure resolving 'x'", "cannot be reached"),
        ("E: The repository 'http://x trixie InRelease' is not signed.", "keys of Debian trixie"),
        ("tar: ./usr/bin/clang: Cannot write: No space left on device", "no space left"),
        ("E: Failed to fetch http://x/make.deb  Hash Sum mismatch", "broke off or was damaged"),
        ("tar: Unexpected EOF in archive", "broke off or was damaged"),
        ("E: /etc/subuid doesn't contain an entry for me", "user namespaces"),
    ],
)
def test_causes_are_told_apart(line: str, cause: str) -> None:
    found = find_cause(f"I: automatically chosen mode\n{line}\n")
    assert found is not None
    assert cause in found[0]
    assert found[1]


def test_an_unknown_cause_is_not_guessed() -> None:
    assert find_cause("E: something else\n") is None


def test_errors_are_shown_before_chatter() -> None:
    assert render_tail(["Get:1 x", "E: broken", "I: removing tempdir"]) == "E: broken"
    assert render_tail(["one", "", "two"], 1) == "two"


def test_a_failure_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("E: Could not connect to mirror:80\n")
    error = failure("making the toolroot", log)
    assert str(error).splitlines()[0] == "making the toolroot: the Debian mirror cannot be reached"
    assert error.facts["log"] == log
    assert failure("x", tmp_path / "gone").facts["log"] == tmp_path / "gone"
