"""A driver's author lints: by the command, and as tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.progress import ignore
from rustbed.toolroot.clippy import find_clippy
from rustbed.toolroot.toolroot import open_toolchain
from tests.outside.installed import Installed, Project


@pytest.fixture(scope="module", autouse=True)
def _clippy(installed: Installed) -> None:
    """Fetch clippy, where it can be fetched: what is said where it cannot is tested elsewhere."""
    cache = Cache(installed.cache)
    try:
        find_clippy(open_toolchain("toolroot", cache, ignore), cache, ignore)
    except HostError as error:
        if "cannot be reached" not in error.headline:
            raise
        pytest.skip(f"{error.headline}")


@pytest.fixture
def toy(installed: Installed, tmp_path: Path) -> Project:
    """A driver as `rustbed new` makes it."""
    place = Project(installed=installed, directory=tmp_path)
    assert place.rustbed("new", "toy", "--bus", "faux").returncode == 0
    return replace(place, directory=tmp_path / "toy")


def test_a_new_driver_is_clean(toy: Project) -> None:
    done = toy.rustbed("lint", "driver", "--arch", "x86_64")
    assert done.returncode == 0, done.stdout
    done = toy.pytest("--lint", "driver")
    assert done.returncode == 0, done.stdout
    colours = toy.colours()
    assert sorted(colours) == ["checkpatch", "clippy", "rustfmt"]
    assert (colours["clippy"], colours["rustfmt"]) == ("green", "green")


def test_remarks_are_shown_as_the_programs_made_them(toy: Project) -> None:
    source = toy.directory / "driver/toy.rs"
    source.write_text(source.read_text().replace("let level =", "let  level : u32 = 0 +"))
    done = toy.rustbed("lint", "driver", "--arch", "x86_64")
    assert done.returncode == 1
    for remark in ("Diff in ", "+        let level: u32 =", "clippy::identity_op", "--> driver/toy.rs:"):
        assert remark in done.stdout
    assert "\x1b" not in done.stdout
    done = toy.pytest("--lint", "driver")
    assert done.returncode == 1
    assert {name: toy.colours()[name] for name in ("clippy", "rustfmt")} == {
        "clippy": "red",
        "rustfmt": "red",
    }
    assert "clippy::identity_op" in done.stdout


def test_a_session_without_a_driver_says_so(toy: Project) -> None:
    done = toy.pytest("--lint", "--collect-only", "tests")
    assert "--lint found no driver" in done.stdout
    assert "driver/Kbuild::clippy" in toy.pytest("--lint", "--collect-only", "-q").stdout
