"""The command line and pytest offer the same options, and read them the same way."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.options import add_options, read_arches, read_choices
from rustbed.plugin.options import ROWS
from rustbed.prepare import Choices


def given(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    return vars(parser.parse_args(words))


def test_nothing_said_means_the_defaults_of_the_choices() -> None:
    assert read_choices(given().__getitem__) == Choices()
    assert [arch.name for arch in read_arches(given().__getitem__)] == ["x86_64", "arm64", "riscv64"]


def test_pytest_has_every_option_with_the_same_default(pytestconfig: pytest.Config) -> None:
    defaults = {name.replace("-", "_"): how["default"] for name, how in ROWS}
    assert {name: defaults[name] for name in given()} == given()
    offered = {name for name in given() if hasattr(pytestconfig.option, f"rustbed_{name}")}
    assert offered == given().keys()


def test_every_word_arrives(tmp_path: Path) -> None:
    fragment = tmp_path / "mine.config"
    fragment.touch()
    words = ["--kernel", "built:/k", "--profile", "debug", "--fragment", str(fragment), "--accel", "tcg"]
    words += ["--toolchain", "host", "--qemu", "/q", "--refresh", "--cache", "/c"]
    assert read_choices(given(*words).__getitem__) == Choices(
        kernel="built:/k",
        profile="debug",
        fragments=(fragment,),
        accel="tcg",
        toolchain="host",
        qemu=Path("/q"),
        refresh=True,
        cache_root=Path("/c"),
    )


def test_fragment_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"no such fragment: {tmp_path}/nothing"):
        read_choices(given("--fragment", f"{tmp_path}/nothing").__getitem__)


def test_architecture_named_twice_is_tested_once() -> None:
    arches = read_arches(given("--arch", "riscv64,x86_64", "--arch", "riscv64").__getitem__)
    assert [arch.name for arch in arches] == ["riscv64", "x86_64"]


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match="sparc"):
        read_arches(given("--arch", "arm64,sparc").__getitem__)
