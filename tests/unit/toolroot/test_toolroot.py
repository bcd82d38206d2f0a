"""The toolroot's recipe and what is read back from it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.errors import UsageError
from rustbed.progress import ignore
from rustbed.toolroot import toolroot
from rustbed.toolroot.toolroot import open_toolchain, parse_list, parse_packages, render_argv

LIST = Path(toolroot.__file__).with_suffix(".list")

STATUS = """\
Package: rustc
Status: install ok installed
Version: 1.96.1+dfsg1-2~bpo13+1
Description: Rust systems programming language
 Version: this is text: of the description

Package: clang
Version: 1:19.0-63

Package: broken
"""


def test_the_list_is_names_and_reasons() -> None:
    assert parse_list("# a title\n\n# why\nmake\n# why\nrustc/trixie-backports\n") == (
        "make",
        "rustc/trixie-backports",
    )


def test_every_package_of_ours_has_a_reason() -> None:
    lines = LIST.read_text().splitlines()
    assert [line for above, line in pairwise(lines) if line and line[0] != "#" and above[:1] != "#"] == []


def test_the_list_of_ours_has_compilers_and_machines() -> None:
    names = {name.partition("/")[0] for name in parse_list(LIST.read_text())}
    assert {"clang", "lld", "llvm", "rustc", "rust-src", "bindgen", "qemu-system-x86"} <= names


def test_a_package_named_twice_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        parse_list("make\nclang\nmake\n")
    assert caught.value.facts["packages"] == "make"


def test_versions_are_read_from_the_package_database() -> None:
    assert parse_packages(STATUS) == {"clang": "1:19.0-63", "rustc": "1.96.1+dfsg1-2~bpo13+1"}


def test_the_recipe_takes_both_suites_from_one_mirror() -> None:
    argv = render_argv(("make", "rustc/trixie-backports"), "http://mirror/debian", as_root=False)
    assert "--mode=unshare" in argv
    assert "--include=make,rustc/trixie-backports" in argv
    assert argv[-4:] == [
        "trixie",
        "-",
        "deb http://mirror/debian trixie main",
        "deb http://mirror/debian trixie-backports main",
    ]
    assert "--mode=root" in render_argv((), "http://mirror/debian", as_root=True)


def test_the_library_of_rust_survives_the_exclusions() -> None:
    options = [word.removeprefix("--dpkgopt=") for word in render_argv((), "", as_root=True)]
    # the last pattern that matches a path wins, see dpkg(1)
    assert options.index("path-exclude=/usr/src/rustc-*") < options.index(
        "path-include=/usr/src/rustc-*/library/*"
    )


def test_an_unknown_toolchain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_toolchain("gcc", Cache(tmp_path), ignore)
    assert caught.value.facts["choices"] == "toolroot, host"
